"""Counts are those of the tokenizers that CLIPs use."""

import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from model.clip.open_clip_import import open_clip
from model.clip.plain_text import plain_text_tokenizer
from pipeline.errors import PipelineError
from pipeline.judge.clip_tokens import token_counter

REPOSITORY = Path(__file__).parents[3]
OPENAI = plain_text_tokenizer(open_clip.SimpleTokenizer())  # reads special tokens' texts as text, as training does
COUNT = token_counter("openai", Path())


@pytest.mark.parametrize(
    "text",
    [
        "Angela Merkel\u2019s cabinet \u2013 the \u201cGrand Coalition\u201d \u2013, isn't in 2,021 & &amp;",
        "they'll've won 3rd-10th; U.S.-led \u2026 caf\u00e9 nai\u0308ve STRASSE a_b__c",
        "\u5b89\u683c\u62c9\u00b7\u9ed8\u514b\u5c14\u662f\u5fb7\u56fd\u524d\u603b\u7406\u3002",
        "\u0410\u043d\u0433\u0435\u043b\u0430 \u041c\u0435\u0440\u043a\u0435\u043b\u044c \U0001f600",
        "a very long text " * 60,
        "<start_of_text> a <end_of_text>",
        "",
    ],
)
def test_as_open_clip_counts(text: str) -> None:
    assert COUNT(text) == len(OPENAI.encode(text)) + 2  # type: ignore[attr-defined]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_as_open_clip_counts_any_ascii(text: str) -> None:
    assert COUNT(text) == len(OPENAI.encode(text)) + 2  # type: ignore[attr-defined]


def test_a_folders_tokenizer_counts_what_it_would_cut() -> None:
    count = token_counter("heraldry/clip", REPOSITORY / "data_manifests")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{REPOSITORY}/data_manifests/heraldry/clip")
    text = "a red lion on a gold shield"
    assert count(text) == int((tokenizer([text]) != 0).sum())
    assert count(" ".join([text] * 20)) == 20 * (count(text) - 2) + 2


def test_special_tokens_in_a_text_are_counted_as_text() -> None:
    assert COUNT("a <end_of_text> b") == COUNT("a < end _ of _ text > b") == 11
    count = token_counter("heraldry/clip", REPOSITORY / "data_manifests")
    assert count("a <end> lion") == count("a < end > lion") == 7


def test_a_tokenizer_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "tokenizer.json").write_text(json.dumps({"model": 1}))
    for name, message in (
        ("empty", "has no tokenizer.json; .* use 'openai' instead"),
        ("broken", "tokenizer.json cannot be read"),
        ("./none", "neither 'openai' nor a folder"),
        ("open-ai", "neither 'openai' nor a folder"),
        ("org/none", "cannot be downloaded from the hub"),
    ):
        with pytest.raises(PipelineError, match=message):
            token_counter(name, tmp_path)
