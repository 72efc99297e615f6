import unicodedata

import pytest
from hypothesis import given, settings, strategies as st

from pipeline.readers.captions import BROKEN, CONTROLS, ENTITIES, KINDS, RETURNS, SPACE, TAGS, clean_caption


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


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("<p>Pat <b>Roe</b> in<br/>Cork.</p>", "Pat Roe in Cork."),
        ("<p>One</p><P class=x>Two", "One Two"),
        ('<a href="x > y" title="it\'s">Roe</a>, <a title=it\'s>Doe</a>', "Roe, Doe"),
        ("&lt;i&gt;Roe&lt;/i&gt;<!-- more -->", "Roe"),
        ("Roe <script>var a = 1 < 2;</script>", "Roe"),
        ("2 < 3 > 1, I <3 you, x <b", "2 < 3 > 1, I <3 you, x <b"),
        ("<end> </s> <|im_end|> <end_of_text>", "<end> </s> <|im_end|> <end_of_text>"),
    ],
)
def test_html_tags_are_removed_where_a_release_has_them(text: str, cleaned: str) -> None:
    assert clean_caption(text, has_html=True) == (cleaned, clean_caption(text, has_html=True)[1])
    assert (TAGS in clean_caption(text, has_html=True)[1]) is ("<" not in cleaned)
    assert "&" in text or clean_caption(text)[0] == " ".join(text.split())


_PIECES = st.sampled_from(
    [
        "<b>",
        "<",
        "br>",
        "</p>",
        "<a ",
        ">",
        "&amp;",
        "&",
        "amp;",
        "#13;",
        "\r",
        "\n",
        " ",
        "\u200b",
        "\u202e",
        "&lt",
        ";",
        "x",
        "\ud83d",
    ]
)


@given(st.text() | st.lists(_PIECES, max_size=12).map("".join))
@settings(max_examples=600, deadline=None)
def test_a_clean_caption_stays_as_it_is(text: str) -> None:
    for has_html in (False, True):
        _stays(text, has_html)


def _stays(text: str, has_html: bool) -> None:
    cleaned, kinds = clean_caption(text, has_html=has_html)
    assert clean_caption(cleaned, has_html=has_html) == (cleaned, frozenset())
    assert (cleaned != text) == bool(kinds)
    assert kinds <= set(KINDS)
    cleaned.encode("utf-8")
    assert not any(unicodedata.category(c) == "Cc" for c in cleaned)
    assert cleaned == " ".join(cleaned.split(" ")).strip()
