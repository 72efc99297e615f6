"""Output of a training run: progress, log, learning curves and experiment trackers."""
