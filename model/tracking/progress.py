"""Progress output for the user during training."""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from entityclip.contract.progress import duration
from entityclip.contract.visible_text import visible_lines
from model.settings.schema import TrainSettings

if TYPE_CHECKING:  # torch takes seconds to import
    from model.data.dataset import TripleDataset

_RECENT_STEPS = 100
_SHORTEST_WAIT, _LONGEST_WAIT = 5.0, 600.0  # seconds between lines
_WAIT_SHARE = 0.05  # share of the time since the start; gives 60 lines in the first hour, about a thousand in a week
_BAR = "{desc} {percentage:3.0f}%|{bar:16}| {n_fmt}/{total_fmt}{postfix}"


class NullOutput(AbstractContextManager["NullOutput"]):
    """Stand-in for `Progress` and `RunLog` that writes nothing."""

    def _ignore(self, *args: Any) -> None:
        pass

    step = validation = say = sync = close = __exit__ = _ignore

    @contextmanager
    def aside(self, what: str) -> Iterator[None]:
        """Return a context that does nothing."""
        yield


class Progress:
    """On a terminal, a bar with loss terms, samples/s and time left; otherwise lines on stderr at growing intervals.

    The rate covers recent steps and excludes the time spent on validating and saving; the time left includes it.
    """

    def __init__(
        self, steps: int, batch_size: int, begins_at: int = 0, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Show progress from step `begins_at`, the number of steps already completed, to `steps`."""
        self._steps, self._batch_size, self._clock = steps, batch_size, clock
        look: dict[str, Any] = {"bar_format": _BAR, "dynamic_ncols": True, "disable": None, "leave": False}
        self._bar = tqdm(total=steps, initial=begins_at, desc="training", **look)
        self._began = self._printed_at = clock()
        self._aside = 0.0  # seconds since the first step that were not spent on steps
        # (step, time excluding validating and saving)
        self._recent = deque([(begins_at, self._began)], maxlen=_RECENT_STEPS + 1)
        self._begins_at = begins_at

    def step(self, done: int, losses: dict[str, float]) -> None:
        """Show that `done` steps are complete."""
        now = self._clock()
        self._recent.append((done, now - self._aside))
        (earlier, then), (_, latest) = self._recent[0], self._recent[-1]
        seconds = max(latest - then, 1e-9) / (done - earlier)
        left = (self._steps - done) * (seconds + self._aside / (done - self._begins_at))
        terms = ", ".join(f"{name} {value:.3f}" for name, value in losses.items())
        state = f"{terms}; {self._batch_size / seconds:,.0f} samples/s, {duration(left)} left"
        self._bar.set_postfix_str(state, refresh=False)
        self._bar.update()
        wait = min(max(_SHORTEST_WAIT, _WAIT_SHARE * (now - self._began)), _LONGEST_WAIT)
        if self._bar.disable and (now - self._printed_at >= wait or done == self._steps):
            self._printed_at = now
            self.say(f"step {done}/{self._steps}: {state}" if done < self._steps else f"step {done}: {terms}")

    @contextmanager
    def aside(self, what: str) -> Iterator[None]:
        """Exclude the block from the training time; meanwhile, the bar shows `what`."""
        began = self._clock()
        self._bar.set_description_str(what)
        try:
            yield
        finally:
            self._bar.set_description_str("training")
            if len(self._recent) == 1:  # before the first step: happens once, so the time left excludes it
                self._recent[0] = (self._recent[0][0], self._clock())
            else:
                self._aside += self._clock() - began

    def say(self, line: str) -> None:
        """Print a line without breaking the bar."""
        tqdm.write(visible_lines(line), file=sys.stderr)

    def close(self) -> None:
        """Remove the bar."""
        self._bar.close()


def log_data_summary(
    progress: Progress | NullOutput, settings: TrainSettings, splits: "dict[str, TripleDataset]"
) -> None:
    """Print a few lines that summarise the training data."""
    for triples in splits.values():
        progress.say(triples.source.line())
    _warn(progress, splits)
    progress.say(splits["train"].summary())
    for warning in doubtful_settings(settings, {use: triples.source.digests for use, triples in splits.items()}):
        progress.say(f"warning: {warning}")
    if settings.data.wrong_explanations:
        progress.say("control run: every row is trained with the explanation of another row")


def doubtful_settings(settings: TrainSettings, shards: dict[str, dict[str, str]]) -> Iterator[str]:
    """Yield a warning for each choice that makes the run's numbers mean little, although training works.

    Args:
        shards: digests of the shards by use: "train", and "val" if there is a validation split.
    """
    train, val = settings.data.splits.train, settings.data.splits.val
    if val == train:
        yield (
            f"the validation split is the training split ({train}), so the checkpoint is chosen on rows that were "
            "trained on; set data.splits.val to another split, or to null to keep the last weights"
        )
    elif "val" in shards and set(shards["val"].values()) & set(shards["train"].values()):
        yield f"the validation split {val} has a shard with the same content as one of the training split {train}"
    if settings.data.splits.test == train:
        yield f"data.splits.test is the training split ({train}), so `evaluate` measures rows that were trained on"
    lock = settings.lock
    if lock.image and lock.text and not (lock.image_unlocked_groups or lock.text_unlocked_layers):
        yield (
            "both towers are locked as a whole (lock.image, lock.text), so their embeddings and all retrieval metrics "
            "stay as they are before training; unlock one, or set lock.image_unlocked_groups or "
            "lock.text_unlocked_layers"
        )


def log_left_out_rows(progress: Progress | NullOutput, splits: "dict[str, TripleDataset]") -> None:
    """Print which images were unusable, and repeat any warning about incomplete explanations."""
    for line in splits["train"].failures.lines():
        progress.say(line)
    _warn(progress, splits)


def _warn(progress: Progress | NullOutput, splits: "dict[str, TripleDataset]") -> None:
    for triples in splits.values():
        if warning := triples.source.warning():
            progress.say(warning)
