"""Which images belong together where no source says who the patient is, and which are there twice."""
