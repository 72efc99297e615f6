"""Prepares the reproduction of the paper's table on a benchmark: manifest, settings, arms and run folders."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from entityclip.contract.atomic_files import written_whole
from entityclip.contract.status import EXPLAINED
from flows.arms import only
from flows.project_paths import MANIFESTS, copy_shipped_manifests
from pipeline.errors import PipelineError
from pipeline.manifest.manifest import load_manifest

# The arms differ only in the method. The bridge is our addition; the paper does not have it.
PAPER_ARMS = {
    "plain CLIP": only(),
    "MMAE only": only(mmae=True),
    "GI-ITM only": only(gi_itm=True),
    "EntityCLIP": only(mmae=True, gi_itm=True),
    "EntityCLIP with bridge": only(mmae=True, gi_itm=True, bridge_weight=0.5),
}
_PRESETS = {"n24news": "paper", "visualnews": "paper", "goodnews": "paper-goodnews"}
# Where to find the explanations released by the authors: patterns relative to the dataset's root.
_RELEASED = {
    "n24news": "**/CapDsc_mistral_*.json",
    "visualnews": "CapDsc_mistral_*.json",
    "goodnews": "train_cap_individual/New_Corr_CapDsc_mistral_*.json",
}


@dataclass(frozen=True)
class Reproduction:
    """A benchmark to reproduce. `folder` holds the results, the manifest and the training settings."""

    benchmark: str
    folder: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.yaml"

    @property
    def config(self) -> Path:
        return self.folder / "train.yaml"

    def run(self, arm: str, seed: int) -> Path:
        return self.folder / f"seed-{seed}" / arm.lower().replace(" ", "-")

    def write_manifest(self, root: Path, template: Path | None = None) -> None:
        """Write a manifest for the data in `root` with generation settings from `template` or the shipped manifest.

        Raises:
            PipelineError: `template` is not a valid manifest.
        """
        path = (template or MANIFESTS / f"{self.benchmark}.yaml").resolve()
        copy_shipped_manifests()
        load_manifest(path)  # so that errors name the user's file
        manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
        generation = manifest["generation"]
        judge = generation.get("judge", {})
        for section, name in ((generation, "model"), (generation, "prompt"), (judge, "clip_tokenizer")):
            if name in section and (file := path.parent / section[name]).exists():
                section[name] = str(file)
        manifest["dataset"] = {"kind": self.benchmark, "root": str(root.resolve())}
        manifest["output"] = str(self.folder / "explanations")
        _write(self.manifest, manifest)

    def write_config(self, explanations: Path) -> None:
        """Write the authors' training settings for these shards; training uses every pair that has an explanation."""
        data = {"explanations": str(explanations), "statuses": list(EXPLAINED)}
        _write(self.config, {"preset": _PRESETS[self.benchmark], "data": data})


def open_reproduction(benchmark: str, root: Path, out: Path) -> Reproduction:
    """Return the reproduction of a benchmark whose results are in the folder `out`.

    Raises:
        PipelineError: there is no such benchmark, or `root` is not a folder.
    """
    if benchmark not in _PRESETS:
        raise PipelineError(f"there is no benchmark {benchmark!r}; choose from {', '.join(_PRESETS)}")
    if not root.is_dir():
        raise PipelineError(f"there is no folder {root}; name the folder of {benchmark}'s published files with --root")
    return Reproduction(benchmark, out)


def released_explanations(benchmark: str, root: Path) -> list[Path]:
    """Return the files with the authors' released explanations below `root`, if any."""
    return sorted(root.glob(_RELEASED[benchmark]))


def _write(path: Path, content: object) -> None:
    with written_whole(path) as temporary:
        temporary.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
