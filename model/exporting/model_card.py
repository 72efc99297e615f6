"""Model card (README) of an export: origin, training, retrieval metrics, usage and limitations.

Exports get published, so local paths are reduced to folder names. The front matter is for the Hugging Face hub; it
names no license, because choosing one is up to the owner.
"""

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import yaml
from huggingface_hub import EvalResult, ModelCardData

from model.evaluation.metrics import CHOOSING, WAYS
from model.evaluation.reader import Weight
from model.run_files import TOWERS
from model.run_kind import ANCHORS, BRIDGE, FUSED, UNIMPROVED, is_plain_clip, kind, parts
from model.settings.schema import LOCAL_DIR, MethodSettings

README = "README.md"
LOADING = """\
import open_clip
import torch
from PIL import Image

folder = "local-dir:path/to/this/folder"  # from a hub: "local-dir:" + huggingface_hub.snapshot_download("owner/name")
model, _, preprocess = open_clip.create_model_and_transforms(folder)
tokenizer = open_clip.get_tokenizer(folder)
model.eval()

with torch.no_grad():
    image = model.encode_image(preprocess(Image.open("photo.jpg")).unsqueeze(0), normalize=True)
    text = model.encode_text(tokenizer(["a caption", "another caption"]), normalize=True)
print(image @ text.T)  # cosines: the higher, the better a caption fits
"""
EXPLAINED_SEARCH = """\
import torch.nn.functional as F

reader, _, _ = open_clip.create_model_and_transforms(folder + "/reader")
read = open_clip.get_tokenizer(folder + "/reader")
reader.eval()
alpha = ALPHA
explanation = ["what an LLM says about an entity of the caption", "and about another"]  # its segments: one or more

with torch.no_grad():
    segments = reader.encode_text(read(explanation), normalize=True)
    anchor = F.normalize(segments.mean(dim=0), dim=-1)
    query = F.normalize(text[0] + alpha * anchor, dim=-1)
print(image @ query)  # instead of image @ text[0]
"""
_METHOD = "EntityCLIP ([arXiv 2410.17810](https://arxiv.org/abs/2410.17810))"
_OURS = {
    BRIDGE: "an explanation bridge, which is not in the paper",
    ANCHORS: "explanation anchors, which are not in the paper",
    FUSED: "a fused target (captions together with explanations), which is not in the paper",
}

_METRICS = [*(f"R@{k}" for k in CHOOSING), "MedR"]


def code(value: Any) -> str:
    """Format a value as a code span, in which Markdown and HTML are not interpreted."""
    text = " ".join(str(value).split()) or " "
    fence = "`" * (_longest_run(text) + 1)
    inner = f" {text} " if text[0] == "`" or text[-1] == "`" else text
    return f"{fence}{inner}{fence}"


