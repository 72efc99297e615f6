import unicodedata

import pytest
from hypothesis import given, strategies as st

from pipeline.files.visible_text import visible


@given(st.text(st.characters(codec=None)))  # lone surrogates too
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    kept = [c for c in text if c.isprintable()]
    assert [c for c in shown if c in kept] != [] or not kept
    if text.isprintable():
        assert shown == text


def test_every_control_and_format_character_is_an_escape_that_names_it() -> None:
    for code in range(0x110000):
        character = chr(code)
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            shown = visible(character)
            assert shown.startswith("\\") and shown.isascii()
            assert shown.encode().decode("unicode_escape") == character


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("caf\u00e9\u00a0\u2014 \u65e5\u672c\u8a9e", "caf\u00e9 \u2014 \u65e5\u672c\u8a9e"),
        ("\x1b[31mred", "\\x1b[31mred"),
    ],
)
def test_letters_stay_and_wide_blanks_are_blanks(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_long_text_is_cut_and_its_length_said() -> None:
    assert visible("abcdef", 3) == "abc… (6 characters)"
    assert visible("abc", 3) == "abc"
