"""A process judges as this one does, and whoever asks is told when it has ended."""

import io
import json
from pathlib import Path

import psutil
import pytest

from pipeline.errors import PipelineError
from pipeline.judge.process import JudgeProcess, Text, answer
from pipeline.judge.rules import open_judge
from pipeline.manifest.manifest import load_manifest
from tests.support.dataset import write_manifest

TEXTS: list[Text] = [
    ("Angela Merkel speaks in Berlin", "Angela Merkel, in a blue blazer,\nstands at a lectern.", "stop"),
    ("Angela Merkel speaks in Berlin", "I'm sorry, but I cannot help with that.", "stop"),
    ("a dog", "", "stop"),
    ("a dog", "A brown dog on a \u2028 lawn \U0001f436 and", "length"),
    ("Angela Merkel speaks", "A crowd before a hall.", "stop"),
    ("a", "word " * 100, "stop"),
]


def _judge(tmp_path: Path, tiny_llama: Path) -> JudgeProcess:
    manifest = load_manifest(write_manifest(tmp_path, tiny_llama))
    return JudgeProcess(open_judge(manifest), manifest.folder)


def test_few_and_many_are_judged_alike(tmp_path: Path, tiny_llama: Path) -> None:
    me = psutil.Process()
    with _judge(tmp_path, tiny_llama) as judging:
        before = me.children()
        here = judging.judge_all(TEXTS)
        assert len({judgement.status for judgement in here}) == len(TEXTS) and me.children() == before
        assert judging.judge_all(TEXTS * 100) == here * 100
        (process,) = set(me.children()) - set(before)
        assert judging.judge_all(TEXTS) == here
        assert judging.judge_all([]) == []
    assert not process.is_running()


def test_an_ended_process_is_an_error(tmp_path: Path, tiny_llama: Path) -> None:
    before = psutil.Process().children()  # other tests of this process have children too
    with _judge(tmp_path, tiny_llama) as judging:
        judging.judge_all(TEXTS * 100)
        (process,) = set(psutil.Process().children()) - set(before)
        process.kill()
        with pytest.raises(PipelineError, match=r"the judging process died\. Finished answers are kept"):
            judging.judge_all(TEXTS)


def test_the_program_answers_line_by_line(tmp_path: Path, tiny_llama: Path) -> None:
    manifest = load_manifest(write_manifest(tmp_path, tiny_llama))
    settings = {"judging": manifest.generation.judge.model_dump(), "folder": str(tmp_path)}
    out = io.StringIO()
    answer([json.dumps(settings), json.dumps(TEXTS[:1]), json.dumps([])], out)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        [["ok", "Angela Merkel, in a blue blazer, stands at a lectern.", 16]],
        [],
    ]
