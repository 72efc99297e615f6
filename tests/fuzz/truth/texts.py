"""Captions as people write them, each with what a reader should make of it, known piece by piece."""

# ruff: noqa: RUF001
import random
from typing import NamedTuple


class Text(NamedTuple):
    """A text in the data, and the text that should come out."""

    raw: str
    clean: str


_WORDS = (
    "Ann", "Queen", "at Ascot", "in 1953", "the", "St. Mary", "O'Brien", "AT&T", "2 < 3", "100%", "Zoë", "Müller",
    "Château", "Łódź", "Đỗ", "Москва", "Αθήνα", "東京", "서울", "القاهرة", "ירושלים", "दिल्ली", "Beyonce\u0301",
    "A\u030angstro\u0308m", "👩‍🚀", "🏳️‍🌈", "🇩🇪", "𝔘𝔫𝔦", "می\u200cخواهم", "“quoted”", "d’If", "–", "…", "€5", "½",
    "nan", "None", "null", "-", "#", "=1+1", "\U000f0000", "x\\n", "C:\\new\\table", "\\", "%20", "http://x.org/a?b=c",
    "_0", "#2", "{}", "[1]", "$HOME", "~", "`x`", "</s>", "<end>", "<|im_end|>", "[INST]", "&nothing;", "& Co.",
)  # fmt: skip
_SIGNS = ('"', '""', "'", ",", ";", "|", ", ", "; ", " | ")
_CHANGED = (
    ("&amp;", "&"), ("&#8217;", "’"), ("&eacute;", "é"), ("&nbsp;", " "), ("&amp;quot;", '"'), ("&#x1F600;", "😀"),
    ("\u202e", ""), ("\u2066", ""), ("\u200b", ""), ("\u00ad", ""), ("\ufeff", ""), ("\x7f", ""), ("\x01", ""),
    ("\xa0", " "), ("\u3000", " "), ("   ", " "),
)  # fmt: skip
_SPACES = ("\t", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029")  # one line in a file, white space in a caption
_BREAKS = ("\n", "\r\n", "\r", "\n\n")
_ALL = (
    [Text(word, word) for word in _WORDS]
    + [Text(sign, sign) for sign in _SIGNS]
    + [Text(*one) for one in _CHANGED]
    + [Text(space, " ") for space in _SPACES]
    + [Text(line, " ") for line in _BREAKS]
)
_HTML = [Text(f"<{tag}>", "") for tag in ("b", "/b", "i class='x'", 'a href="http://x.org"', "/a")]
_HTML += [Text(tag, " ") for tag in ("<br>", "<br/>", "</p>", "<!-- no -->", "&lt;br&gt;", "<script>x()</script>")]


def caption(
    rng: random.Random, codec: str = "utf-8", without: str = "", *, html: bool = False, name: str | None = None
) -> Text:
    """A random caption of a few pieces that `codec` can write, without the characters in `without`.

    With `html`, tags are among the pieces, and expected to be removed. `name` is a word that it begins with.
    """
    pieces = [Text(name, name)] if name else []
    pool = [*_ALL, *_HTML * 3] if html else _ALL
    for _ in range(rng.randint(1, 7)):
        piece = rng.choice(pool) if rng.random() < 0.6 else Text(*[rng.choice(_WORDS)] * 2)
        if can_write(piece.raw, codec) and not any(one in piece.raw for one in without):
            pieces.append(piece)
    gap = rng.choice((" ", " ", " ", "")) if not html else " "
    return joined([Text("Ann", "Ann"), *pieces], gap)


def joined(pieces: list[Text], gap: str) -> Text:
    """The pieces as one text, with white space collapsed in what should come out."""
    return Text(gap.join(one.raw for one in pieces), " ".join(gap.join(one.clean for one in pieces).split()))


def can_write(text: str, codec: str) -> bool:
    """Whether a codec has all the characters, and gives them back."""
    try:
        return text.encode(codec).decode(codec).removeprefix("\ufeff") == text.removeprefix("\ufeff")
    except UnicodeError:
        return False


def topic(rng: random.Random, codec: str = "utf-8") -> str | None:
    """A topic, or none."""
    found = rng.choice((None, "Sports", "Kultur & Wein", "Überblick", "政治", "a/b"))
    return found if found is None or can_write(found, codec) else None
