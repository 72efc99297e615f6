import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import PipelineError
from pipeline.import_released.importer import import_explanations
from pipeline.manifest.manifest import load_manifest
from pipeline.pair import Pair
from pipeline.readers import read_pairs
from tests.support.dataset import write_manifest
from tests.support.generation import all_rows, file_digest, find_shards, read_provenance
from tests.support.news import (
    explanation_of,
    write_explanations,
    write_goodnews,
    write_goodnews_authors,
    write_n24news,
    write_visualnews,
)

CASES = Path(__file__).parents[2] / "data" / "news"
LENIENT = {"min_entities_share": 0}


def _release(folder: Path, kind: str) -> tuple[Path, list[Pair]]:
    """A release with its manifest, which names an LLM that is nowhere."""
    root = folder / "release"
    if kind == "n24news":
        write_n24news(root)
    elif kind == "visualnews":
        write_visualnews(root, split=True)
    else:
        write_goodnews(root)
        write_goodnews_authors(root)
    changes: dict[str, Any] = {"dataset": {"kind": kind, "root": "release"}, "generation__judge": LENIENT}
    path = write_manifest(folder, Path("nobody/nothing"), **changes)
    return path, list(read_pairs(load_manifest(path)))


def _images(pairs: list[Pair]) -> dict[str, list[str]]:
    images: dict[str, list[str]] = {}
    for pair in pairs:
        images.setdefault(pair.split, []).append(pair.image)
    return images


@pytest.mark.parametrize("kind", ["n24news", "visualnews", "goodnews"])
def test_each_release_finds_its_pairs(kind: str, tmp_path: Path) -> None:
    manifest, pairs = _release(tmp_path, kind)
    files = write_explanations(tmp_path / "release", kind, _images(pairs))
    summary = import_explanations(manifest, files, model="a Mistral instruct model")
    assert summary.matched == Counter(pair.split for pair in pairs)
    assert (summary.missing, summary.surplus, summary.unusable) == (Counter(), 0, 0)
    rows = all_rows(summary.output)
    assert {row.id: row.explanation for row in rows.values()} == {p.id: explanation_of(p.image) for p in pairs}
    assert {(row.status, row.model, row.revision) for row in rows.values()} == {
        ("ok", "a Mistral instruct model", "unknown")
    }
    for shard in find_shards(tmp_path / "explanations-imported"):
        said = read_provenance(shard)
        assert said["prompt"]["name"] == "imported" and said["sampling"] is None
        assert said["engine"] == {
            "kind": "imported",
            "files": [{"name": file.name, "sha256": file_digest(file)} for file in files],
        }
        assert [made["engine"] for made in said["generations"]] == ["imported"]


def test_counts_of_what_does_not_fit(tmp_path: Path) -> None:
    manifest, pairs = _release(tmp_path, "n24news")
    images = _images(pairs)
    gone = images["train"].pop()
    (train, *others) = write_explanations(tmp_path / "release", "n24news", images)
    content = json.loads(train.read_text())
    content |= {"x" + images["train"][0]: "of an image whose name ends alike", "other.jpg": "x", "null.jpg": None}
    train.write_text(json.dumps(content))
    summary = import_explanations(manifest, [train, *others])
    assert (summary.matched["train"], summary.missing) == (3, {"train": 1})
    assert (summary.surplus, summary.unusable) == (2, 1)
    assert gone.removesuffix(".jpg") not in all_rows(summary.output)
    text = " | ".join(summary.lines())
    assert "missing: train 1" in text and "surplus texts: 2; entries that are not texts: 1" in text


def test_an_import_again_changes_nothing_and_a_changed_text_one_row(tmp_path: Path) -> None:
    manifest, pairs = _release(tmp_path, "goodnews")
    files = write_explanations(tmp_path / "release", "goodnews", _images(pairs))
    output = tmp_path / "explanations-imported"
    import_explanations(manifest, files)
    before, digests = all_rows(output), {path: file_digest(path) for path in find_shards(output)}
    import_explanations(manifest, files)
    assert {path: file_digest(path) for path in find_shards(output)} == digests
    content = json.loads(files[0].read_text())
    content[pairs[0].image] = "Another text about a building."
    files[0].write_text(json.dumps(content))
    import_explanations(manifest, files)
    after = all_rows(output)
    assert {id_ for id_ in after if after[id_] != before[id_]} == {pairs[0].id}
    assert after[pairs[0].id].explanation == "Another text about a building."


def test_mistakes_are_named(tmp_path: Path) -> None:
    manifest, _ = _release(tmp_path, "n24news")
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"a/b.png": "text"}')
    with pytest.raises(
        PipelineError, match=r"none of the 1 texts .* image paths are like 'a/b\.png' in the files, but like '1000"
    ):
        import_explanations(manifest, [wrong])
    wrong.write_text("[]")
    with pytest.raises(PipelineError, match=r"wrong\.json, at .*expected an object, found '\['"):
        import_explanations(manifest, [wrong])
    with pytest.raises(PipelineError, match="no explanation file at"):
        import_explanations(manifest, [tmp_path / "none.json"])


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("imp_prompt_echo", "texts with the prompt before the answer, of which the explanation is only the answer: 9"),
        ("imp_dup_keys", "pairs with several texts that differ, of which the first is taken: 9, such as 11.jpg"),
        ("imp_lists", "surplus texts: 0; entries that are not texts: 0"),
    ],
)
def test_given_cases(case: str, said: str, tmp_path: Path) -> None:
    summary = import_explanations(
        CASES / "imp_data" / "manifest.yaml", [CASES / case / "texts.json"], output=tmp_path / "out"
    )
    assert said in summary.lines() and summary.surplus == 0 and not summary.missing
    for id_, row in all_rows(tmp_path / "out").items():
        wanted = f"Ada Smith {id_} is an engineer from Leeds who wears a red coat."
        assert row.explanation == ("old " if case == "imp_dup_keys" else "") + wanted
        assert (
            row.status == "ok"
            and row.raw_text is not None
            and (row.raw_text == row.explanation) is ("echo" not in case)
        )


def test_prompts_and_nested_values(tmp_path: Path) -> None:
    manifest = CASES / "imp_data" / "manifest.yaml"
    names = [f"{number}.jpg" for number in (11, 12, 13, 14, 15, 16)]
    content: dict[str, Any] = {name: f"Please explain this caption of a picture: {name}" for name in names}
    content |= {
        "val": {"21.jpg": {"explanation": "Ada Smith.", "caption": "x"}},
        "31.jpg": None,
        "32.jpg": {"a": 1, "b": 2},
    }
    file = tmp_path / "texts.json"
    file.write_text(json.dumps(content))
    summary = import_explanations(manifest, [file], output=tmp_path / "out")
    text = " | ".join(summary.lines())
    assert summary.matched == {"train": 6, "val": 1} and summary.missing == {"test": 2}
    assert "entries that are not texts: 2 (1 null, 1 an object with the fields a, b)" in text
    assert "6 of 7 texts begin with 'Please explain this caption of a picture'; if this is a prompt" in text
    file.write_text(json.dumps(dict.fromkeys(names)))
    with pytest.raises(
        PipelineError, match=r'no texts; their entries are: 6 \(6 null\)\. They must .* "TEXT", \.\.\.\}$'
    ):
        import_explanations(manifest, [file], output=tmp_path / "other")
