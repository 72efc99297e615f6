"""Packs images into explanation shards."""
