"""Shows the report of `entityclip check` as text for terminals of 80 columns."""

from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from flows.display.printing import heading, plural, say
from pipeline.checking.report import IN_WHAT, CheckReport, Estimate, Finding, ImageCounts, Lengths, LlmMemory, Work
from pipeline.files.visible_text import visible

_STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}
_UNCOUNTED = ("cannot_", "no_", "absent_")  # prefixes of the codes of findings that occur at most once
_TITLES = {"error": "errors", "warning": "warnings", "info": "notes"}


def show_check(report: CheckReport, console: Console) -> None:
    """Print statistics of the data, what a run would do, and the findings. The verdict comes last, to stay visible."""
    heading(console, f"{report.dataset}: the data")
    for line in report.reading:
        say(console, line)
    if report.splits:
        console.print(_splits(report))
    if report.images is not None:
        say(console, _images(report.images, report.seconds["images"]))
    if report.caption_tokens is not None or report.prompt_tokens is not None:
        console.print(_lengths(report))
    if report.languages is not None:
        found = [f"{language} {count:,}" for language, count in report.languages.captions.items()]
        say(console, f"languages: {', '.join([*found, f'undecided {report.languages.undecided:,}'])}")
    _show_samples(report, console)
    _show_prompts(report, console)
    if report.work is not None:
        _show_work(report.work, console)
    if report.estimate is not None:
        _show_estimate(report.estimate, console)
    if report.llm is not None:
        say(console, _llm(report.llm))
    if report.training is not None:
        _show_training(report.training, console)
    for severity in reversed(_TITLES):
        of_severity = [finding for finding in report.findings if finding.severity == severity]
        if of_severity:
            heading(console, _TITLES[severity], _STYLES[severity])
        for finding in of_severity:
            _show_finding(finding, console)
    console.print()
    say(console, _verdict(report), "bold " + ("green" if report.status == "ok" else _STYLES[report.status]))


def _splits(report: CheckReport) -> Table:
    table = _table("split", "pairs", "images", "captions", "empty captions")
    for split, counts in report.splits.items():
        table.add_row(
            visible(split), *(f"{n:,}" for n in (counts.pairs, counts.images, counts.captions, counts.empty_captions))
        )
    return table


def _images(images: ImageCounts, seconds: float) -> str:
    rate = f"{images.looked_at:,} of {images.distinct:,} images decoded in {seconds:.1f} s, {images.usable:,} usable"
    if images.looked_at == images.distinct:
        return rate
    missed = 3 / max(images.looked_at, 1)  # rule of three: 95 % upper bound if the sample has none
    return f"{rate}. This is a random sample, which finds faults in {missed:.1%} or more of them; --full decodes all"


def _lengths(report: CheckReport) -> Table:
    table = _table("tokens", "texts", "mean", "5 %", "50 %", "95 %", "99 %", "longest", "over")
    rows = {"captions, CLIP": report.caption_tokens, "prompts, LLM": report.prompt_tokens}
    for name, found in rows.items():
        if found is not None:
            numbers = (found.p5, found.p50, found.p95, found.p99, found.longest)
            table.add_row(name, f"{found.texts:,}", f"{found.mean:.1f}", *(f"{n:,}" for n in numbers), _over(found))
    return table


def _over(lengths: Lengths) -> str:
    share = f" ({lengths.over_limit / lengths.texts:.1%})" if lengths.over_limit else ""
    return f"{lengths.over_limit:,}{share} > {lengths.limit:,}"


def _show_samples(report: CheckReport, console: Console) -> None:
    if report.samples:
        heading(console, f"{len(report.samples)} samples")
    for sample in report.samples:
        topic = f"; topic: {sample.topic}" if sample.topic else ""
        prompt = f"; prompt: {sample.prompt_tokens:,} tokens" if sample.prompt_tokens is not None else ""
        say(console, f"{sample.split} {sample.id} (row {sample.row}): {sample.image}", "bold")
        say(console, sample.caption, indent=2)
        say(console, f"caption: {sample.clip_tokens:,} CLIP tokens{prompt}{topic}", "dim", indent=2)


