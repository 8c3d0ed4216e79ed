"""CT volumes to grey levels, one square per slab."""
