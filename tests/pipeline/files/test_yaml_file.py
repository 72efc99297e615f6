"""YAML that was written to do harm, or by mistake."""

from pathlib import Path

import pytest
import yaml

from pipeline.errors import PipelineError
from pipeline.files.yaml_file import LONGEST, load_yaml
from pipeline.manifest.manifest import load_manifest
from tests.support.own_data import put

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(20)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name: a\nname: b\n", r"the key 'name' occurs twice  in .*line 2"),
        ("dataset: {kind: jsonl, file: a, kind: csv}\n", r"the key 'kind' occurs twice"),
        (BOMB, "more than 20,000 values, with aliases unfolded"),
        ("a: &a {b: 1}\n" + "x: &x {<<: [" + ", ".join(["*a"] * 30_000) + "]}\n", "more than 20,000 values"),
        ("a: &a [*a]\n", "an alias of what it lies in"),
        ("[" * 5000, "nested too deep"),
        ("a: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        ("a: !mine x\n", "could not determine a constructor"),
        ("a: !!timestamp x\n", "a tag that does not fit"),
        ("a: !!bool {}\n", "not valid YAML"),
        ("a: 2001-99-99\n", "not valid YAML: month must be in 1..12"),
        (f"a: {'9' * 5000}\n", "not valid YAML: Exceeds the limit"),
        ('a: "x\\0y"\n', "a NUL or half a character"),
        ('a: "\\ud800"\n', "a NUL or half a character"),
        ("a: b\0c\n", "not valid YAML"),
        ("a: \udcff\n", "not valid YAML: 'utf-8' codec"),
        ("# " + "x" * LONGEST, "longer than 1,048,576 bytes"),
        ("? [a]\n: b\n? {c: d}\n: e\n", "not valid YAML"),
    ],
)
def test_refused(text: str, reason: str, tmp_path: Path) -> None:
    path = put(tmp_path / "x.yaml", text.encode("utf-8", "surrogateescape"))
    for load in (load_yaml, load_manifest):
        with pytest.raises(PipelineError, match=rf"x\.yaml: .*({reason})|x\.yaml: {reason}"):
            load(path)


def test_what_people_write_is_as_safe_load_reads_it(tmp_path: Path) -> None:
    text = "a: &common {x: 1, y: [2, 3]}\nb: {<<: *common, x: 4}\nc: [*common, *common]\n1: one\nd: 2001-01-01\n"
    assert load_yaml(put(tmp_path / "x.yaml", text)) == yaml.safe_load(text)
