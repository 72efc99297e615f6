"""The command lines that README and docs print, and what stands in for them where they cannot run as they are."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")), "CONTRIBUTING.md",
         "tests/README.md")  # fmt: skip
_PROGRAM = re.compile(r"(?:\.venv/bin/)?(entityclip|python|prefect|torchrun|make|pip|vllm|docker|export) ")


class Line(NamedTuple):
    """A command as it is printed, without its comment."""

    page: str
    text: str

    @property
    def words(self) -> list[str]:
        """The program's name without its folder, and its arguments."""
        program, *arguments = shlex.split(self.text)
        return [program.removeprefix(".venv/bin/"), *arguments]


def lines() -> list[Line]:
    """Return the commands of all pages in their order, each once."""
    found = [Line(page, text) for page in PAGES for text in _commands(ROOT / page)]
    return list({tuple(line.words): line for line in reversed(found)}.values())[::-1]


def _commands(page: Path) -> Iterator[str]:
    language: str | None = None
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            language = None if language is not None else line[3:].strip()
        elif (line.startswith("    ") if language is None else language in ("bash", "console", "sh", "")) and (
            _PROGRAM.match(line.strip())
        ):
            yield re.sub(r"\s+#\s.*", "", line.strip())


# Pattern of a line -> the test that runs it, in a tiny form where it is long, or why it cannot run here.
ELSEWHERE = {
    r"make demo|make test|make test-slow": ".ci/run",
    r"make (up|down)|export PATH=|prefect deployment run \S+/heraldry ": "tests/flows/test_readme_prefect.py",
    r"prefect deployment run \S+/own ": "tests/test_three_uses.py",
    r"entityclip init |entityclip \w+ pairs/": "tests/flows/cli/test_init_command.py",
    r"entityclip reproduce \w+ --root": "tests/flows/test_reproduce.py",
    r"entityclip import-explanations data_manifests/n24": "tests/flows/cli/test_import_explanations_command.py",
    r"entityclip evaluate OUT ": "tests/model/checkpoints/test_ete.py",  # with a tokenizer of its small vocabulary
    r"entityclip .*s3://bucket/": "tests/model/data/test_remote_shards.py",
    r"python -m pytest (\S+)": ".ci/run",
    r"python -m benchmarks.ablation": "tests/benchmarks/ablation/test_ablation.py",
    r"python -m benchmarks.batch_memory": "tests/benchmarks/test_batch_memory.py",
    r"python -m benchmarks.checking": "tests/benchmarks/test_checking.py",
    r"python -m benchmarks.data_loading": "tests/benchmarks/test_data_loading.py",
    r"python -m benchmarks.data_start": "tests/benchmarks/test_data_start.py",
    r"python -m benchmarks.evaluation": "tests/benchmarks/test_evaluation.py",
    r"python -m benchmarks.explained_search": "tests/benchmarks/explained_search/test_explained_search.py",
    r"python -m benchmarks.generation": "tests/benchmarks/test_generation.py",
    r"python -m benchmarks.pipeline_rate|python -m benchmarks.planning": "tests/benchmarks/test_pipeline_rate.py",
    r"python -m benchmarks.shortcuts": "tests/benchmarks/test_shortcuts.py",
    r"python -m benchmarks.training_step": "tests/benchmarks/test_training_step.py",
    r"torchrun --nnodes 2 ": "needs two machines; tests/model/launch runs the program that it starts",
}


def elsewhere(line: Line) -> str | None:
    """Return where a line is run, or why it is not; None for lines that tests/docs/test_commands.py runs."""
    text = " ".join(line.words)
    return next((where for pattern, where in ELSEWHERE.items() if re.match(pattern, text)), None)
