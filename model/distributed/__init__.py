"""Devices, and the processes that share a batch."""
