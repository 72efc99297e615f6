"""A run as one HTML page that opens from disk and asks for nothing, and its plots as files beside it."""
