"""Devices, and batches sharded over processes."""
