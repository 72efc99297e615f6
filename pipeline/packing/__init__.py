"""Packing of images into shards."""
