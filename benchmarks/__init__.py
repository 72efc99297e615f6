"""Benchmarks of the project's costs and benefits, against baselines."""

from entityclip.contract.moved_modules import answer_for_moved_modules

answer_for_moved_modules()
