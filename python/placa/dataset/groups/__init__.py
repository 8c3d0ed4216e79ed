"""Find groups of images without known patients, and duplicate images."""
