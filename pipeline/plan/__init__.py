"""Planning: the key and the bucket of every pair."""
