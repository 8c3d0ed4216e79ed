"""Where images and labels come from: one module or folder per data set, and their registry."""
