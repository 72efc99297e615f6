"""Helpers for worker processes."""

import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """Make this worker process exit as soon as its parent process ends, for whatever reason."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end, name="end-with-parent", daemon=True).start()
