"""What every stage may use and which uses no stage: errors, files, progress, executors."""
