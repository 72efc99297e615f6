"""Numbers of a step on their way from the device to people, in one transfer."""

import math

import torch
from torch import Tensor


def to_floats(*groups: dict[str, Tensor]) -> list[dict[str, float]]:
    """Scalars by name as Python floats, group by group; the device is waited for once, not once for each scalar."""
    values = [value.detach() for group in groups for value in group.values()]
    plain = iter(torch.stack(values).tolist() if values else [])
    return [{name: next(plain) for name in group} for group in groups]


def measured(report: dict[str, float]) -> dict[str, float]:
    """The report without what this step had nothing to measure by (0 / 0 is NaN); JSON has no NaN.

    In five digits: more say nothing of a mean over a batch, and a log of a million steps is half as long.
    """
    return {name: float(f"{value:.5g}") for name, value in report.items() if math.isfinite(value)}
