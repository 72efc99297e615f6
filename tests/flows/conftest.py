import os
import signal
from collections.abc import Iterator

import pytest

import flows  # noqa: F401 - sets Prefect's defaults before Prefect is imported


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A real Prefect server in a temporary home, for flows that run in this process."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=240):
        yield


@pytest.fixture(autouse=True)
def process_as_it_was() -> Iterator[None]:
    """The command handles signals and quietens Prefect through the environment; the next test knows nothing of it."""
    environment = dict(os.environ)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for name in set(os.environ) - set(environment):
        del os.environ[name]
