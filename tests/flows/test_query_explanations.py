"""Which explanations a query gets, and what is said where it gets none."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from flows.query_explanations import QueryExplanation, add_explanations, check_explanations, explanations_of
from model.errors import ModelError
from model.search.explained import Together
from pipeline.errors import PipelineError
from tests.support.dataset import write_manifest


@pytest.mark.parametrize(
    ("queries", "given", "manifest", "alpha", "says"),
    [
        (["a"], ["x"], Path("m.yaml"), None, "use one of the two"),
        (["a", "b"], ["x"], None, None, "1 explanations for 2 text queries"),
        ([], None, Path("m.yaml"), None, "pass a text as well"),
        (["a"], None, None, 1.0, "--alpha is the weight of explanations"),
    ],
)
def test_options_that_do_not_fit_are_refused(queries, given, manifest, alpha, says) -> None:
    with pytest.raises(ModelError, match=says):
        check_explanations(queries, given, manifest, alpha)


def test_a_manifest_that_is_not_there_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"nowhere\.yaml"):
        check_explanations(["a"], None, tmp_path / "nowhere.yaml", None)


def test_the_llm_explains_and_what_the_judge_refuses_is_not_used(tmp_path: Path, tiny_llama: Path) -> None:
    manifest = write_manifest(tmp_path, tiny_llama)
    used, unused = explanations_of(["the arms of house ba", "Angela Merkel in Berlin"], None, manifest) or []
    assert used.text and not used.why_not and used.status == "ok"
    assert unused.text is None and unused.why_not.startswith("truncated: ") and unused.status == "truncated"
    assert explanations_of(["a"], ["given"], None) == [("given", "", "")]
    assert explanations_of(["a"], None, None) is None


def test_a_dead_llm_is_said_and_the_search_goes_on(
    tmp_path: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def dead(*_: object) -> None:
        raise PipelineError("no vLLM server at http://127.0.0.1:9 has answered")

    monkeypatch.setattr("pipeline.generation.explain.explain", dead)
    (one,) = explanations_of(["a"], None, write_manifest(tmp_path, tiny_llama)) or []
    assert one.text is None
    assert "searching by captions alone, as the LLM cannot be asked: no vLLM server" in capsys.readouterr().err


def test_an_explanation_that_hardly_agrees_is_used_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    index = SimpleNamespace(about={"reader": {"alpha": 0.5, "alpha_chosen": "validation", "low_agreement": 0.3}})
    together = Together(torch.eye(3), [0.31, 0.29, None])
    monkeypatch.setattr("model.search.explained.load_reader", lambda *_: None)
    monkeypatch.setattr("model.search.explained.with_explanations", lambda *_: together)
    texts = [QueryExplanation("one"), QueryExplanation("two"), QueryExplanation(None, "refused")]
    vectors, said = add_explanations(index, ["a", "b", "c"], torch.zeros(3, 3), texts, None)
    assert torch.equal(vectors, torch.eye(3))
    assert said == [
        "2 of 3 queries with an explanation, of weight 0.5 (chosen on validation)",
        "query 2: its explanation hardly agrees with it (cosine 0.29; on validation, nine of ten are above 0.30): the "
        "explanation may be wrong, or training has not seen the name",
    ]
