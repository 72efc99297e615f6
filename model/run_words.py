"""What a run says of its data, before its steps and after them."""

from model.progress import Progress
from model.settings import TrainSettings
from model.silence import Silence
from model.triples import TripleSet


def say_what_is_read(progress: Progress | Silence, settings: TrainSettings, splits: dict[str, TripleSet]) -> None:
    """What is trained on, in a few lines."""
    for triples in splits.values():
        progress.say(triples.source.line())
    _warn(progress, splits)
    progress.say(splits["train"].summary())
    if settings.data.wrong_explanations:
        progress.say("a control: every row trains with the explanation of another")


def say_what_was_left_out(progress: Progress | Silence, splits: dict[str, TripleSet]) -> None:
    """Images that could not be used, and once more what is missing of the explanations."""
    for line in splits["train"].failures.lines():
        progress.say(line)
    _warn(progress, splits)


def _warn(progress: Progress | Silence, splits: dict[str, TripleSet]) -> None:
    for triples in splits.values():
        if warning := triples.source.warning():
            progress.say(warning)
