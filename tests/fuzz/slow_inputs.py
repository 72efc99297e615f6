"""Reads files of 1 MB on which a careless reader takes minutes, each within a limit of the kernel on processor time."""

import argparse
import resource
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pipeline.errors import PipelineError
from tests.fuzz.containers import look, put_image, reader, slow_images, slow_inputs
from tests.fuzz.limits import CPU_SECONDS


def main() -> None:
    """Print a line for each file before it is read, and what became of it; the kernel ends what takes too long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    root = parser.parse_args().folder
    put_image(root)
    warnings.simplefilter("ignore")
    for name, (dataset, content) in slow_inputs().items():
        with_limit(name, partial(reader(root, dataset), content))
    for name, make in slow_images().items():
        with_limit(name, partial(look, root, make()))


def with_limit(name: str, run: Callable[[], str]) -> None:
    """Run within the limit, counted from now; print the seconds of processor time that it took."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    used = before.ru_utime + before.ru_stime
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 1 + CPU_SECONDS, resource.RLIM_INFINITY))
    print(f"reading {name}", flush=True)
    try:
        outcome = run()
    except PipelineError:
        outcome = "explained"
    after = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{after.ru_utime + after.ru_stime - used:.1f} s: {name}: {outcome}", flush=True)


if __name__ == "__main__":
    main()
