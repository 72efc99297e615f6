"""The manifest: what a dataset is and how its explanations are made."""