def fenced(text: str, language: str) -> str:
    """Return a code block with a fence longer than any in `text`."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def table(rows: list[list[str]]) -> str:
    """Return a Markdown table; the first row is the header, and all columns but the first are right-aligned."""
    head, *body = rows
    rule = ["---", *["--:"] * (len(head) - 1)]
    # a bar ends a cell even in a code span
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in [head, rule, *body]]
    return "\n".join(f"| {' | '.join(row)} |" for row in escaped)


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def model_card(
    card: dict[str, Any],
    metrics: dict[str, Any] | None,
    name: str,
    context_length: int,
    explained: Weight | None = None,
) -> str:
    """Return the card as Markdown with YAML front matter.

    Args:
        card: the contents of the run's `checkpoint.json`.
        metrics: the contents of the run's `metrics.json`, or None; ignored if measured with different weights.
        context_length: the text tower's context length, in tokens.
        explained: weight of explanations, if the export has a reader of them.
    """
    measured = metrics if metrics is not None and metrics.get("towers_sha256") == card["sha256"][TOWERS] else None
    body = [
        f"# {code(name)}",
        _what(card),
        "## Usage",
        f"The folder is self-contained; only `open_clip_torch` and Pillow are needed.\n\n{fenced(LOADING, 'python')}",
        *([] if explained is None else _explained_search(explained, context_length)),
        "## Intended use",
        "Image-text retrieval, in both directions, where captions name people, places and events. A cosine ranks "
        "candidates; it is not the probability that a caption is true.",
        "## Evaluation",
        *_results(card, measured),
        "## Training",
        *_training(card),
        "## Limitations",
        _limits(card, context_length),
    ]
    results = list(_eval_results(measured["splits"])) if measured else None
    data = ModelCardData(
        library_name="open_clip",
        pipeline_tag="zero-shot-image-classification",
        tags=["clip", "entityclip", "image-text-retrieval"],
        model_name=name if results else None,
        eval_results=results,
    )
    license_hint = "# license: yours to choose, see https://huggingface.co/docs/hub/repositories-licenses"
    return "\n\n".join([f"---\n{data.to_yaml()}\n{license_hint}\n---", *body]) + "\n"


def _eval_results(splits: dict[str, Any]) -> Iterator[EvalResult]:
    """Yield the `model-index` entries of the front matter, with the metrics that the card's table shows."""
    for split, found in splits.items():
        values = {("mean_recall", "Mean recall"): found["mean_recall"]}
        for way in WAYS:
            query = way.replace("_", " ")
            values |= {(f"{way}_{name}", f"{name}, {query}"): found[way][name] for name in _METRICS}
        for (metric_type, title), value in values.items():
            yield EvalResult(
                task_type="image-text-retrieval",
                dataset_type="image-text-pairs",
                dataset_name=f"split {split}, {found['gallery']:,} candidates",
                dataset_split=split,
                metric_type=metric_type,
                metric_name=title,
                metric_value=round(value, 2),
            )


def _what(card: dict[str, Any]) -> str:
    began = card.get("began_from") or card["towers"]
    weights = f", from weights {code(began['pretrained'])}" if began.get("pretrained") else ""
    start = f"{code(_named(began['model']))}{weights}"
    if card["trained_with"] is None:
        origin = card.get("origin") or {}
        return f"A CLIP, imported from {code(origin.get('file', 'another program'))}; its architecture is {start}."
    method = MethodSettings.model_validate(card["method"])
    named = ", ".join(_OURS.get(part, part) for part in parts(method))
    recipe = f"{'as in' if method.has_experts else 'based on'} {_METHOD} ({named})"
    if is_plain_clip(method):
        how = "with the contrastive loss alone: no explanations were read (plain CLIP)"
    elif not method.uses_explanations:
        how = f"without explanations, {recipe}"
    elif card["trained_with"]["wrong_explanations"]:
        how = f"{recipe}, but as a control, **with the explanations of other captions**"
    else:
        how = f"with an LLM's explanations of the entities in the captions, {recipe}"
    return (
        f"A CLIP (an image tower, a text tower and a cosine), trained as {kind(method)}. It was initialised as {start} "
        f"and fine-tuned {how}."
    )


def _explained_search(weight: Weight, context_length: int) -> Iterator[str]:
    yield "### Search with an explanation"
    yield (
        "An LLM's explanation of a caption can be added to the query: norm(t + alpha A). t is the caption's embedding; "
        "A is the explanation's by `reader/`, the model that training started from, as fine-tuning makes a text tower "
        "forget how to read explanations. A is the normalised mean over the explanation's segments (sentences, or a "
        f"part for each entity) of at most {context_length} tokens. Alpha, its weight, is {weight.how}. A wrong "
        "explanation does harm. This extension is not in the paper. After the lines above:"
    )
    yield fenced(EXPLAINED_SEARCH.replace("ALPHA", repr(weight.alpha)), "python")


