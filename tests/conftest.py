import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

os.environ.setdefault("OMP_NUM_THREADS", "1")  # on shared cores more threads are slower, and sums stay the same

from tests.support.browser import headless_chromium
from tests.support.tiny_llama import make_tiny_llama


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("llm") / "tiny-llama")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with headless_chromium() as browser:
        yield browser
