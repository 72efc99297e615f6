"""Texts are found in the values of any file that people release, and what is no text is named."""

from typing import Any

import pytest

from pipeline.import_released.entries import Unusable, entries_of

T = "A text."


@pytest.mark.parametrize(
    "value",
    [
        T,
        [T],
        [T, T],
        [None, [T]],
        {"explanation": T, "caption": "x"},
        {"generated_text": T},
        [{"generated_text": T, "score": 1.0}],
        {"anything": T},
        {"id": "1", "outputs": [{"text": T}]},
        {"choices": [{"message": {"role": "assistant", "content": T}, "index": 0}]},
        [{"role": "user", "content": "Explain: x"}, {"role": "assistant", "content": T}],
        [{"from": "human", "value": "x"}, {"from": "gpt", "value": T}],
        {"role": "assistant", "content": [{"type": "text", "text": T}]},
    ],
)
def test_a_text_in_any_form(value: Any) -> None:
    assert list(entries_of("a.jpg", value)) == [("a.jpg", T)]


def test_several_texts_and_several_images() -> None:
    assert list(entries_of("a.jpg", ["A", "B", "A"])) == [("a.jpg", "A"), ("a.jpg", "B")]
    assert list(entries_of("train", {"1.jpg": "A", "b/2.PNG": ["B"]})) == [("train/1.jpg", "A"), ("train/b/2.PNG", "B")]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (float("nan"), "null"),
        (1, "a number or truth value"),
        ([], "an empty list"),
        ([None], "null"),
        ({}, "an empty object"),
        ({"x": "a", "y": "b"}, "an object with the fields x, y"),
        ([{"role": "user", "content": "x"}], "a chat without an answer (user)"),
        ([[[[[[[[T]]]]]]]], "nested too deeply"),
    ],
)
def test_what_is_no_text_is_named(value: Any, kind: str) -> None:
    assert list(entries_of("a.jpg", value)) == [("a.jpg", Unusable(kind))]
