"""Reads, writes and locks explanation shards and receipts, whose formats `entityclip.contract` defines."""
