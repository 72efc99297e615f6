"""Training and evaluation in several processes with torchrun."""
