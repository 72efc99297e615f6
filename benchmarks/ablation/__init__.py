"""The ablation on heraldry worlds: which part of the method helps, measured by the same budget for all."""
