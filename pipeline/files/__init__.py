"""Files, locally and on object storage."""
