"""Reads, writes and locks explanation shards and receipts; `entityclip.contract` defines their formats."""
