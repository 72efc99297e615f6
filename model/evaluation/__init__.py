"""Retrieval of a trained run: ranks, recalls, intervals, comparisons."""
