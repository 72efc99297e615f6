"""How pytest-xdist deals out the tests: a file at a time, so that what its tests share is made once."""

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[2]

# A Prefect server, Chromium and vLLM take seconds to start and gigabytes to hold: all files that name one of them go
# to one worker, which starts it once. Two vLLM servers are never up at once.
_STARTED_ONCE = ("pytest.mark.vllm", "prefect_server", "chromium")


class FilesByWorker(LoadScopeScheduling):
    """In place of xdist's own `loadfile`."""

    def _split_scope(self, nodeid: str) -> str:
        return _unit(nodeid.partition("::")[0])


@cache
def _unit(file: str) -> str:
    source = (ROOT / file).read_text(encoding="utf-8")
    return next((name for name in _STARTED_ONCE if name in source), file)
