"""What a training step costs: measured, and against what."""
