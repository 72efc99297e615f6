import unicodedata

import pytest
from hypothesis import given, settings, strategies as st

from pipeline.readers.captions import BROKEN, CONTROLS, ENTITIES, KINDS, RETURNS, SPACE, clean_caption


@pytest.mark.parametrize(
    ("text", "cleaned", "kinds"),
    [
        ("Queen Elizabeth II at Ascot.", "Queen Elizabeth II at Ascot.", set()),
        ("Zoë Saldaña “left”, 习近平 🏳️‍🌈", "Zoë Saldaña “left”, 习近平 🏳️‍🌈", set()),
        ("Ms. Tanaka\r\nin Tokyo.\r", "Ms. Tanaka in Tokyo.", {RETURNS}),
        ("  two\u00a0 spaces\n", "two spaces", {SPACE}),
        ("AT&amp;T&#8217;s &quot;offer&quot;", 'AT&T\u2019s "offer"', {ENTITIES}),
        ("twice: &amp;quot;", 'twice: "', {ENTITIES}),
        ("R&D, AT&T, &copy 2010 &nothing; a&b;", "R&D, AT&T, &copy 2010 &nothing; a&b;", set()),
        ("a\x00b\u202ec\ufeff\u00ad", "abc", {CONTROLS}),
        ("one&#13;&#10;two", "one two", {ENTITIES, RETURNS}),
        ("caf\udce9", "caf\ufffd", {BROKEN}),
        (" \r\n ", "", {RETURNS}),
        ("", "", set()),
    ],
)
def test_what_changes_and_what_it_is_called(text: str, cleaned: str, kinds: set[str]) -> None:
    assert clean_caption(text) == (cleaned, kinds)


_PIECES = st.sampled_from(
    ["&amp;", "&", "amp;", "#13;", "\r", "\n", " ", "\u200b", "\u202e", "&lt", ";", "x", "\ud83d"]
)


@given(st.text() | st.lists(_PIECES, max_size=12).map("".join))
@settings(max_examples=600, deadline=None)
def test_a_clean_caption_stays_as_it_is(text: str) -> None:
    cleaned, kinds = clean_caption(text)
    assert clean_caption(cleaned) == (cleaned, frozenset())
    assert (cleaned != text) == bool(kinds)
    assert kinds <= set(KINDS)
    cleaned.encode("utf-8")
    assert not any(unicodedata.category(c) == "Cc" for c in cleaned)
    assert cleaned == " ".join(cleaned.split(" ")).strip()
