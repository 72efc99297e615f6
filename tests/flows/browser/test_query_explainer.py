"""The LLM that the site asks: once for each caption, without holding the site up, whatever becomes of it."""

import asyncio
import threading
from pathlib import Path

import pytest

from flows.browser import query_explainer
from flows.browser.query_explainer import QueryExplainer
from flows.query_explanations import QueryExplanation
from pipeline.errors import PipelineError


class _Llm:
    """Answers once it may; `fails` is raised instead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.may = threading.Event()
        self.may.set()
        self.fails: Exception | None = None
        monkeypatch.setattr(query_explainer, "ask_llm", self._ask)

    def _ask(self, queries: list[str], manifest: Path) -> list[QueryExplanation]:
        self.asked += queries
        self.may.wait()
        if self.fails is not None:
            raise self.fails
        return [QueryExplanation(f"about {query}", status="ok") for query in queries]


@pytest.fixture
def llm(monkeypatch: pytest.MonkeyPatch) -> _Llm:
    return _Llm(monkeypatch)


def test_a_caption_is_asked_once_whoever_waits(llm: _Llm) -> None:
    explainer = QueryExplainer(Path("m.yaml"))

    async def several() -> list[QueryExplanation]:
        llm.may.clear()
        waiting = [asyncio.create_task(explainer.explanation(caption)) for caption in ("a", "a", "b")]
        await asyncio.sleep(0)
        assert explainer.is_busy
        waiting[0].cancel()  # a page that is left costs the others nothing
        llm.may.set()
        return [await one for one in waiting[1:]]

    assert [one.text for one in asyncio.run(several())] == ["about a", "about b"]
    assert asyncio.run(explainer.explanation("a")).text == "about a" and llm.asked == ["a", "b"]
    assert not explainer.is_busy


@pytest.mark.parametrize(
    ("error", "said"),
    [(PipelineError("no server at x"), "the LLM cannot be asked: no server at x"), (KeyError("y"), "see the terminal")],
)
def test_an_llm_that_fails_is_said_and_asked_again(llm: _Llm, error: Exception, said: str) -> None:
    explainer = QueryExplainer(Path("m.yaml"))
    llm.fails = error
    failed = asyncio.run(explainer.explanation("a"))
    assert failed.text is None and said in failed.why_not
    llm.fails = None
    assert asyncio.run(explainer.explanation("a")).text == "about a"


def test_a_slow_llm_holds_no_page_up_and_its_answer_is_kept(llm: _Llm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_explainer, "WAITS", 0.01)
    explainer = QueryExplainer(Path("m.yaml"))
    llm.may.clear()

    async def many() -> list[QueryExplanation]:
        return await asyncio.gather(*(explainer.explanation(str(number)) for number in range(12)))

    found = asyncio.run(many())
    assert all("has not answered within" in one.why_not for one in found[:8])
    assert all("8 queries are waiting for the LLM" in one.why_not for one in found[8:])
    llm.may.set()
    monkeypatch.setattr(query_explainer, "WAITS", 60.0)
    assert asyncio.run(explainer.explanation("7")).text == "about 7"
    assert llm.asked == [str(number) for number in range(8)]
