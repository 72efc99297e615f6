"""The command `init`, which writes a manifest and training settings for a user's own data."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import given_options


def init(
    data: Annotated[
        list[str],
        typer.Argument(help="CSV, TSV, JSONL, Parquet or tar files, a pattern that matches them, or a folder."),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the two files. Default: a folder named after the data."),
    ] = None,
    llm: Annotated[
        str | None, typer.Option(help="Model folder, or NAME@REVISION of a hub model. Default: Mistral 7B Instruct.")
    ] = None,
    clip: Annotated[
        str | None,
        typer.Option(help="MODEL/WEIGHTS of open_clip, or the folder of a model or a run. Default: OpenAI's ViT-B/32."),
    ] = None,
) -> None:
    """Inspect your own data, and write a manifest and training settings for it. Existing files are not overwritten."""
    from flows.display.printing import show_lines
    from pipeline.files.visible_text import visible

    show_lines(visible(f"looking at {', '.join(data)}"))
    from flows.display.next_steps import command_line, link
    from flows.init_files import MANIFEST, RUN, SETTINGS, check_absent, dataset_name, default_folder, write_init_files
    from flows.init_models import choose_llm, choose_towers
    from pipeline.guessing.guess import guess_dataset
    from pipeline.guessing.locate import locate

    located = locate(data)
    name = dataset_name(located)
    folder = out or default_folder(located, name)
    check_absent(folder)
    chosen_llm, towers = choose_llm(llm), choose_towers(clip)
    guess = guess_dataset(located)
    command = shlex.join(["entityclip", "init", *data, *given_options(out=out, llm=llm, clip=clip)])
    reasons = write_init_files(folder, name, guess, chosen_llm, towers, command)
    reasons = [*guess.reasons, *chosen_llm.reasons, *towers.reasons, *reasons]
    show_lines(*(f"  {visible(reason)}" for reason in reasons))
    manifest, settings = folder / MANIFEST, folder / SETTINGS
    show_lines(f"wrote {link(manifest)}", f"wrote {link(settings)}")
    show_lines(
        f"next: {command_line('check', manifest)}",
        f"then: {command_line('generate', manifest)}",
        f"then: {command_line('train', settings, '--out', folder / RUN)}",
    )
