"""Judging in a process of its own: it takes a third of the pipeline's time, and would take it from feeding the engine.

`JudgeProcess` is the one side; the other is this file run as a program: settings on the first line of stdin, then a
line of texts for a line of judgements, all JSON, until stdin closes (also when its parent was killed).
"""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, Self

from entityclip.contract.status import Status
from pipeline.errors import PipelineError
from pipeline.judge.clip_tokens import token_counter
from pipeline.judge.rules import Judge, Judgement
from pipeline.manifest.generation import Judging

_WORTH_A_PROCESS = 500  # texts; fewer are judged sooner than a process starts

Text = tuple[str, str, str | None]  # caption, text as generated, finish_reason


class JudgeProcess:
    """Judges texts here while they are few, and in a process that is started for the first many."""

    def __init__(self, judge: Judge, folder: Path) -> None:
        """`folder` is the manifest's: a CLIP tokenizer may lie relative to it."""
        self._judge = judge
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()  # one line, one answer; buckets ask from several threads

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process is not None:
            self._process.communicate()  # closes stdin, which ends it

    def judge_all(self, texts: list[Text]) -> list[Judgement]:
        """A judgement of each text, in their order.

        Raises:
            PipelineError: the process ended; the answers are in the spool.
        """
        if self._process is None and len(texts) < _WORTH_A_PROCESS:
            return [self._judge.judge(*text) for text in texts]
        with self._lock:
            stdin, stdout = self._pipes()
            try:
                _write(stdin, texts)
                line = stdout.readline()
            except BrokenPipeError:
                line = ""
            if not line:
                raise PipelineError("the process that judges texts has ended; what was answered is kept, run it again")
        return [Judgement(Status(status), explanation, tokens) for status, explanation, tokens in json.loads(line)]

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        if self._process is None:
            command = [sys.executable, "-P", "-m", __name__]  # -P: not a `pipeline` of the working directory
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
            assert self._process.stdin is not None
            settings = {"judging": self._judge.settings.model_dump(), "folder": str(self._folder)}
            _write(self._process.stdin, settings)
        assert self._process.stdin is not None and self._process.stdout is not None
        return self._process.stdin, self._process.stdout


def _write(stream: IO[str], content: Any) -> None:
    stream.write(json.dumps(content) + "\n")
    stream.flush()


def answer(lines: Iterable[str], out: IO[str]) -> None:
    """The program: read settings, then answer each line of texts."""
    waiting = iter(lines)
    first = json.loads(next(waiting))
    settings = Judging.model_validate(first["judging"])
    judge = Judge(settings, token_counter(settings.clip_tokenizer, Path(first["folder"])))
    for line in waiting:
        found = [judge.judge(*text) for text in json.loads(line)]
        _write(out, [(one.status.value, one.explanation, one.clip_tokens) for one in found])


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end closes stdin
    answer(sys.stdin, sys.stdout)
