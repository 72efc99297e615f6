"""How a table is written is told from the table."""

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from pipeline.errors import PipelineError
from pipeline.guessing.text_tables import sniff
from pipeline.readers.sources import Source
from tests.support.own_data import put

WORDS = st.lists(
    st.sampled_from(["Ann", "Ascot,", "the; Duke", "a|b", '"so"', "née", "in 1912"]), min_size=2, max_size=6
)


def _source(path: Path) -> Source:
    return Source(str(path), None)


@given(
    separator=st.sampled_from(",;\t|"),
    captions=st.lists(WORDS.map(" ".join), min_size=5, max_size=30),
    has_header=st.booleans(),
    mark=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
)
@settings(max_examples=150, deadline=None)
def test_what_a_csv_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    separator: str,
    captions: list[str],
    has_header: bool,
    mark: bool,
    end: str,
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator=end)
    rows = [[f"{number}.jpg", caption] for number, caption in enumerate(captions)]
    writer.writerows([["Bild", "Text"], *rows] if has_header else rows)
    content = text.getvalue().encode("utf-8-sig" if mark else "utf-8")
    table = sniff(_source(put(tmp_path_factory.mktemp("t") / "t.csv", content)))
    assert (table.separator, table.has_header) == (separator, has_header)
    quotes = table.quotes if table.quotes is not None else True
    quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    found = list(csv.reader(io.StringIO(text.getvalue(), newline=""), delimiter=separator, quoting=quoting))
    assert found[has_header:] == rows


@pytest.mark.parametrize(
    ("text", "separator", "quotes", "has_header"),
    [
        ("image;caption\na.png;x, y\nb.png;x, z\n", ";", None, True),
        ("a.png;x, y\nb.png;x, z\n", ";", None, False),
        ('image\tcaption\na.png\t"He said\nb.png\tso"\nc.png\tx\n', "\t", False, True),  # would swallow lines
        ('image\tcaption\na.png\t"a b"\nb.png\t"c d"\n', "\t", True, True),
        ('image,caption\na.png,"Ann, a\nb"\nb.png,x\n', ",", True, True),
        ("Datei|Inhalt\na.png|Ein Bild\n", "|", None, True),
    ],
)
def test_by_hand(tmp_path: Path, text: str, separator: str, quotes: bool | None, has_header: bool) -> None:
    table = sniff(_source(put(tmp_path / "t.csv", text)))
    assert (table.separator, table.quotes, table.has_header) == (separator, quotes, has_header)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "image;café".encode("cp1252"),
            "line 1 contains the byte 0xE9; convert it (replace .*iconv -f WINDOWS-1252 -t UTF-8",
        ),
        (b"", "is empty"),
        (
            b"one\ntwo\n",
            "none of the separators comma, semicolon, tab, bar yields at least two columns; the first line is 'one'",
        ),
    ],
)
def test_what_cannot_be_read_is_said_with_the_remedy(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(PipelineError, match=words.replace("(replace", r"\(replace")):
        sniff(_source(put(tmp_path / "t.csv", content)))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    table = sniff(_source(put(tmp_path / "t.csv", "image;caption\na.png;café\n".encode(encoding))))
    assert (table.separator, table.first) == (";", ["image", "caption"])


def test_the_command_that_converts_is_complete(tmp_path: Path) -> None:
    file = put(tmp_path / "my pairs.csv.gz", gzip.compress("image;café\n".encode("cp1252")))
    with pytest.raises(PipelineError) as error:
        sniff(_source(file))
    command = str(error.value).rpartition("use the new file: ")[2]
    assert command == f"gunzip -c '{file}' | iconv -f WINDOWS-1252 -t UTF-8 > '{tmp_path}/my pairs-utf8.csv'"
