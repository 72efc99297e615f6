import json
from pathlib import Path

from typer.testing import CliRunner

from benchmarks.evaluation import argsort_rows, argsort_single_rows, embeddings, main, ours
from tests.benchmarks.commands import command_of


def test_all_ways_give_the_same_ranks() -> None:
    image, text = embeddings(400, 32)
    found, expected, sampled = ours(image, text), argsort_rows(image, text), argsort_single_rows(image, text, 400)
    for one, two, three in zip(found, expected, sampled, strict=True):
        assert one.tolist() == two.tolist() == three.tolist()
        assert 1 < one.mean() < 200  # neither trivial nor random


def test_the_command_writes_what_it_measured(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    arguments = ["--pairs", "300", "--rounds", "1", "--threads", "1", "--sample", "10", "--json", str(path)]
    result = CliRunner().invoke(command_of(main), arguments)
    assert result.exit_code == 0, result.output
    (found,) = json.loads(path.read_text())["compared"]
    assert found["pairs"] == 300 and found["different_ranks"] == 0 and found["floor_seconds"] > 0
