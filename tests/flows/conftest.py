from collections.abc import Iterator

import pytest

import flows  # noqa: F401 - sets Prefect's defaults before Prefect is imported


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A real Prefect server in a temporary home, for flows that run in this process."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield
