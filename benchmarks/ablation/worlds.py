"""Defines the ablation's worlds, each with its own houses, a language model trained on them, and explanations."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from tqdm import tqdm

from entityclip.contract.atomic_files import written_whole
from flows.project_paths import PROJECT
from pipeline.import_released.importer import import_explanations
from pipeline.manifest.manifest import load_manifest
from pipeline.worlds.heraldry.encyclopedia import WORDINGS, explain_all
from pipeline.worlds.heraldry.houses import FIRST_EDITION
from pipeline.worlds.heraldry.pools import world_houses
from pipeline.worlds.heraldry.settings import WorldSettings
from pipeline.worlds.heraldry.shots import Shot, house_shots

SHIPPED = PROJECT / "data_manifests" / "heraldry"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # concurrent processes have one core each


@dataclass(frozen=True)
class World:
    """One edition of the houses, rendered with the edition number as the seed, in its own folder."""

    edition: int
    folder: Path
    sizes: tuple[tuple[str, int], ...] = ()

    @property
    def settings(self) -> WorldSettings:
        return WorldSettings(edition=self.edition, seed=self.edition, **dict(self.sizes))

    @property
    def shots(self) -> dict[str, Shot]:
        return _shots(self.settings)

    @property
    def pools(self) -> dict[str, str | None]:
        """The pool of each pair's houses, by pair id. The pool is stored as the pair's topic."""
        return {row_id: shot.pair.topic for row_id, shot in self.shots.items()}

    @property
    def llm(self) -> Path:
        """Folder of the language model. The shipped model is used for the first edition unless the world is harder."""
        return self.folder / "llama" if self._is_harder or self.edition != FIRST_EDITION else SHIPPED / "llama"

    @property
    def llm_options(self) -> list[str]:
        options = ["--seed", str(self.edition), "--edition", str(self.edition)]
        if self._is_harder:
            options += ["--twins", str(self.settings.twin_houses), "--entities-max", str(self.settings.entities_max)]
            options += ["--steps", "900"]  # the model needs more steps to explain captions with several houses
        return options

    @property
    def _is_harder(self) -> bool:
        """True if the world's language model needs longer training. Unseen houses alone do not require it."""
        return self.settings.entities_max > 1 or self.settings.twin_houses > 0

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.yaml"

    def explanations(self, kind: str) -> Path:
        """Return the folder of the oracle's or the LLM's shards. For "others", training permutes the LLM's texts."""
        return self.folder / ("oracle" if kind == "oracle" else "explanations")

    def write_manifest(self) -> None:
        manifest = yaml.safe_load(SHIPPED.with_suffix(".yaml").read_text(encoding="utf-8"))
        manifest["name"] = f"heraldry-{self.edition}"
        manifest["dataset"] |= {"root": str(self.folder / "data"), "world": self.settings.model_dump()}
        manifest["generation"]["model"] = str(self.llm)
        manifest["generation"]["judge"]["clip_tokenizer"] = str(SHIPPED / "clip")
        manifest["output"] = str(self.explanations("generated"))
        self.folder.mkdir(parents=True, exist_ok=True)
        with written_whole(self.manifest) as temporary:
            temporary.write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")
        load_manifest(self.manifest)

    def import_oracle(self) -> None:
        """Write shards with the encyclopedia's explanations. The wording varies with the number of the picture."""
        texts = {shot.pair.image: explain_all(shot.houses, shot.copy % len(WORDINGS)) for shot in self.shots.values()}
        file = self.folder / "oracle.json"
        with written_whole(file) as temporary:
            temporary.write_text(json.dumps(texts), encoding="utf-8")
        import_explanations(self.manifest, [file], model="the encyclopedia", output=self.explanations("oracle"))


@cache
def _shots(settings: WorldSettings) -> dict[str, Shot]:
    shots = (shot for house in world_houses(settings) for shot in house_shots(settings, house))
    return {shot.pair.id: shot for shot in shots}


def build_models(worlds: list[World], checkpoints: dict[int, Path], workers: int) -> None:
    """Concurrently build missing language models of `worlds` and missing CLIPs of `checkpoints` (keyed by seed)."""
    wanted = [("llama", world.llm, world.llm_options) for world in worlds]
    wanted += [("clip", folder, ["--seed", str(seed)]) for seed, folder in checkpoints.items()]
    missing = [job for job in wanted if not (job[1] / "BUILD.json").is_file()]  # BUILD.json is written last
    with ThreadPoolExecutor(workers) as pool:
        built = pool.map(lambda job: _build(*job), missing)
        list(tqdm(built, desc="models", total=len(missing), unit="model", disable=None))


def _build(kind: str, folder: Path, options: list[str]) -> None:
    """Build a model in a subprocess, and log the output to a file next to the model's folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", f"benchmarks.demo_models.{kind}", str(folder), *options]
    with (folder.parent / f"{folder.name}.log").open("wb") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log, cwd=PROJECT, env=os.environ | ONE_THREAD)
