"""The ablation on heraldry worlds: the parts of the method compared with equal budgets."""
