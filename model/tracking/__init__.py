"""What a run says while it works: progress, log, curves, trackers."""
