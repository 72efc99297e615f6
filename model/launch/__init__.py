"""Training and evaluation in several processes, by torchrun."""
