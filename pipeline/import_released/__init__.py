"""Import of explanations that others generated and released."""
