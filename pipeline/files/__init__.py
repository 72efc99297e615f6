"""Access to files in local folders and in object storage."""
