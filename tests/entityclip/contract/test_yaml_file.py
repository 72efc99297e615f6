"""YAML that was written to do harm, or by mistake."""

from pathlib import Path

import pytest
import yaml

from entityclip.contract.errors import ContractError
from entityclip.contract.yaml_file import LONGEST, load_yaml

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(20)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name: a\nname: b\n", "line 2: the key 'name' occurs twice; remove one of them"),
        ("dataset: {kind: jsonl, file: a, kind: csv}\n", "line 1: the key 'kind' occurs twice"),
        (BOMB, "more than 20,000 values after expanding aliases"),
        ("a: &a {b: 1}\n" + "x: &x {<<: [" + ", ".join(["*a"] * 30_000) + "]}\n", "more than 20,000 values"),
        ("a: &a [*a]\n", "an alias contains itself"),
        ("[" * 5000, "nested too deeply"),
        ("a: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        ("a: !mine x\n", "could not determine a constructor"),
        ("a: !!timestamp x\n", "a tag does not match"),
        ("a: !!bool {}\n", "not valid YAML"),
        ("a: 2001-99-99\n", "not valid YAML: month must be in 1..12"),
        (f"a: {'9' * 5000}\n", "not valid YAML: Exceeds the limit"),
        ('a: "x\\0y"\n', "a NUL character or an unpaired surrogate"),
        ('a: "\\ud800"\n', "a NUL character or an unpaired surrogate"),
        ("a: b\0c\n", "not valid YAML"),
        ("a: \udcff\n", "the file is not UTF-8 .'utf-8' codec"),
        ("# " + "x" * LONGEST, "the file has more than 1,048,576 bytes"),
        ("? [a]\n: b\n? {c: d}\n: e\n", "not valid YAML"),
    ],
)
def test_refused(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ContractError, match=rf"^(not valid YAML: .*)?{reason}"):
        load_yaml(path)


def test_what_people_write_is_as_safe_load_reads_it(tmp_path: Path) -> None:
    text = "a: &common {x: 1, y: [2, 3]}\nb: {<<: *common, x: 4}\nc: [*common, *common]\n1: one\nd: 2001-01-01\n"
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    assert load_yaml(tmp_path / "x.yaml") == yaml.safe_load(text)


@pytest.mark.parametrize("name", ["none.yaml", "", "a\0b", "n" * 300])
def test_what_cannot_be_read_says_why(name: str, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"^the file cannot be read: ") as raised:
        load_yaml(tmp_path / name)
    assert isinstance(raised.value.__cause__, FileNotFoundError) == (name == "none.yaml")
