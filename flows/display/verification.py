"""Shows the result of `entityclip verify`."""

from collections.abc import Iterator
from pathlib import Path

from flows.display.next_steps import command_line
from flows.display.printing import plural, show_lines
from pipeline.files.visible_text import visible
from pipeline.verifying.verify import Verification

_SHOWN = 20


def show_verification(found: Verification, repaired: list[str]) -> None:
    """Print what was verified, every fault, and what a repair did."""
    buckets = f"{len(found.receipts):,} of {found.num_shards or 0:,} buckets finished"
    show_lines(f"{found.kind} explanations: {visible(found.location)}", style="bold")
    show_lines(f"{plural(found.rows, 'row')} in {plural(found.shards, 'shard')} verified; {buckets}")
    show_lines(_compared(found))
    for lines, style in ((_faults(found), "red"), (_gaps(found), "yellow")):
        shown = list(lines)
        show_lines(*shown[:_SHOWN], style=style)
        if len(shown) > _SHOWN:
            show_lines(f"... and {len(shown) - _SHOWN:,} more; --json lists all", style=style)
    show_lines(*map(visible, repaired))
    show_lines(f"state: {found.state}", style="green" if found.state in ("whole", "partial") else "red")


def after_verification(found: Verification, manifest: Path | None, *, is_repaired: bool) -> Iterator[str]:
    """Yield the command to run next: one that repairs, one that makes what is missing again, or training."""
    location = found.location
    if found.is_damaged and not is_repaired and (found.damaged or found.strays):
        where = [location] if manifest is None else [location, "--manifest", manifest]
        yield f"next: {command_line('verify', *where, '--repair')}"
    elif found.state in ("whole", "partial"):
        yield f"next: {command_line('inspect', location)}"
    elif found.kind == "packed":
        yield f"next: {command_line('pack', 'SHARDS', location)}"
    elif found.kind == "imported":
        yield f"next: {command_line('import-explanations', manifest or 'MANIFEST', 'FILES', '--out', location)}"
    else:
        limit = ["--limit", found.recorded_rows] if found.pending else []
        yield f"next: {command_line('generate', manifest or 'MANIFEST', '--out', location, *limit)}"


def _compared(found: Verification) -> str:
    if found.kind == "packed":
        return "packed rows are not compared with a plan; verify the shards that they were packed from for that"
    if found.compared == len(found.receipts) and found.compared:
        return "every row was compared with its planned pair"
    what = (
        f"rows of {found.compared:,} of {plural(len(found.receipts), 'finished bucket')} were compared with their plan"
    )
    return what if found.outdated else f"{what}, as the others' plan is not here; --manifest MANIFEST plans anew"


def _faults(found: Verification) -> Iterator[str]:
    for fault in found.damaged:
        yield f"{fault.name} {fault.why}"
    yield from (f"{name} is missing, but a receipt lists it" for name in found.missing)
    yield from (f"{visible(name)} is no shard of this output" for name in found.strays)


def _gaps(found: Verification) -> Iterator[str]:
    for numbers, what in (
        (found.unfinished, "without a receipt, so not finished"),
        (found.outdated, "made for another plan: the data or the manifest have changed since"),
    ):
        if numbers:
            which = ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
            yield f"{plural(len(numbers), 'bucket')} {what}: {which}"
    if found.pending:
        yield f"{plural(found.pending, 'planned pair')} not generated because of a limit"
