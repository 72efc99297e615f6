"""Thin Prefect flows over `pipeline` and `model`, and the `entityclip` command."""