def _show_prompts(report: CheckReport, console: Console) -> None:
    """Print the first prompt in full; for each later prompt, print only the lines that have not been printed yet."""
    shown: set[str] = set()
    for prompt in report.prompts:
        heading(console, f"prompt of {prompt.id}, {prompt.tokens:,} tokens")
        lines = [line for m in prompt.messages for line in f"{m.role}: {m.content}".splitlines()]
        for line in lines:
            if line.strip() and line not in shown:
                say(console, line, indent=2)
        if shown.intersection(lines):
            say(console, "(remaining lines: see above)", "dim", indent=2)
        shown.update(lines)


def _show_work(work: Work, console: Console) -> None:
    heading(console, "what a run would do")
    say(console, f"{plural(work.num_shards, 'shard')} per split; the plan takes {work.plan_bytes / 2**20:,.1f} MiB")
    say(
        console,
        f"to generate: {work.to_generate:,} (including {work.redone:,} to redo); existing: {work.reused:,}; "
        f"rows without an explanation: {work.settled:,}; pending: {work.pending:,}",
    )
    if work.to_generate:
        mean = work.prompt_tokens / work.to_generate
        say(console, f"prompts: {mean:,.0f} tokens on average, {work.longest_prompt:,} at most")


def _show_estimate(estimate: Estimate, console: Console) -> None:
    errors = f", {estimate.errors} of them failed" if estimate.errors else ""
    rates = (
        f"{estimate.prompts / estimate.seconds:,.1f} rows/s, "
        f"{estimate.completion_tokens / estimate.seconds:,.0f} tokens/s"
    )
    say(console, f"{estimate.prompts} prompts took {estimate.seconds:.1f} s{errors}: {rates}")
    say(console, f"opening the engine took {estimate.opening_seconds:.1f} s")
    duration = timedelta(seconds=round(estimate.estimated_seconds))
    disk = _size(estimate.disk_bytes)
    say(console, f"all {estimate.to_generate:,} prompts at this rate: {duration}, and at most {disk} of disk")


def _llm(llm: LlmMemory) -> str:
    weights = f"memory for the LLM: {_size(llm.weights_bytes)} for its weights, as stored"
    if llm.kv_bytes_per_token is None:
        return weights
    cache = llm.kv_bytes_per_token * llm.max_model_len
    return f"{weights}, and {_size(cache)} of KV cache for each prompt of {llm.max_model_len:,} tokens in progress"


def _show_training(training: dict[str, Any], console: Console) -> None:
    heading(console, f"training with {training['settings']}")
    duration, validation = (timedelta(seconds=round(training[name])) for name in ("seconds", "validation_seconds"))
    memory, disk = _size(training["memory_bytes"]), _size(training["disk_bytes"])
    size = f"{training['batch_size']:,}"
    say(
        console,
        f"{training['steps']:,} steps of {size} pairs on {training['device']}: {duration}, of which {validation} for "
        f"validation; {memory} of memory, and {disk} of disk in the run folder",
    )
    measured = " and ".join(f"{count:,}" for count in training["measured_sizes"])
    seconds = " and ".join(f"{taken:.2f}" for taken in training["measured_seconds"])
    rest = "" if training["measured_sizes"][-1] == training["batch_size"] else f", extrapolated to {size}"
    say(
        console,
        f"measured here: a step of {measured} random pairs takes {seconds} s{rest}; without reading images, and if "
        "every pair gets an explanation",
        "dim",
    )


def _size(count: float) -> str:
    return f"{count / 2**30:,.1f} GiB" if count >= 2**30 / 10 else f"{count / 2**20:,.1f} MiB"


def _show_finding(finding: Finding, console: Console) -> None:
    counted = "" if finding.code.startswith(_UNCOUNTED) else f": {finding.count:,}"
    say(console, f"{finding.what}{counted}  [{finding.code}]", _STYLES[finding.severity])
    for example in finding.examples:
        say(console, f"{example.split} {example.id} (row {example.row}): {example.detail}", indent=4)
    if finding.mend != IN_WHAT:
        say(console, f"fix: {finding.mend}", "dim", indent=2)


def _verdict(report: CheckReport) -> str:
    counts = {name: sum(finding.severity == name for finding in report.findings) for name in ("error", "warning")}
    found = ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items() if count)
    seconds = ", ".join(f"{step} {taken:.1f}" for step, taken in report.seconds.items())
    return f"{found or 'no problems'} (seconds: {seconds})"


def _table(first: str, *numbers: str) -> Table:
    table = Table(first, box=None, header_style="dim", pad_edge=False)
    for name in numbers:
        table.add_column(name, justify="right")
    return table
