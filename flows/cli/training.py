"""Commands that train a model or use a trained one: `train`, `evaluate`, `import-checkpoint`, `export`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import AllowPartial
from flows.cli.stages import exit_zero_when_stopped, open_stages


def train(
    config: Annotated[Path, typer.Argument(help="YAML file of training settings")],
    out: Annotated[Path, typer.Option("--out", help="folder for checkpoint, log and record")],
    override: Annotated[
        list[str] | None, typer.Option("--set", help="change a setting: --set optim.lr=1e-3 (repeatable)")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="recipe for settings missing in the file, instead of the one that it names")
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="start anew, replacing a run in the folder")] = False,
    allow_partial: AllowPartial = False,
    nproc: Annotated[int, typer.Option(min=1, help="processes that share every batch, each with its own GPU")] = 1,
) -> None:
    """Train on generated explanations; an unfinished run in the folder resumes from its last saved state.

    The settings' `method` selects what is trained: the paper's modules, anchors, or neither (plain CLIP).
    """
    from model.settings.load import load_settings

    changed = [*([] if preset is None else [f"preset={preset}"]), *(override or [])]
    load_settings(config, changed)  # so that errors are reported before anything slow
    stages = open_stages()
    from flows.display.summaries import show_training
    from flows.project_paths import absolute_overrides

    overrides = absolute_overrides(changed, Path.cwd())
    with exit_zero_when_stopped():
        run = stages.train(config.absolute(), out.absolute(), overrides, overwrite, allow_partial, nproc)
        show_training(run)


def evaluate(
    run: Annotated[Path, typer.Argument(help="folder of a training run")],
    split: Annotated[
        list[str] | None, typer.Option(help="split to measure (repeatable); by default the settings' test split")
    ] = None,
    explanations: Annotated[Path | None, typer.Option(help="shards, instead of those in the run's settings")] = None,
    allow_partial: AllowPartial = False,
    nproc: Annotated[int, typer.Option(min=1, help="processes that share the encoding, each with its own GPU")] = 1,
) -> None:
    """Evaluate the retrieval of a trained run with confidence intervals, and write metrics.json to its folder."""
    from model.checkpoints.checkpoint import read_checkpoint_card

    read_checkpoint_card(run)  # so that errors are reported before anything slow
    stages = open_stages()
    from flows.display.retrieval import show_arms

    other = explanations and explanations.absolute()
    for metrics in stages.evaluate(run.absolute(), split, other, allow_partial, nproc).values():
        show_arms({run.name: metrics})


def import_checkpoint(
    checkpoint: Annotated[Path, typer.Argument(help="the authors' trained .pt")],
    out: Annotated[Path, typer.Argument(help="new run folder, for evaluate --explanations")],
    vision_heads: Annotated[int | None, typer.Option(min=1, help="of the image tower; by default width / 64")] = None,
    text_heads: Annotated[int | None, typer.Option(min=1, help="of the text tower; by default width / 64")] = None,
    eot_id: Annotated[int | None, typer.Option(min=0, help="end-of-text token; by default the highest id")] = None,
) -> None:
    """Convert a checkpoint from the authors' code into a run folder."""
    from flows.display.printing import show_lines
    from model.checkpoints.ete import import_checkpoint

    heads = {"vision_heads": vision_heads, "text_heads": text_heads}
    show_lines(*import_checkpoint(checkpoint, out, **heads, eot_id=eot_id).lines())


def export(
    checkpoint: Annotated[Path, typer.Argument(help="a run folder, or its checkpoint folder")],
    out: Annotated[Path, typer.Argument(help="new folder; an earlier export is replaced")],
) -> None:
    """Write the trained towers as a folder that open_clip can load."""
    from flows.display.printing import console
    from model.exporting.export import export

    console.print(f"open_clip.create_model_and_transforms('local-dir:{export(checkpoint, out)}')", soft_wrap=True)
