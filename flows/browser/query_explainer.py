"""Asks a manifest's LLM to explain queries of the site, one at a time, in a thread of its own."""

import asyncio
import queue
import sys
import threading
import traceback
from collections import OrderedDict
from concurrent.futures import Future
from pathlib import Path

from entityclip.contract.status import Status
from flows.query_explanations import QueryExplanation, ask_llm
from pipeline.errors import PipelineError

WAITS = 60.0  # seconds until a page is shown without an explanation that is still being written
_MAY_BE_MENDED = ("", Status.ERROR)  # of answers that are not kept: the LLM could not be asked
_KEPT, _MOST_WAITING = 500, 8  # explanations in memory; queries that wait for the LLM


class QueryExplainer:
    """Explanations by a manifest's LLM; each caption is asked once, whoever waits for it.

    Pages wait without a thread, so that a slow LLM does not keep the site's threads busy.
    """

    def __init__(self, manifest: Path) -> None:
        self._manifest = manifest
        self._kept: OrderedDict[str, QueryExplanation] = OrderedDict()
        self._asked: dict[str, Future[QueryExplanation]] = {}
        self._waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._lock, self._importing = threading.Lock(), threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def is_busy(self) -> bool:
        """Return whether the LLM is being asked."""
        return bool(self._asked)

    def prepare(self) -> None:
        """Import what both the LLM's thread and a search use, before either does.

        The first import of transformers fails in one of two threads that import it at the same time.
        """
        with self._importing:
            import transformers  # noqa: F401

    async def explanation(self, caption: str) -> QueryExplanation:
        """Return the LLM's explanation of a caption, or why there is none (yet)."""
        with self._lock:
            if (kept := self._kept.get(caption)) is not None:
                self._kept.move_to_end(caption)
                return kept
            if caption not in self._asked and len(self._asked) >= _MOST_WAITING:
                return QueryExplanation(None, f"{_MOST_WAITING} queries are waiting for the LLM; try again later")
            if caption not in self._asked:
                self._asked[caption] = future = Future[QueryExplanation]()
                future.set_running_or_notify_cancel()  # so that a page that is left does not cancel it
                self._waiting.put(caption)
            answer = self._asked[caption]
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="LLM")
                self._thread.start()
        try:
            # shielded: others may wait for the same answer, and it is kept for a reload
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(answer)), WAITS)
        except TimeoutError:
            why = f"the LLM has not answered within {WAITS:.0f} s; reload the page to see whether it has"
            return QueryExplanation(None, why)

    def _work(self) -> None:
        while True:
            caption = self._waiting.get()
            found = self._ask(caption)
            with self._lock:
                if found.status not in _MAY_BE_MENDED:
                    self._kept[caption] = found
                    while len(self._kept) > _KEPT:
                        self._kept.popitem(last=False)
                answer = self._asked.pop(caption)
            answer.set_result(found)

    def _ask(self, caption: str) -> QueryExplanation:
        try:
            return ask_llm([caption], self._manifest)[0]
        except PipelineError as error:
            return QueryExplanation(None, f"the LLM cannot be asked: {error}")
        except Exception:  # whatever an engine raises must not end the thread, for which pages wait
            traceback.print_exc(file=sys.stderr)
            return QueryExplanation(None, "the LLM cannot be asked; see the terminal that runs `serve`")
