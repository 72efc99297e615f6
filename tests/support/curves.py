"""Training without its picture: drawing `learning_curves.png` takes three times as long as all of a tiny training."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from model.tracking.learning_curves import LearningCurves


@contextmanager
def undrawn() -> Iterator[None]:
    """Runs of this process leave no picture; those of other processes do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LearningCurves, "draw", lambda self: None)
        yield
