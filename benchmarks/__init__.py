"""Benchmarks that compare the project's costs and results with baselines."""

from entityclip.contract.moved_modules import answer_for_moved_modules

answer_for_moved_modules()
