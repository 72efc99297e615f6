"""Shows a training run for `entityclip inspect`."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.text import Text

from flows.display.printing import fields, heading, say
from model.run_kind import ANCHORS, BRIDGE, GI_ITM, MMAE, parts
from model.runs import RunOverview
from model.settings.schema import MethodSettings
from pipeline.files.visible_text import visible


def show_run(console: Console, run: RunOverview) -> None:
    """Print a run's state, settings, progress, metrics and training data."""
    console.print(Text(f"training run: {visible(str(run.location))}", style="bold"), soft_wrap=True)
    say(console, run.state, "green" if run.state == "finished" else "yellow")
    for name, why in run.damaged.items():
        say(console, f"damaged: {name}: cannot be read ({visible(why, 200)})", "red")
    fields(console, _settings(run), 300)
    heading(console, "progress and metrics")
    fields(console, _progress(run), 300)
    trained_with = run.record or _mapping(run.checkpoint.get("trained_with"))
    for use, data in _mapping(trained_with.get("data")).items():
        heading(console, f"rows for {use}")
        fields(console, _data(data), 300)


def _settings(run: RunOverview) -> Iterable[tuple[str, object]]:
    settings = run.settings
    optim = _mapping(settings.get("optim"))
    towers = _mapping(settings.get("towers"))
    found = {
        "method": run.kind if run.method is None else run.kind + _weights(run.method),
        "towers": " ".join(str(towers[key]) for key in ("model", "pretrained") if towers.get(key)),
        "steps": _length(optim),
        "batch": optim.get("batch_size"),
        "learning rate": f"{optim['lr']} towers, {optim.get('new_lr')} new modules" if "lr" in optim else None,
        "seed": settings.get("seed"),
        "explanations": run.explanations,
        "came from": run.checkpoint.get("origin") or None,
        "code": ", ".join(
            f"{name} {value}" for name, value in _mapping(run.record.get("versions")).items() if isinstance(value, str)
        ),
    }
    return found.items()


def _weights(method: MethodSettings) -> str:
    """Return the loss weight of each part of the method, in brackets."""
    weights = {
        MMAE: f"{method.aux_weight:g}",
        GI_ITM: f"{method.itm_weight:g}",
        BRIDGE: f"{method.bridge_weight:g}",
        ANCHORS: f"{method.anchor_text_weight:g} on captions and {method.anchor_image_weight:g} on images",
    }
    listed = ", ".join(f"{part} {weights[part]}" for part in parts(method))
    return f" ({listed})" if listed else ""


def _length(optim: dict[str, Any]) -> str | None:
    if optim.get("epochs"):
        return f"those of {optim['epochs']:g} epochs"
    return str(optim["steps"]) if optim.get("steps") else None


def _progress(run: RunOverview) -> Iterable[tuple[str, object]]:
    last = run.last_step
    losses = ", ".join(f"{name} {value:.3f}" for name, value in _mapping(last.get("losses")).items())
    seconds, rate = run.record.get("seconds"), run.record.get("samples_per_second")
    splits = _mapping(run.evaluation.get("splits"))
    of = ", of other weights than the checkpoint's" if run.evaluation.get("stale") else ""
    found = {
        "last step": f"{last.get('step')} of {last.get('of')}: {losses}" if last else None,
        "took": f"{seconds:,.1f} s, {rate:,.0f} samples/s" if seconds and rate else None,
        "checkpoint": f"of step {run.checkpoint.get('step')}" if run.checkpoint else "none yet",
        "validation": _retrieval(_mapping(run.checkpoint.get("validation"))),
        "resumable": f"from step {run.resumable[-1]}" if run.resumable and not run.record else None,
        **{f"{name} split{of}": _retrieval(_mapping(metrics)) for name, metrics in splits.items()},
    }
    if not splits:
        found["evaluation"] = "none yet; run entityclip evaluate"
    return found.items()


def _retrieval(metrics: dict[str, Any]) -> str | None:
    if "mean_recall" not in metrics:
        return None
    ways = {"image_to_text": "image to text", "text_to_image": "text to image"}
    each = [f"{name} R@1 {_mapping(metrics.get(way)).get('R@1', float('nan')):.1f} %" for way, name in ways.items()]
    interval = _mapping(metrics.get("intervals")).get("mean_recall")
    between = f" ({interval[0]:.1f} to {interval[1]:.1f})" if interval else ""
    mean = f"mean recall {metrics['mean_recall']:.1f}{between} %"
    return f"{mean} ({', '.join(each)}; {metrics.get('gallery', 0):,} candidates)"


def _data(data: dict[str, Any]) -> Iterable[tuple[str, object]]:
    used = _mapping(data.get("used"))
    made = data.get("made_by") or []
    return {
        "split": data.get("split"),
        "rows used": ", ".join(f"{status} {count:,}" for status, count in used.items()),
        "made by": "; ".join(f"{m.get('model')}, prompt {m.get('prompt')}" for m in made),
        "missing": "; ".join(data.get("gaps") or []),
    }.items()


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
