import unicodedata

import pytest
from hypothesis import given, strategies as st

from pipeline.judge.cleaning import clean


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("  The Queen,\r\n in a\tblue  coat. ", "The Queen, in a blue coat."),
        ("Explanation: A horse race.", "A horse race."),
        ('"A horse race."', "A horse race."),
        ('"Ascot" is a "race".', '"Ascot" is a "race".'),
        ("Explanation:", ""),
        ("\u200b\u202ehidden\u202c\x00", "hidden"),
        ("Åsa \u2013 na\u00efve \u2014 日本", "Åsa \u2013 na\u00efve \u2014 日本"),
        ("", ""),
    ],
)
def test_real_looking_cases(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


@given(st.text(st.characters(codec="utf-8")))
def test_idempotent_printable_and_on_one_line(raw: str) -> None:
    text = clean(raw)
    assert clean(text) == text
    assert text == text.strip()
    assert all(c == " " or not c.isspace() for c in text)
    assert not any(unicodedata.category(c).startswith("C") for c in text)


@pytest.mark.parametrize(
    "raw",
    [
        "```text\nA horse race.\n```\u200b",
        "\ufeff```\nA horse race.\n```\n\u200b\n",
        "Caption: Ascot\n\nExplanation: A horse race.\n### Instruction: more",
        'Caption: Ascot\n\nExplanation: ```\n"A horse race."\n```\n\nUser: and now?',
    ],
)
def test_what_surrounds_one_wrapping_does_not_keep_another(raw: str) -> None:
    assert clean(raw) == "A horse race."
