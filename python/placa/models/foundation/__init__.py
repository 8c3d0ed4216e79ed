"""Networks of foundation models: vision transformers from the folders in which transformers stores them."""
