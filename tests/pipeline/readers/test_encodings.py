"""The encodings of text, and texts that are not UTF-8, in every reader alike."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from pipeline.errors import PipelineError
from pipeline.readers.encodings import as_text_or_hex, decoded, is_foreign, visible_damage
from tests.support.own_data import pairs_of, picture, put, put_parquet

FRENCH = "Zoë à Paris “en été”"


def _csv(folder: Path, texts: list[bytes]) -> dict[str, Any]:
    put(folder / "p.csv", b"image,caption\n" + b"".join(b"%d.png,%s\n" % one for one in enumerate(texts)))
    return {"kind": "csv", "file": "p.csv"}


def _quoted(folder: Path, texts: list[bytes]) -> dict[str, Any]:
    lines = (b'{"image": "%d.png", "caption": "%s"}\n' % one for one in enumerate(texts))
    put(folder / "p.jsonl", b"".join(lines))
    return {"kind": "jsonl", "file": "p.jsonl"}


def _parquet(folder: Path, texts: list[bytes]) -> dict[str, Any]:
    column = pa.array(texts, pa.binary()).view(pa.string())
    put_parquet(folder / "p.parquet", {"image": [f"{n}.png" for n in range(len(texts))], "caption": column})
    return {"kind": "parquet", "file": "p.parquet", "root": "."}


def _folder(folder: Path, texts: list[bytes]) -> dict[str, Any]:
    for number, text in enumerate(texts):
        put(folder / "pics" / f"{number}.png", picture(number))
        put(folder / "pics" / f"{number}.txt", text)
    return {"kind": "folder", "root": "pics"}


def _tar(folder: Path, texts: list[bytes]) -> dict[str, Any]:
    with tarfile.open(folder / "p.tar", "w") as file:
        for number, text in enumerate(texts):
            for name, content in ((f"{number}.png", picture(number)), (f"{number}.txt", text)):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    return {"kind": "webdataset", "file": "p.tar"}


READERS = [_csv, _quoted, _parquet, _folder, _tar]


@pytest.mark.parametrize("write", READERS)
def test_another_encoding_is_refused_alike_and_read_once_it_is_named(write: Any, tmp_path: Path) -> None:
    dataset = write(tmp_path, [b"Plain", FRENCH.encode("cp1252")])
    with pytest.raises(
        PipelineError, match=rf"(line [23]|(row|image|record) 2): the text is not UTF-8.* reads '{FRENCH}'"
    ):
        pairs_of(tmp_path, dataset)
    pairs, notes = pairs_of(tmp_path, {**dataset, "encoding": "windows-1252"})
    assert [pair.caption for pair in pairs] == ["Plain", FRENCH]
    assert "captions cleaned: 0 of 2" in notes


@pytest.mark.parametrize("write", READERS)
def test_damage_in_a_few_texts_is_counted(write: Any, tmp_path: Path) -> None:
    sound = [FRENCH.encode(), "Müller".encode()]
    pairs, notes = pairs_of(tmp_path, write(tmp_path, [*sound, b"caf\xe9", b"cut \xe2\x80"]))
    assert [pair.caption for pair in pairs] == [FRENCH, "Müller", "caf\ufffd", "cut \ufffd\ufffd"]
    assert "captions cleaned: 2 of 4 (2 characters that are not UTF-8)" in notes


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_marked_and_wide_files_are_read(encoding: str, tmp_path: Path) -> None:
    put(tmp_path / "p.csv", f"image,caption\n1.png,{FRENCH}\n".encode(encoding))
    assert pairs_of(tmp_path, {"kind": "csv", "file": "p.csv"})[0][0].caption == FRENCH
    line = json.dumps({"image": "1.png", "caption": FRENCH}, ensure_ascii=False)
    for text in (f"{line}\n", f"[{line},\n{line}]"):
        put(tmp_path / "p.jsonl", text.encode(encoding))
        assert pairs_of(tmp_path, {"kind": "jsonl", "file": "p.jsonl"})[0][0].caption == FRENCH


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=2)


@settings(deadline=None, max_examples=200)
@given(text=_TEXT, encoding=st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_marked_text_comes_back(text: str, encoding: str) -> None:
    assert decoded(text.encode(encoding)) == text


@settings(deadline=None, max_examples=200)
@given(first=st.binary(max_size=20), second=st.binary(max_size=20))
def test_no_two_ids_become_one(first: bytes, second: bytes) -> None:
    one, other = (visible_damage(id_.decode("utf-8", "surrogateescape")) for id_ in (first, second))
    assert "\\x" in one or "\\x" in other or (one == other) == (first == second)
    one.encode()


def test_bytes_that_are_no_text_are_hex() -> None:
    assert as_text_or_hex(bytes(range(200, 216))) == bytes(range(200, 216)).hex()
    values = {b"": "", b"ann": "ann", b"ann\0\0": "ann", b"\1\2": "0102", "é".encode(): "é"}
    assert {value: as_text_or_hex(value) for value in values} == values
    assert as_text_or_hex(b"caf\xe9", "cp1252") == "café"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Привет, мир", "cp1251"),
        ("東京の塔", "shift_jis"),
        ("北京的塔", "gb18030"),
        ("서울의 탑", "euc_kr"),
        ("Łódź i Kraków", "cp1250"),
        (FRENCH, "cp1252"),
    ],
)
def test_other_encodings_are_told_from_damage(text: str, encoding: str) -> None:
    assert is_foreign(text.encode(encoding))
    assert not is_foreign(text.encode())
    assert not is_foreign(text.encode()[:-1])
    assert not is_foreign(text.encode() + b"\xff")


def test_a_last_letter_is_told_from_a_text_that_is_cut_off() -> None:
    assert is_foreign("Café".encode("cp1252"))
    for character in "é\u2013”😀":
        content = f"cafe {character}".encode()
        assert not any(is_foreign(content[:-cut]) for cut in range(1, len(character.encode())))


def test_damage_inside_lists_and_structs_of_parquet_is_counted_too(tmp_path: Path) -> None:
    texts = pa.array([b"caf\xe9", "été".encode(), b"two", b"three"], pa.binary()).view(pa.string())
    lists = pa.ListArray.from_arrays([0, 2, 4], texts)
    image = pa.StructArray.from_arrays([pa.array([b"\xff\xd8", b"\xff\xd9"]), texts[:2]], ["bytes", "path"])
    put_parquet(tmp_path / "p.parquet", {"image": image, "captions": lists})
    pairs, notes = pairs_of(tmp_path, {"kind": "parquet", "file": "p.parquet"})
    assert [pair.caption for pair in pairs] == ["caf\ufffd", "été", "two", "three"]
    assert "captions cleaned: 1 of 4 (1 characters that are not UTF-8)" in notes


def test_ids_of_one_letter_apart_stay_apart(tmp_path: Path) -> None:
    ids = ["é".encode(), "ä".encode(), b"caf\xe9", b"caf\xe8"]
    put(tmp_path / "p.csv", b"id,image,caption\n" + b"".join(b"%s,1.png,A lion\n" % one for one in ids))
    pairs, _ = pairs_of(tmp_path, {"kind": "csv", "file": "p.csv", "encoding": "utf-8"})
    assert [pair.id for pair in pairs] == ["é", "ä", "caf\\xe9", "caf\\xe8"]


def test_an_unknown_encoding_is_named(tmp_path: Path) -> None:
    for wrong in ("no-such", "base64", "rot13"):
        with pytest.raises(PipelineError, match=rf"encoding: .*'{wrong}' is not an encoding that Python knows"):
            pairs_of(tmp_path, {"kind": "csv", "file": "p.csv", "encoding": wrong})
