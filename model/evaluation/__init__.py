"""Retrieval evaluation of a trained run: ranks, recalls, bootstrap intervals, comparisons."""
