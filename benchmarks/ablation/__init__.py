"""The ablation on heraldry worlds, which compares the parts of the method at equal budgets."""
