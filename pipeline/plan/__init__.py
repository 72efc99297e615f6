"""Plans a run: the key and bucket of every pair."""
