"""Training with Keras: options, batches, loss, folds, checkpoints, several processes."""
