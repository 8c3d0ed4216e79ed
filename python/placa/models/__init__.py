"""Networks: build them by name, assemble them to a model, save and load it."""
