"""A process that works for another one."""

import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """Call it in the worker: it ends as soon as the process that began it does, however that ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end, name="end-with-parent", daemon=True).start()
