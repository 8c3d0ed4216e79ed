"""Public chest sets: what they have in common. The module of each set describes its tables and its labels."""
