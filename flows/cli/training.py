"""Commands that train a model or use a trained one: `train`, `evaluate`, `import-checkpoint`, `export`."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import AllowPartial, Heads, Nproc, Overrides, Shards, Splits
from flows.cli.stages import exit_zero_when_stopped, open_stages
from flows.display.waiting import announce, stop_waiting
from model.errors import ModelError


def train(
    config: Annotated[Path, typer.Argument(help="YAML file of training settings.")],
    out: Annotated[Path, typer.Option("--out", help="Run folder, for the checkpoint, log and record.")],
    override: Overrides = None,
    preset: Annotated[str | None, typer.Option(help="Preset for omitted settings. Default: the file's preset.")] = None,
    overwrite: Annotated[bool, typer.Option(help="Start a new run, replacing any run in the folder.")] = False,
    allow_partial: AllowPartial = False,
    nproc: Nproc = 1,
) -> None:
    """Train on generated explanations. An unfinished run in the folder resumes from its last saved state.

    The settings' `method` selects what is trained: the paper's modules, anchors, or neither (plain CLIP).
    """
    from flows.project_paths import absolute_overrides, naming_the_manifest
    from model.preflight import check_training
    from model.settings.load import load_settings

    changed = [*([] if preset is None else [f"preset={preset}"]), *(override or [])]
    settings = load_settings(config, changed)  # so that errors are reported before anything slow
    try:
        check_training(settings, out, overwrite=overwrite)
    except ModelError as error:
        raise ModelError(naming_the_manifest(str(error), settings.data.explanations)) from error
    stages = open_stages()
    announce("loading torch")
    from flows.display.next_steps import show_next
    from flows.display.summaries import show_training

    overrides = absolute_overrides(changed, Path.cwd())
    if nproc > 1:  # the processes show their own progress
        stop_waiting()
    with exit_zero_when_stopped():
        run = stages.train(config.absolute(), out.absolute(), overrides, overwrite, allow_partial, nproc)
        show_training(run)
        show_next("evaluate", out)


def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a training run.")],
    split: Splits = None,
    explanations: Shards = None,
    allow_partial: AllowPartial = False,
    nproc: Nproc = 1,
    explained: Annotated[
        bool, typer.Option("--explained", help="Also search by captions with their explanations in the shards.")
    ] = False,
    alpha: Annotated[
        float | None, typer.Option(min=0, help="Weight of explanations. Default: the best on the validation split.")
    ] = None,
) -> None:
    """Evaluate a trained run's retrieval, with confidence intervals, and write metrics.json to the run folder."""
    from model.run_files import EXPLAINED, METRICS, read_checkpoint_card, read_record

    if alpha is not None and not explained:
        raise ModelError("--alpha is the weight of explanations: it needs --explained")

    read_checkpoint_card(run)  # so that errors are reported before anything slow
    stages = open_stages()
    announce("loading torch")
    from flows.display.next_steps import link, show_next
    from flows.display.printing import show_lines
    from flows.display.retrieval import show_arms, show_protocols

    other = explanations and explanations.absolute()
    if nproc > 1:  # the processes show their own progress
        stop_waiting()
    for metrics in stages.evaluate(run.absolute(), split, other, allow_partial, nproc, explained, alpha).values():
        show_arms({run.name: metrics})
    if explained:
        show_protocols(read_record(run / EXPLAINED, None, f"recreate it with: entityclip evaluate {run} --explained"))
    show_lines(f"metrics: {link(run / METRICS)}", *([f"protocols: {link(run / EXPLAINED)}"] if explained else []))
    show_next("report", run)


def import_checkpoint(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint (.pt file) trained with the authors' code.")],
    out: Annotated[Path, typer.Argument(help="New run folder. To evaluate the run, pass --explanations.")],
    vision_heads: Heads = None,
    text_heads: Heads = None,
    eot_id: Annotated[
        int | None, typer.Option(min=0, help="Id of the end-of-text token. Default: the highest id in each text.")
    ] = None,
) -> None:
    """Convert a checkpoint from the authors' code into a run folder."""
    from model.run_files import check_import

    check_import(checkpoint, out)  # so that errors are reported before anything slow
    announce("loading torch")
    from flows.display.next_steps import show_next
    from flows.display.printing import show_lines
    from model.checkpoints.ete import import_checkpoint

    heads = {"vision_heads": vision_heads, "text_heads": text_heads}
    show_lines(*import_checkpoint(checkpoint, out, **heads, eot_id=eot_id).lines())
    show_next("evaluate", out, "--explanations", "SHARDS")


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Folder of a training run, or its checkpoint folder.")],
    out: Annotated[Path, typer.Argument(help="Folder for the export. An existing export is replaced.")],
    no_reader: Annotated[
        bool,
        typer.Option("--no-reader", help="Leave out the initial model, which reads explanations of queries."),
    ] = False,
) -> None:
    """Write the trained towers, and those that read explanations, as folders that open_clip can load."""
    from model.run_files import READER, find_run, read_checkpoint_card

    read_checkpoint_card(find_run(checkpoint))  # so that errors are reported before anything slow
    announce("loading torch")
    from flows.display.next_steps import link, show_next
    from flows.display.printing import show_lines
    from model.exporting.export import export as export_towers
    from model.exporting.model_card import README

    folder = export_towers(checkpoint, out, with_reader=not no_reader)
    has_reader = (folder / READER).exists()
    show_lines(
        f"model card: {link(folder / README)}",
        *([f"reader of explanations: {link(folder / READER)}"] if has_reader else []),
        "in Python, after import open_clip:",
        f"open_clip.create_model_and_transforms('local-dir:{folder}')",
    )
    show_next("index", out, f"{out}-index", "--explanations", "SHARDS")
