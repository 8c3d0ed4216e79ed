"""From a source to a prepared data set: splits, pixel cache, groups."""
