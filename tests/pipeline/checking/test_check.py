"""A check against a slow and simple look at the same data."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.checking.check import CheckOptions, check_manifest
from pipeline.checking.report import CheckReport, exit_code
from tests.support.dataset import save_records, write_manifest, write_pairs
from tests.support.faults import counted_slowly, write_faulty
from tests.support.own_data import picture, put_parquet


def _counts(report: CheckReport) -> dict[str, int]:
    return {finding.code: finding.count for finding in report.findings}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Path) -> tuple[Path, dict[str, int], CheckReport]:
    """A manifest over 600 pairs with every fault, their counts by brute force, and the report of a full check."""
    folder = tmp_path_factory.mktemp("faulty") / "data"
    records = write_faulty(folder, 600)
    manifest = write_manifest(folder, tiny_llama, generation__max_model_len=200)
    return manifest, counted_slowly(folder, records), check_manifest(manifest, CheckOptions(full=True))


def test_every_planted_fault_is_counted(faulty: tuple[Path, dict[str, int], CheckReport]) -> None:
    _, expected, report = faulty
    assert {
        "captions_over_context", "empty_captions", "leaked_captions", "leaked_image_bytes", "leaked_images",
        "leaked_similar_captions", "missing_images", "outside_images", "repeated_captions", "repeated_ids",
        "repeated_image_bytes", "repeated_images", "repeated_pairs", "undecodable_images",
    } == set(expected)  # fmt: skip
    assert _counts(report) == expected
    assert (report.status, exit_code(report, strict=False)) == ("error", 2)  # ids that occur twice
    assert all(finding.examples and finding.mend for finding in report.findings)


def test_counts_by_split_and_what_a_run_would_do(faulty: tuple[Path, dict[str, int], CheckReport]) -> None:
    manifest, expected, report = faulty
    records = [json.loads(line) for line in (manifest.parent / "pairs.jsonl").read_text().splitlines()]
    assert list(report.splits) == ["train", "val", "test"]
    for split, counts in report.splits.items():
        of_split = [record for record in records if record["split"] == split]
        assert counts.pairs == len(of_split)
        assert counts.images == len({record["image"] for record in of_split})
        assert counts.captions == len({record["caption"].strip() for record in of_split} - {""})
        assert counts.empty_captions == sum(not record["caption"].strip() for record in of_split)
    assert report.images is not None
    assert report.images.distinct == report.images.looked_at == len({record["image"] for record in records})
    assert report.images.usable == report.images.distinct - sum(
        expected[f"{fault}_images"] for fault in ("missing", "outside", "undecodable")
    )
    assert report.work is not None
    assert report.prompt_tokens is not None
    kept = 600 - expected["repeated_ids"]
    assert report.prompt_tokens.texts + report.work.settled == kept  # no prompt is too long; the rest has no image


def test_an_example_names_its_row(faulty: tuple[Path, dict[str, int], CheckReport]) -> None:
    manifest, _, report = faulty
    records = [json.loads(line) for line in (manifest.parent / "pairs.jsonl").read_text().splitlines()]
    for finding in report.findings:
        for example in finding.examples:
            assert (example.id, example.split) == (records[example.row]["id"], records[example.row]["split"])
    (missing,) = (finding for finding in report.findings if finding.code == "missing_images")
    assert [e.detail for e in missing.examples] == [
        f"{records[e.row]['image']}: no such image" for e in missing.examples
    ]


def test_more_workers_and_a_large_sample_find_the_same(faulty: tuple[Path, dict[str, int], CheckReport]) -> None:
    manifest, _, report = faulty
    for options in (CheckOptions(full=True, workers=1), CheckOptions(full=True, workers=7), CheckOptions(sample=600)):
        other = check_manifest(manifest, options)
        assert other.model_copy(update={"seconds": {}, "full": True}) == report.model_copy(update={"seconds": {}})


def test_a_sample_is_seeded_and_says_how_much_it_saw(faulty: tuple[Path, dict[str, int], CheckReport]) -> None:
    manifest, expected, _ = faulty
    first, second = (check_manifest(manifest, CheckOptions(sample=100)) for _ in range(2))
    assert first.findings == second.findings
    assert first.images is not None
    assert first.images.looked_at == 100
    assert 0 < first.images.missing < expected["missing_images"]
    by_path = ("leaked_images", "repeated_images", "repeated_pairs")  # these need no pixels
    assert {code: _counts(first)[code] for code in by_path} == {code: expected[code] for code in by_path}


def test_a_good_dataset_is_fine(tmp_path: Path, tiny_llama: Path) -> None:
    records = write_pairs(tmp_path, 12)
    for number, record in enumerate(records):
        record |= {"split": ("train", "val", "test")[number % 3], "caption": f"ban bar{' ka' * number}"}
    save_records(tmp_path, records)
    report = check_manifest(write_manifest(tmp_path, tiny_llama), CheckOptions(probe=4))
    assert (report.status, report.findings) == ("ok", [])
    assert exit_code(report, strict=True) == 0
    assert len(report.samples) == 5
    for sample in report.samples:
        assert sample.caption == records[sample.row]["caption"]
        assert sample.prompt_tokens == len(sample.caption.split()) + 19  # those of the template and its turns
    assert report.estimate is not None
    assert (report.estimate.prompts, report.estimate.to_generate) == (4, 12)


def test_an_absent_split_is_said_with_the_setting(tmp_path: Path, tiny_llama: Path) -> None:
    records = write_pairs(tmp_path, 9)
    save_records(tmp_path, [{key: value for key, value in one.items() if key != "split"} for one in records])
    for dataset, words in (
        ({}, "ignore_splits: true if"),
        ({"dataset__ignore_splits": True}, "for val and for test), "),
    ):
        report = check_manifest(write_manifest(tmp_path, tiny_llama, **dataset), CheckOptions(probe=0))
        absent = [one for one in report.findings if one.code == "absent_split"]
        assert absent and all(
            "set dataset.held_out higher (1 now; " in one.mend and words in one.mend for one in absent
        )


def test_splits_that_nothing_uses_and_texts_that_are_none_are_said(tmp_path: Path, tiny_llama: Path) -> None:
    records = write_pairs(tmp_path, 9)
    for number, record in enumerate(records):
        record |= {"split": ("train", "dev", "test")[number % 3], "caption": f"ban bar{' ka' * number}"}
    records[0] |= {"split": "restval"}
    records[1] |= {"caption": "caf\ufffd bar"}
    records[2] |= {"caption": "['ban bar', 'ka ban']"}
    save_records(tmp_path, records)
    report = check_manifest(write_manifest(tmp_path, tiny_llama))
    assert _counts(report) == {"unused_split": 1, "damaged_captions": 1, "listed_captions": 1}
    assert "splits: 'dev' is val" in report.reading
    (unused,) = (one for one in report.findings if one.code == "unused_split")
    assert "split restval" in unused.what
    assert "dataset.rename_splits: {restval: train}" in unused.mend
    mapped = check_manifest(write_manifest(tmp_path, tiny_llama, dataset__rename_splits={"restval": "train"}))
    assert "unused_split" not in _counts(mapped)
    assert list(mapped.splits) == ["train", "val", "test"]


def test_prompts_over_the_context_and_other_languages(tmp_path: Path, tiny_llama: Path) -> None:
    records = write_pairs(tmp_path, 9)
    for number, record in enumerate(records):
        record["caption"] = f"the mayor and his friends are at the opera {number}" + " ba" * (60 if number < 2 else 0)
    records[5]["caption"] = "der Bürgermeister ist mit seinen Freunden in der Oper und wird begrüßt"
    save_records(tmp_path, records)
    manifest = write_manifest(tmp_path, tiny_llama, generation__judge={"language": "en"})
    report = check_manifest(manifest, CheckOptions(languages=True))
    assert _counts(report) == {"absent_split": 1, "prompts_over_context": 2, "other_languages": 1}
    assert report.languages is not None
    assert report.languages.captions == {"en": 8, "de": 1}
    assert report.prompt_tokens is not None
    assert report.prompt_tokens.over_limit == 2
    assert report.work is not None
    assert (report.work.to_generate, report.work.settled) == (7, 2)


def test_special_tokens_and_a_folded_system_part_are_said(tmp_path: Path, tiny_llama: Path) -> None:
    records = write_pairs(tmp_path, 9)
    for number in (1, 4):
        records[number]["caption"] += " </s> ba </s>"
    save_records(tmp_path, records)
    folder = shutil.copytree(tiny_llama, tmp_path / "llm")
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('No system role') }}{% endif %}"
        "<user> {{ m['content'] }} {% endfor %}"
    )
    report = check_manifest(write_manifest(tmp_path, folder))
    assert _counts(report) == {"absent_split": 1, "special_tokens": 2, "prompt_form": 1}
    said = {finding.code: finding.what for finding in report.findings}
    assert "</s> (2)" in said["special_tokens"] and "No system role" in said["prompt_form"]
    assert [message.role for message in report.prompts[0].messages] == ["user"]


def test_steps_that_cannot_be_taken_are_findings_and_the_others_are_taken(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 6)
    no_model = check_manifest(write_manifest(tmp_path, tmp_path / "nowhere"))
    assert _counts(no_model) == {"cannot_open": 1, "absent_split": 1}
    assert no_model.images is not None
    assert no_model.work is None
    assert no_model.samples[0].prompt_tokens is None
    assert no_model.caption_tokens is not None
    with (tmp_path / "pairs.jsonl").open("a") as file:
        file.write("{\n")
    unreadable = check_manifest(write_manifest(tmp_path, tiny_llama))
    (finding,) = unreadable.findings
    assert (finding.code, finding.severity) == ("cannot_read", "error")
    assert "pairs.jsonl, line 7" in finding.what
    (tmp_path / "pairs.jsonl").write_text("")
    assert _counts(check_manifest(write_manifest(tmp_path, tiny_llama))) == {"no_pairs": 1}
    write_pairs(tmp_path, 6)
    for image in (tmp_path / "images").iterdir():
        image.unlink()
    hopeless = check_manifest(write_manifest(tmp_path, tiny_llama), CheckOptions(probe=3))
    assert _counts(hopeless)["missing_images"] == 6
    assert (hopeless.status, hopeless.estimate) == ("error", None)


def test_images_inside_files_are_looked_at_too(tmp_path: Path, tiny_llama: Path) -> None:
    contents = [picture(0), picture(1), b"<html>404</html>", picture(3), picture(0), picture(5)]
    records = {"image": contents, "caption": [f"ban bar {number}" for number in range(6)], "id": list("abcdef")}
    for split, rows in {"train": slice(0, 3), "test": slice(3, 6)}.items():
        put_parquet(tmp_path / f"{split}-00000-of-00001.parquet", {name: list(v)[rows] for name, v in records.items()})
    manifest = write_manifest(tmp_path, tiny_llama, dataset={"kind": "parquet", "file": "*.parquet"})
    report = check_manifest(manifest, CheckOptions(full=True))
    assert _counts(report) == {"absent_split": 1, "undecodable_images": 1, "leaked_images": 1}
    (leak,) = (finding for finding in report.findings if finding.code == "leaked_images")
    assert [example.id for example in leak.examples] == ["e"]
    assert "see train a (row " in leak.examples[0].detail


@pytest.mark.slow
def test_memory_hardly_grows_with_rows(tmp_path: Path) -> None:
    """From 60,000 rows, of which planning holds 50,000, to 260,000: at most 400 bytes a row."""
    numbers = tmp_path / "numbers.json"
    rows = ["--rows", "60000", "--rows", "260000"]
    command = [sys.executable, "-m", "benchmarks.checking", *rows, "--json", str(numbers)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[3])
    few, many = json.loads(numbers.read_text())
    assert many["pairs"] == 260_000
    assert many["peak_mib"] - few["peak_mib"] < 200_000 * 400 / 2**20
