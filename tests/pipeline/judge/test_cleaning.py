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
