"""The manifest: a dataset and how its explanations are generated."""
