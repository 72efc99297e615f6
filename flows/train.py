"""The flow that trains on cached explanations; no LLM is touched."""

from pathlib import Path

from prefect import flow

from model.settings_file import load_settings
from model.training import TrainResult, train


@flow(name="train-entityclip")
def train_entityclip(
    config: Path,
    run: Path,
    overrides: list[str] | None = None,
    overwrite: bool = False,
    allow_partial: bool = False,
) -> TrainResult:
    """Train EntityCLIP, or plain CLIP with its modules switched off, from explanation shards.

    Args:
        config: the YAML file of training settings.
        run: folder for checkpoint, log and record.
        overrides: changed settings, such as `optim.lr=1e-3`.
        overwrite: replace a finished run in that folder.
        allow_partial: train on what is there of explanations that are not complete, as `data.allow_partial` does.
    """
    partial = ["data.allow_partial=true"] if allow_partial else []
    return train(load_settings(config, [*(overrides or []), *partial]), run, overwrite=overwrite)
