"""Finds the explanations, trained models and embeddings to serve, given a path or URL."""

from dataclasses import dataclass
from pathlib import Path

from entityclip.contract.locations import is_url
from flows.display.inspection import EXPLANATIONS
from model.run_files import INDEX
from model.runs import in_order, is_training_run, overview
from pipeline.errors import PipelineError
from pipeline.files.visible_text import visible
from pipeline.inspect.summary import Summary, summarise


@dataclass(frozen=True)
class Contents:
    """The served explanations and models.

    Attributes:
        location: path or URL as given by the user.
        runs: folders of training runs and indexes, by arm name; runs found below `location` are sorted by `in_order`.
    """

    location: str
    summary: Summary
    runs: dict[str, Path]


def open_contents(location: str, arms: dict[str, Path]) -> Contents:
    """Find the content at a location by reading shard footers and small files. No model is loaded.

    Args:
        arms: additional training runs or indexes, by name.

    Raises:
        PipelineError: there are no explanations, or an arm is neither a training run nor an index.
    """
    for name, folder in arms.items():
        if not is_training_run(folder) and not (folder / INDEX).is_file():
            arm = f"{visible(name)}={visible(str(folder))}"
            raise PipelineError(f"--arm {arm} is neither a training run nor an index; give the folder of one of them")
    if not is_url(location) and is_training_run(Path(location)):
        run = Path(location)
        found = overview(run)
        explanations = found.explanations
        if explanations is None:
            why = "".join(f"{name} is damaged ({visible(why, 200)}); " for name, why in found.damaged.items())
            raise PipelineError(
                f"{why}{visible(location)} does not record in settings.yaml which explanations it was trained on; "
                f"serve the folder of those explanations, and add the run with --arm NAME={visible(location)}"
            )
        return Contents(location, _summary(explanations), {run.resolve().name: run} | arms)
    folder = Path(location) / EXPLANATIONS
    if not is_url(location) and folder.is_dir():
        children = sorted(child for child in Path(location).iterdir() if child.is_dir())
        runs = in_order(overview(child) for child in children if is_training_run(child))
        return Contents(location, _summary(str(folder)), {run.location.name: run.location for run in runs} | arms)
    return Contents(location, _summary(location), arms)


def _summary(location: str) -> Summary:
    summary = summarise(location)
    if summary is None:
        raise PipelineError(
            f"{visible(location)} has neither explanations (split=*/part-*.parquet) nor a training run (train.json)"
        )
    if not summary.looks:
        raise PipelineError(
            f"{visible(location)} has no readable shard; for details run entityclip inspect {visible(location)}"
        )
    return summary
