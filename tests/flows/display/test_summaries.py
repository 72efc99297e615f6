"""What the command says after its work."""

from flows.display.summaries import next_steps
from pipeline.generation.summary import GenerationSummary


def test_next_steps_name_the_command() -> None:
    counts = {
        "train": {"ok": 7, "truncated": 1200, "error": 1, "bad_image": 2},
        "test": {"truncated": 34, "refused": 5},
    }
    summary = GenerationSummary("d", "o", "m", "r", None, counts, 0, 0, 0, 0, 0, 0.0)
    truncated, refused, error = next_steps(summary, ["entityclip", "generate", "my data.yaml"], 160)
    command = "entityclip generate 'my data.yaml' --redo"
    assert truncated == f"1,234 truncated: {command} truncated --redo-max-tokens 320"
    assert refused.startswith("5 refused: the same prompt")
    assert refused.endswith(f"{command} refused")
    assert error == f"1 error: {command} error"
    assert not next_steps(GenerationSummary("d", "o", "m", "r", None, {}, 0, 0, 0, 0, 0, 0.0), ["x"], 160)
