"""Judges texts in a child process, because judging takes a third of the pipeline's time and would delay the engine.

`JudgeProcess` is the parent's side; the child runs this file as a program. The child reads JSON lines from stdin until
it closes: first the settings, then lists of texts. It answers each list with a line of judgements.
"""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

from entityclip.contract.status import Status
from pipeline.errors import PipelineError
from pipeline.judge.clip_tokens import token_counter
from pipeline.judge.rules import Judge, Judgement
from pipeline.manifest.generation import Judging

_WORTH_A_PROCESS = 500  # texts; judging fewer takes less time than starting a process

Text = tuple[str, str, str | None]  # caption, text as generated, finish_reason


class JudgeProcess(AbstractContextManager["JudgeProcess"]):
    """Judges texts in this process until the first large list arrives, and from then on in a child process."""

    def __init__(self, judge: Judge, folder: Path) -> None:
        """Create the client; `folder` is the manifest's folder, to find a CLIP tokenizer given as a relative path."""
        self._judge = judge
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()  # held from sending a line until its answer is read

    def __exit__(self, *exc: object) -> None:
        if self._process is not None:
            self._process.communicate()  # closes stdin, which ends the child

    def judge_all(self, texts: list[Text]) -> list[Judgement]:
        """Return a judgement for each text, in the same order. Thread-safe.

        Raises:
            PipelineError: the child process has died. The answers of the LLM are kept in the spool.
        """
        if self._process is None and len(texts) < _WORTH_A_PROCESS:
            return [self._judge.judge(*text) for text in texts]
        with self._lock:
            self._process = self._process or self._start()
            assert self._process.stdout is not None
            try:
                _write(self._process.stdin, texts)
                line = self._process.stdout.readline()
            except BrokenPipeError:
                line = ""
            if not line:
                raise PipelineError("the judging process died. Finished answers are kept; run again to continue")
        return [Judgement(Status(status), explanation, tokens) for status, explanation, tokens in json.loads(line)]

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", "-m", __name__]  # -P: ignore a `pipeline` in the working directory
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        _write(process.stdin, {"judging": self._judge.settings.model_dump(), "folder": str(self._folder)})
        return process


def _write(stream: IO[str] | None, content: Any) -> None:
    assert stream is not None
    stream.write(json.dumps(content) + "\n")
    stream.flush()


def answer(lines: Iterable[str], out: IO[str]) -> None:
    """Run the child's loop: read the settings, then answer each line of texts."""
    remaining = iter(lines)
    first = json.loads(next(remaining))
    settings = Judging.model_validate(first["judging"])
    judge = Judge(settings, token_counter(settings.clip_tokenizer, Path(first["folder"])))
    for line in remaining:
        judgements = [judge.judge(*text) for text in json.loads(line)]
        _write(out, [(j.status.value, j.explanation, j.clip_tokens) for j in judgements])


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C; its exit closes stdin
    answer(sys.stdin, sys.stdout)
