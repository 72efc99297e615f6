"""Shards written again with their images inside."""
