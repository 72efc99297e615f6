"""Tables of the confirming runs, from their CSV file alone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, variance

from benchmarks.explained_search.arms import ANCHORS, ARMS, BETWEEN, CACHED, FUSED, ONE_SIDED, PLAIN
from benchmarks.explained_search.plan import CONFIRMING, CONFIRMING_WORLDS, DOCS, HARDER_WORLDS
from benchmarks.explained_search.protocols import DECLINES, GATED, INVENTS, KNOWN, KNOWN_SHARES, UNKNOWN, knows
from benchmarks.explained_search.results import ALL, Result, read_results
from entityclip.contract.atomic_files import written_whole
from model.evaluation.explained import PROTOCOLS
from pipeline.worlds.heraldry.houses import MAIN, RARE
from pipeline.worlds.heraldry.pools import SEVERAL, TWINS, UNSEEN

_95 = 1.96
_UNTRAINED = BETWEEN[0]
_PLAIN_WORLDS = tuple(edition for edition in CONFIRMING_WORLDS if edition not in HARDER_WORLDS)
_NEW_HARDER = tuple(edition for edition in CONFIRMING_WORLDS if edition in HARDER_WORLDS)
_KINDS = (
    ("plain worlds", _PLAIN_WORLDS, (ALL, MAIN, RARE)),
    ("harder worlds", _NEW_HARDER, (ALL, MAIN, RARE, *SEVERAL.values(), UNSEEN, TWINS)),
)


@dataclass(frozen=True)
class Cell:
    """Mean recall of an arm by one protocol and pool, and its standard error over queries, by world and seed."""

    means: Mapping[tuple[int, int], float]
    errors: Mapping[tuple[int, int], float]

    @property
    def mean(self) -> float:
        return fmean(self.means.values())


class Results:
    """Looks up cells."""

    def __init__(self, results: Sequence[Result]) -> None:
        self._means: dict[tuple[str, str, str], dict[tuple[int, int], float]] = defaultdict(dict)
        self._errors: dict[tuple[str, str, str], dict[tuple[int, int], float]] = defaultdict(dict)
        for one in results:
            key = one.arm, one.measured.protocol, one.measured.pool
            self._means[key][one.world, one.seed] = one.measured.mean_recall
            self._errors[key][one.world, one.seed] = one.measured.error or 0.0

    def cell(self, arm: str, protocol: str, pool: str, worlds: Sequence[int]) -> Cell | None:
        """Return the results in some worlds, or None if there are none."""
        key = arm, protocol, pool
        means = {at: value for at, value in self._means[key].items() if at[0] in worlds}
        return Cell(means, {at: self._errors[key][at] for at in means}) if means else None


def interval(cell: Cell, base: Cell | None = None) -> tuple[float, float, float]:
    """Return the mean, or the mean difference from `base`, and its 95 % interval over training seeds and queries.

    Seeds are paired. Queries are not: the two standard errors are added as if each were measured on queries of its
    own, so an interval is too wide rather than too narrow. Worlds are not resampled. A base with a single seed, as
    before training, is compared with each seed.
    """
    by_world: dict[int, list[float]] = defaultdict(list)
    errors: dict[int, list[float]] = defaultdict(list)
    for (world, seed), value in cell.means.items():
        if base is None:
            by_world[world].append(value)
            errors[world].append(cell.errors[world, seed] ** 2)
            continue
        other = (world, seed) if (world, seed) in base.means else (world, 0)
        if other in base.means:
            by_world[world].append(value - base.means[other])
            errors[world].append(cell.errors[world, seed] ** 2 + base.errors[other] ** 2)
    mean = fmean(fmean(values) for values in by_world.values())
    of_seeds = sum(variance(values) / len(values) for values in by_world.values() if len(values) > 1)
    of_queries = sum(fmean(values) for values in errors.values())
    half = _95 * sqrt(of_seeds + of_queries) / len(by_world)
    return mean, mean - half, mean + half


def write_table() -> str:
    """Write and return the tables of docs/explained_search/confirming.md."""
    rows = read_results(CONFIRMING)
    results = Results(rows)
    seeds = len({(row.world, row.seed) for row in rows})
    lines = [f"{seeds} pairs of world and seed; mean recall, 95 % interval over seeds and queries", ""]
    for kind, worlds, pools in _KINDS:
        lines += [f"**{kind}** ({', '.join(map(str, worlds))})", ""]
        lines += [f"| arm | protocol | {' | '.join(pools)} |", "|---|---|" + "---:|" * len(pools)]
        for arm in ARMS:
            for protocol, name in PROTOCOLS.items():
                cells = [results.cell(arm.name, protocol, pool, worlds) for pool in pools]
                if cells[0] is not None:
                    shown = " | ".join("" if cell is None else _shown(interval(cell)) for cell in cells)
                    lines.append(f"| {arm.name} | {name} | {shown} |")
        lines.append("")
    lines += [*_knowledge(results), "", "| difference | worlds | points of mean recall (95 %) |", "|---|---|---:|"]
    lines += [*_differences(results), ""]
    text = "\n".join(lines)
    with written_whole(DOCS / "confirming.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    return text


def _knowledge(results: Results) -> list[str]:
    """Return the table of LLMs that know a share of the entities, over all worlds: all queries, known, unknown."""
    shares = (1.0, *KNOWN_SHARES)
    lines = ["**An LLM that knows a share of the entities** (all worlds)", ""]
    lines += [f"| arm | protocol | queries | {' | '.join(f'{100 * share:g} %' for share in shares)} |"]
    lines += ["|---|---|---|" + "---:|" * len(shares)]
    for arm in ARMS:
        for name, what in (("P0", "caption"), *((f"P1-towers, {what}", what) for what in (DECLINES, INVENTS, GATED))):
            for pool in (ALL, KNOWN, UNKNOWN):
                cells = [results.cell(arm.name, knows(share, what), pool, CONFIRMING_WORLDS) for share in shares]
                if cells[-1] is not None:
                    shown = " | ".join("" if cell is None else _shown(interval(cell)) for cell in cells)
                    lines.append(f"| {arm.name} | {name} | {pool} | {shown} |")
    return lines


def _differences(results: Results) -> list[str]:
    two, three = SEVERAL.values()
    asked = [
        ((CACHED.name, "mmae"), (FUSED.name, "explained"), ALL),
        ((ONE_SIDED.name, "mmae"), (FUSED.name, "explained"), ALL),
        ((CACHED.name, "explained"), (FUSED.name, "explained"), ALL),
        ((CACHED.name, "mmae"), (FUSED.name, "both"), ALL),
        ((FUSED.name, "both"), (FUSED.name, "explained"), ALL),
        ((PLAIN.name, "both"), (PLAIN.name, "explained"), ALL),
        ((CACHED.name, "mmae"), (_UNTRAINED.name, "explained"), ALL),
        ((FUSED.name, "explained"), (_UNTRAINED.name, "explained"), ALL),
        ((CACHED.name, "caption"), (ANCHORS.name, "caption"), MAIN),
        ((CACHED.name, "caption"), (PLAIN.name, "caption"), ALL),
        ((CACHED.name, "caption"), (ANCHORS.name, "caption"), two),
        ((CACHED.name, "caption"), (ANCHORS.name, "caption"), three),
        ((FUSED.name, "caption"), (ANCHORS.name, "caption"), two),
        ((FUSED.name, "caption"), (ANCHORS.name, "caption"), three),
        ((CACHED.name, "mmae"), (_UNTRAINED.name, "explained"), UNSEEN),
    ]
    lines = []
    for ours, base, pool in asked:
        for kind, worlds, pools in _KINDS:
            cells = [results.cell(arm, protocol, pool, worlds) for arm, protocol in (ours, base)]
            found = [cell for cell in cells if cell is not None]
            if pool in pools and len(found) == 2:
                names = [f"{arm} {PROTOCOLS[protocol]}" for arm, protocol in (ours, base)]
                lines.append(f"| {names[0]} - {names[1]}, {pool} | {kind} | {_shown(interval(*found), '+')} |")
    return lines


def _shown(found: tuple[float, float, float], sign: str = "") -> str:
    mean, low, high = (f"{value:{sign}.1f}" for value in found)
    return f"{mean} ({low} to {high})"
