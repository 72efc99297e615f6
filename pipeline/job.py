"""What is the same for every shard of a run: manifest, prompt, model, output folder."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from entityclip.contract.locations import is_url
from pipeline.errors import PipelineError
from pipeline.files.storage import Storage, open_storage
from pipeline.judge.rules import Judge, open_judge
from pipeline.llm import LanguageModel, find_language_model
from pipeline.manifest.engine_kind import EngineKind
from pipeline.manifest.manifest import Manifest, load_manifest
from pipeline.prompts.template import PromptTemplate, load_prompt


@dataclass(frozen=True)
class Job:
    """A manifest with everything it names found and checked.

    Attributes:
        buckets: those that this process is to make; None: all.
    """

    manifest: Manifest
    prompt: PromptTemplate
    model: LanguageModel
    judge: Judge
    buckets: range | None = None

    @property
    def output(self) -> Path | str:
        """Where the shards and their receipts go: a local folder, or a URL of object storage."""
        return self.manifest.output_location

    @cached_property
    def storage(self) -> Storage:
        """The output, opened."""
        return open_storage(self.output)

    @property
    def work(self) -> Path:
        """The local folder of plan, spool, lock and server log; readers of datasets pass over their names."""
        return self.manifest.work_folder

    @property
    def plan_folder(self) -> Path:
        """Where this run's plan is written."""
        return self.work / f"_plan{self._part}"

    @property
    def server_log(self) -> Path:
        """Where a server started for this run writes."""
        return self.work / f"_vllm-server{self._part}.log"

    @property
    def _part(self) -> str:
        """Names apart what several processes, each with its buckets, write side by side."""
        return f"-{self.buckets.start:05d}-{self.buckets.stop:05d}" if self.buckets is not None else ""

    def spool_path(self, bucket: int) -> Path:
        """Where the answers of a bucket wait until its shards are written."""
        return self.work / "_spool" / f"bucket-{bucket:05d}.jsonl"

    def provenance(self, split: str, shard: int) -> dict[str, Any]:
        """What a shard's footer says of its origin, engine apart."""
        generation = self.manifest.generation
        return {
            "dataset": self.manifest.name,
            "split": split,
            "shard": shard,
            "num_shards": self.manifest.num_shards,
            "image_root": str(self.manifest.image_root),
            "model": self.model.name,
            "revision": self.model.revision,
            "chat_template": self.model.chat_template_digest,
            "prompt": self.prompt.model_dump(),
            "sampling": generation.sampling.model_dump(),
            "engine": generation.engine.model_dump(mode="json"),
            "send_image": generation.send_image,
            "max_model_len": generation.max_model_len,
            "judge": generation.judge.model_dump(),
        }


def open_job(
    manifest_path: Path,
    *,
    engine: EngineKind | None = None,
    output: Path | str | None = None,
    buckets: range | None = None,
) -> Job:
    """Load a manifest and find its prompt and model, before any long work.

    Args:
        manifest_path: the YAML file.
        engine: in place of the manifest's engine, at its defaults unless the manifest names the same one.
        output: another output folder, relative to the working directory, or URL.
        buckets: make only these; several processes may each make theirs.

    Raises:
        PipelineError: something named does not exist or does not fit.
    """
    manifest = load_manifest(manifest_path)
    changes: dict[str, Any] = {}
    if engine is not None and engine != manifest.generation.engine.kind:
        changes["generation"] = manifest.generation.with_engine(engine)
    if output is not None:
        changes["output"] = str(output) if is_url(str(output)) else str(Path(output).resolve())
    if changes:
        manifest = manifest.with_changes(changes)
    generation = manifest.generation
    if generation.sampling.max_tokens >= generation.max_model_len:
        raise PipelineError(
            f"{manifest_path}: generation.sampling.max_tokens ({generation.sampling.max_tokens}) leaves no room for "
            f"a prompt in generation.max_model_len ({generation.max_model_len})"
        )
    if generation.send_image and generation.engine.kind != "vllm":
        raise PipelineError(
            f"{manifest_path}: generation.send_image needs generation.engine.kind vllm; the {generation.engine.kind} "
            "engine reads text only"
        )
    prompt = load_prompt(generation.prompt, manifest.folder)
    if buckets is not None and not 0 <= buckets.start < buckets.stop <= manifest.num_shards:
        raise PipelineError(
            f"{manifest_path}: buckets {buckets.start} to {buckets.stop - 1} are asked for; "
            f"num_shards {manifest.num_shards} makes 0 to {manifest.num_shards - 1}"
        )
    return Job(manifest, prompt, find_language_model(manifest), open_judge(manifest), buckets)
