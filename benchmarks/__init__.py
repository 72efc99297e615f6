"""Measurements of cost and benefit, with baselines to compare with."""

from entityclip.contract.moved_modules import answer_for_moved_modules

answer_for_moved_modules()
