"""Detects and applies the encoding of text, for all readers and for `entityclip init`.

Text is UTF-8 unless a byte order mark, or zero bytes at every other place, say UTF-16 or UTF-32. Single bytes that are
not UTF-8 become lone surrogates (`surrogateescape`): ids show them as `\\xe9`, and captions as U+FFFD, counted. If most
texts beyond ASCII read like an 8-bit encoding, `TextWatch` raises an error that asks for `dataset.encoding`.
"""

import codecs
import re
import unicodedata

from pipeline.errors import PipelineError

UTF8 = "utf-8"
_MARKS = (  # UTF-32 comes first, because its mark begins with the mark of UTF-16
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_LOOKED_AT = 4096  # bytes
_DAMAGED = "entityclip-damaged"
_ESCAPED = re.compile("[\udc80-\udcff]+")
_SIGNS = set("\u201a\u201e\u2026\u2018\u2019\u201c\u201d\u2013\u2014\u20ac\u2122\u00a0\u00a3\u00a7\u00a9\u00ab\u00ad")
_SIGNS |= set("\u00ae\u00b0\u00b2\u00b3\u00b4\u00b7\u00bb\u00bc\u00bd\u00be\u00bf\u00a1\u2022")
_USUAL_LEADS = (0xE2, 0xF0)  # the first bytes of dashes, quotation marks and emoji, where a text is often cut off
_FEW = 4  # bytes: so many that are not UTF-8, in one text, are an encoding and no damage

codecs.register_error(_DAMAGED, lambda error: ("\udcff", getattr(error, "end", 1)))


def wide_encoding(head: bytes) -> str | None:
    """Return `utf-16` or `utf-32` (or `utf-16-le` or `-be`, without a mark) if a text begins so, otherwise None."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    head = head[:_LOOKED_AT]
    if b"\0" not in head or len(head) < 4:
        return None
    places = len(head) // 2
    even, odd = head[::2].count(0) / places, head[1::2].count(0) / places
    if min(even, odd) > 0.05 or max(even, odd) < 0.5:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def errors_of(encoding: str) -> str:
    """Return the error handler for decoding: damage becomes lone surrogates, which readers count."""
    return "surrogateescape" if encoding == UTF8 else _DAMAGED


def decoded(content: bytes, encoding: str | None = None) -> str:
    """Decode a text with the encoding that its mark says, else with `encoding`, else as UTF-16 without a mark or UTF-8.

    Bytes that are not UTF-8 become lone surrogates (`surrogateescape`).
    """
    if content.startswith(codecs.BOM_UTF8):
        return content[3:].decode(UTF8, "surrogateescape")
    wide = wide_encoding(content) if encoding is None or content[:1] in b"\xff\xfe\0" else None
    encoding = wide or encoding or UTF8
    return content.decode(encoding, errors_of(encoding))


def as_text_or_hex(content: bytes, encoding: str | None = None) -> str:
    """Return bytes as text if they are printable UTF-8 (or text in `encoding`), otherwise as hex digits, as for UUIDs.

    Zero bytes at the end, which pad values of a fixed size, are not part of a text.
    """
    for codec in (UTF8, encoding) if encoding is not None else (UTF8,):
        try:
            text = content.rstrip(b"\0").decode(codec)
        except UnicodeDecodeError:
            continue
        if text and text.isprintable():
            return text
    return content.hex()


def visible_damage(text: str) -> str:
    """Replace bytes that are not UTF-8 by escape sequences, such as `\\xe9`, so that no two texts become one."""
    if text.isascii():
        return text
    return _ESCAPED.sub(lambda found: "".join(f"\\x{ord(c) - 0xDC00:02x}" for c in found[0]), text)


class TextWatch:
    """Counts texts that are not UTF-8, and raises an error if they are in another encoding rather than damaged."""

    def __init__(self, encoding: str | None, *, is_decoded: bool = False) -> None:
        """Watch texts; if `encoding` is given, decode what is not UTF-8 with it, and never raise an error.

        With `is_decoded`, texts have been decoded with `encoding` already, and what is not UTF-8 is damage.
        """
        self._encoding = encoding
        self._is_decoded = is_decoded and encoding is not None
        self._sound = self._foreign = 0
        self._first: tuple[str, str] | None = None

    def text(self, text: str, where: tuple[str, str, int]) -> str:
        """Return a text, with bytes that are not UTF-8 decoded if an encoding is given; `where` is for the error."""
        if self._is_decoded or _ESCAPED.search(text) is None:
            self._sound += 1
            return text
        try:
            raw = text.encode(UTF8, "surrogateescape")
        except UnicodeEncodeError:  # a surrogate written as an escape sequence in JSON
            return text
        if self._encoding is not None:
            return raw.decode(self._encoding, errors_of(self._encoding))
        if is_foreign(raw):
            self._foreign += 1
            if self._first is None:
                location, unit, number = where
                shown = raw.decode("cp1252", "replace")
                self._first = f"{location}, {unit} {number:,}", shown[:100]
        return text

    def check(self) -> None:
        """Raise PipelineError if most texts beyond ASCII are in another encoding than UTF-8."""
        if self._first is None or self._foreign <= self._sound:
            return
        where, shown = self._first
        raise PipelineError(
            f"{where}: the text is not UTF-8, and neither are {self._foreign:,} of the {self._foreign + self._sound:,} "
            f"texts with characters beyond ASCII; as Windows-1252 it reads {shown!r}. Set dataset.encoding to cp1252 "
            "if that is right, otherwise to the encoding of the data, such as cp1251, gb18030 or shift_jis; utf-8 "
            "keeps the texts, with damaged characters"
        )


def is_foreign(raw: bytes) -> bool:
    """Return whether a text that is not UTF-8 is in another encoding, rather than damaged in a few places."""
    try:
        raw.decode(UTF8)
        return False
    except UnicodeDecodeError as error:
        is_cut = error.reason == "unexpected end of data"
        if is_cut and (error.end - error.start > 1 or raw[-1] in _USUAL_LEADS):
            return False
    text = raw.decode(UTF8, "surrogateescape")
    broken = sum("\udc80" <= c <= "\udcff" for c in text)
    intact = sum(c > "\x7f" for c in text) - broken
    if intact >= broken:
        return False
    runs = _ESCAPED.findall(text)
    if (broken >= _FEW and len(set(runs)) > 1) or any(len(set(run)) > 2 for run in runs):
        return True
    western = _ESCAPED.sub(lambda found: found[0].encode(UTF8, "surrogateescape").decode("cp1252", "replace"), text)
    return 2 * sum(_is_usual(western, place) for place, c in enumerate(text) if "\udc80" <= c <= "\udcff") > broken


def _is_usual(text: str, place: int) -> bool:
    """Return whether a character beyond ASCII is where a Western language has it."""
    character = text[place]
    if character in _SIGNS:
        return True
    if character == "\u00ff" or not unicodedata.category(character).startswith("L"):
        return False
    before, after = text[place - 1 : place] if place else "", text[place + 1 : place + 2]
    return character.islower() or (not before.islower() and after.isalpha())
