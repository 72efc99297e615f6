"""How pytest-xdist deals out the tests: a file at a time, so that what its tests share is made once."""

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[2]

# What takes seconds to start and gigabytes to hold, by the words that say that a file's tests want it: all these files
# go to one worker, which starts it once. So no two vLLM servers are ever up at once.
_STARTED_ONCE = {"prefect_server": "servers", "pytest.mark.vllm": "servers", "chromium": "browser"}


class FilesByWorker(LoadScopeScheduling):
    """In place of xdist's own `loadfile`."""

    def _split_scope(self, nodeid: str) -> str:
        return _unit(nodeid.partition("::")[0])


@cache
def _unit(file: str) -> str:
    source = (ROOT / file).read_text(encoding="utf-8")
    return next((unit for words, unit in _STARTED_ONCE.items() if words in source), file)
