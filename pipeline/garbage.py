"""Python's cycle collector looks at objects again and again; rows have no cycles, so a run asks it to look less."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_THRESHOLDS = (100_000, 50, 100)  # new objects before a look at the youngest, then at the older generations


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collect cycles seldom, and never look at what was there before: a sixth of the pipeline's time went there."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
