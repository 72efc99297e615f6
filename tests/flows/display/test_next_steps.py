"""What commands say after their work."""

from pathlib import Path

import pytest

from flows.display.next_steps import after_generation, command_line, left_out
from pipeline.generation.summary import GenerationSummary


def _summary(counts: dict[str, dict[str, int]], pending: int = 0) -> GenerationSummary:
    return GenerationSummary("d", "my out", "m", "r", None, counts, 0, 0, pending, 0, 0, 0.0)


def test_each_status_is_explained_and_the_commands_are_complete(tmp_path: Path) -> None:
    counts = {
        "train": {"ok": 7, "truncated": 1200, "error": 1, "bad_image": 2},
        "test": {"truncated": 34, "refused": 5},
    }
    again = command_line("generate", "my data.yaml")
    lines = list(after_generation(_summary(counts), again, 160, tmp_path / "m.yaml"))
    command = f"{command_line()} generate 'my data.yaml' --redo"
    assert lines == [
        "1,234 truncated: the token budget was used up before the text ended; generate them again with: "
        f"{command} truncated --redo-max-tokens 320",
        "5 refused: the LLM refused to answer; the same prompt will usually be refused again; change generation.prompt "
        f"or generation.model, or retry with: {command} refused",
        "2 bad_image: the image is missing or cannot be decoded; not sent to the LLM",
        f"1 error: the engine returned an error or no answer; generate them again with: {command} error",
        f"look at these rows: {command_line()} inspect 'my out' --where \"status <> 'ok'\" --sample 5",
        f"next: {command_line()} train SETTINGS.yaml --out RUN --set 'data.explanations=my out'",
    ]


def test_shipped_settings_are_named_and_a_limited_run_trains_on_what_there_is(tmp_path: Path) -> None:
    settings = tmp_path / "m" / "train.yaml"
    settings.parent.mkdir()
    settings.touch()
    (line,) = after_generation(_summary({"train": {"ok": 3}}, pending=4), "x", 160, tmp_path / "m.yaml")
    words = f"train {settings} --out runs/d/run --set 'data.explanations=my out' --allow-partial"
    assert line == f"next: {command_line()} {words}"


def test_settings_that_init_wrote_are_named(tmp_path: Path) -> None:
    (tmp_path / "train.yaml").touch()
    (line,) = after_generation(_summary({"train": {"ok": 3}}), "x", 160, tmp_path / "manifest.yaml")
    words = f"train {tmp_path}/train.yaml --out {tmp_path}/run --set 'data.explanations=my out'"
    assert line == f"next: {command_line()} {words}"


def test_settings_that_name_the_explanations_need_no_override(tmp_path: Path) -> None:
    summary = _summary({"train": {"ok": 3}})
    explanations = Path(summary.output).resolve()
    (tmp_path / "train.yaml").write_text(
        f"towers: {{model: ViT-B-32}}\noptim: {{steps: 1, batch_size: 2}}\ndata: {{explanations: {explanations}}}\n"
    )
    (line,) = after_generation(summary, "x", 160, tmp_path / "manifest.yaml")
    assert line == f"next: {command_line()} train {tmp_path}/train.yaml --out {tmp_path}/run"


def test_a_printed_command_runs_from_where_it_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bin_ = tmp_path / ".venv" / "bin"
    bin_.mkdir(parents=True)
    script = bin_ / "entityclip"
    monkeypatch.setattr("sys.executable", str(bin_ / "python"))
    monkeypatch.setenv("PATH", "/usr/bin")
    assert command_line("check", "m.yaml") == f"{bin_}/python -m flows.cli check m.yaml"
    script.touch(mode=0o755)
    assert command_line("check") == f"{script} check"
    monkeypatch.chdir(tmp_path)
    assert command_line("check") == ".venv/bin/entityclip check"
    monkeypatch.setenv("PATH", f"/usr/bin:{bin_}")
    assert command_line("check") == "entityclip check"


def test_rows_left_out_of_training_are_counted_with_the_setting_that_takes_them() -> None:
    statuses = {"ok": 9, "entity_missing": 20, "bad_image": 1}
    assert list(left_out({"statuses": statuses, "used": {"ok": 9}})) == [
        "rows not used for training: 21 of 30 (20 entity_missing, 1 bad_image)",
        "to use the rows with an explanation as well: --set 'data.statuses=[ok, entity_missing]'",
    ]
    used = {"ok": 9, "entity_missing": 20}
    assert list(left_out({"statuses": statuses, "used": used})) == ["rows not used for training: 1 of 30 (1 bad_image)"]
    assert not list(left_out({"statuses": used, "used": used}))