def _results(card: dict[str, Any], metrics: dict[str, Any] | None) -> Iterator[str]:
    if metrics is None:
        yield "These weights have not been measured on a test split; run `entityclip evaluate RUN`, then export again."
    else:
        yield table(list(_result_rows(metrics["splits"])))
        yield (
            "Recalls in percent; every query searches all candidates of its split. 95 % bootstrap intervals over the "
            "pairs of the split are in parentheses; they do not include the variation between training seeds. "
            "Mean recall is the mean of R@1, R@5 and R@10 in both directions. No explanation is read."
        )
        for split, found in metrics["splits"].items():
            if found.get("gaps"):
                yield f"**Split {code(split)} was incomplete:** {code('; '.join(found['gaps']))}."
    if card["validation"] is not None:
        best = f"{card['validation']['mean_recall']:.1f}"
        yield f"The weights are from step {card['step']:,}, selected by mean recall on the validation split ({best})."
        if card["step"] == 0:
            yield f"**Note: {UNIMPROVED}.**"


def _result_rows(splits: dict[str, Any]) -> Iterator[list[str]]:
    yield ["split", "query", "candidates", *_METRICS, "mean recall"]
    for split, found in splits.items():
        ends = found.get("intervals") or {}
        for way in WAYS:
            values = [_with_interval(found[way][name], ends.get(way, {}).get(name)) for name in _METRICS]
            mean = _with_interval(found["mean_recall"], ends.get("mean_recall")) if way == WAYS[0] else ""
            yield [code(split), way.replace("_", " "), f"{found['gallery']:,}", *values, mean]


def _with_interval(value: float, ends: list[float] | None) -> str:
    return f"{value:.1f}" + (f" ({ends[0]:.1f} to {ends[1]:.1f})" if ends else "")


def _training(card: dict[str, Any]) -> Iterator[str]:
    made = card["trained_with"]
    if made is None:
        yield "It was not trained by this program; its training data is not recorded."
        return
    for use, data in made["data"].items():
        rows = f"{sum(data['used'].values()):,} rows of split {code(data['split'])}"
        lines = [f"- **{use}**: {rows}, SHA-256 over its {len(data['shards'])} shards {code(data['shards_sha256'])}"]
        for by in data["made_by"]:
            author = f"{code(_named(by['model']))} (revision {code(by['revision'])}, prompt {code(by['prompt'])})"
            lines.append(f"  - dataset {code(by['dataset'])}; explanations written by {author}")
        if data["gaps"]:
            lines.append(f"  - **incomplete**: {code('; '.join(data['gaps']))}")
        yield "\n".join(lines)
    versions = made["versions"]
    git = versions.get("git") or {}
    commit = f", commit {code(git['commit'])}{' with uncommitted changes' if git['dirty'] else ''}" if git else ""
    names = ("entityclip", "torch", "open_clip")
    yield f"Made with {', '.join(f'{name} {code(versions[name])}' for name in names)}{commit}. All settings:"
    yield fenced(yaml.safe_dump(_without_paths(made["settings"]), sort_keys=False, allow_unicode=True), "yaml")


def _limits(card: dict[str, Any], context_length: int) -> str:
    lines = [
        "- It has learnt the entities named in its training captions; of others it knows only what CLIP knew before.",
        f"- Captions are truncated to {context_length} tokens.",
        "- It ranks images by similarity to a caption. It must not be used to identify, track or judge people.",
        "- Its metrics hold for data like that above; measure it on your own data before you rely on it.",
    ]
    if MethodSettings.model_validate(card["method"]).uses_explanations:
        written = "- The explanations were written by an LLM and can be wrong or biased; the model learns their errors."
        lines.insert(1, written)
    return "\n".join(lines)


def _named(model: str) -> str:
    """Return a model's name or, if the model is a folder, the last part of its path."""
    path = model.removeprefix(LOCAL_DIR)
    return PurePath(path).name if path != model or PurePath(path).is_absolute() else model


def _without_paths(settings: Any) -> Any:
    if isinstance(settings, dict):
        return {name: _without_paths(value) for name, value in settings.items()}
    if isinstance(settings, list):
        return [_without_paths(value) for value in settings]
    return _named(settings) if isinstance(settings, str) else settings
