"""A trained model on images: prediction and Grad-CAM."""
