"""Read CT volumes as grey levels, one square per slab."""
