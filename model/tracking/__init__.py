"""Output of a training run: progress, log, learning curves, experiment trackers."""
