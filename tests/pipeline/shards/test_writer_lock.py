"""One writer of an output at a time, whatever its work folder; a killed one blocks nobody."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.generation.generate import generate
from pipeline.job import open_job
from pipeline.shards.writer_lock import single_writer, sole_writer
from tests.support.dataset import write_manifest, write_pairs
from tests.support.scripted_engine import ScriptedEngine

ROOT = Path(__file__).parents[3]
HOLDS = (
    "import sys\nfrom pathlib import Path\nfrom pipeline.shards.writer_lock import sole_writer\n"
    "from entityclip.contract.atomic_files import written_whole\n"
    "output = Path(sys.argv[1])\n"
    "with sole_writer(output, Path(sys.argv[2])), written_whole(output / 'split=train' / 'a.parquet') as half:\n"
    "    half.write_bytes(b'half')\n    print('holds it', flush=True)\n    sys.stdin.read()\n"
)


@contextmanager
def another_writer(output: Path, work: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", HOLDS, str(output), str(work)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "holds it\n"
        yield process
        process.kill()


def test_the_lock_belongs_to_the_output_and_goes_with_its_holder(tmp_path: Path) -> None:
    output, first, second = tmp_path / "out", tmp_path / "first", tmp_path / "second"
    with another_writer(output, first) as process:
        for work in (second, first, output):
            refused = pytest.raises(PipelineError, match=rf"is being written by process {process.pid} on ")
            with refused, sole_writer(output, work):
                raise AssertionError("two writers of one output")
        with sole_writer(tmp_path / "other", second):
            pass  # another output is free
        with pytest.raises(PipelineError, match="first is being written by"), sole_writer(tmp_path / "other", first):
            raise AssertionError("two plans in one work folder")
        [half] = (output / "split=train").iterdir()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert half.exists()
        with sole_writer(output, second):
            assert not half.exists()  # and what it left half-written is gone


def test_two_manifests_of_one_output_do_not_write_over_each_other(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 9)
    one = open_job(write_manifest(tmp_path, tiny_llama, work="work-a"))
    other = open_job(write_manifest(tmp_path, tiny_llama, work="work-b"))
    engine = ScriptedEngine()

    def start_the_other() -> ScriptedEngine:
        with pytest.raises(PipelineError, match="is being written by"):
            generate(other, make_engine=ScriptedEngine)
        return engine

    generate(one, make_engine=start_the_other)
    assert len(engine.asked) == len(set(engine.asked))
    assert generate(other, make_engine=ScriptedEngine).generated == 0


def test_odd_things_in_the_folder_of_writers_are_no_obstacle(tmp_path: Path) -> None:
    writers = tmp_path / "_writers"
    (writers / "00000-100000").mkdir(parents=True)
    for name in ("x", "1-2-3", "-", "99999999999999-1"):
        (writers / name).write_bytes(b"\xff\x1b[2J")
    refused = pytest.raises(PipelineError, match=r"is being written by process \d+ on")
    with single_writer(tmp_path), refused, single_writer(tmp_path):
        raise AssertionError("two writers")


def test_a_lock_that_cannot_be_taken_is_explained(tmp_path: Path) -> None:
    (tmp_path / ".writer.lock").mkdir()
    explained = pytest.raises(PipelineError, match=r"cannot be locked for writing .*; make .*\.writer\.lock and ")
    with explained, single_writer(tmp_path):
        raise AssertionError("no lock")
