import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

hypothesis.settings.register_profile("shared cores", deadline=None)
hypothesis.settings.load_profile("shared cores")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # on shared cores more threads are slower, and sums stay the same

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# What is heavy is imported by the fixtures that need it: every process that runs tests imports this file.


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getoption("dist") != "loadfile":
        return None
    from tests.support.files_by_worker import FilesByWorker

    return FilesByWorker(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1200))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if config.getoption("markexpr") != "slow":
        return
    from tests.support.time_budget import table

    reports = [report for found in terminalreporter.stats.values() for report in found if hasattr(report, "when")]
    terminalreporter.section("time of the slow tests")
    terminalreporter.write_line("\n".join(table((report.nodeid, report.duration) for report in reports)))


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.support.tiny_llama import make_tiny_llama

    return make_tiny_llama(tmp_path_factory.mktemp("llm") / "tiny-llama")


@pytest.fixture(scope="session")
def chromium_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a Chromium that runs as long as the tests do, for DevTools' protocol."""
    from tests.support.browser import headless_chromium

    with headless_chromium(tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture(scope="module")
def chromium(chromium_address: str) -> "Iterator[Browser]":
    from tests.support.browser import connected

    with connected(chromium_address) as browser:
        yield browser


@pytest.fixture(scope="module")
def undrawn_curves() -> Iterator[None]:
    """For modules whose runs' pictures nobody looks at."""
    from tests.support.curves import undrawn

    with undrawn():
        yield
