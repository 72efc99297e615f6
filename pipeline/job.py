"""The inputs shared by every shard of a run: manifest, prompt, model, output folder."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from entityclip.contract.locations import is_url
from pipeline.chat.prompts import Prompts
from pipeline.errors import PipelineError
from pipeline.files.storage import Storage, open_storage
from pipeline.judge.rules import Judge, open_judge
from pipeline.llm import LanguageModel, find_language_model
from pipeline.manifest.engine_kind import EngineKind
from pipeline.manifest.manifest import Manifest, load_manifest
from pipeline.prompts.template import PromptTemplate, load_prompt


@dataclass(frozen=True)
class Job:
    """A manifest and everything it refers to, loaded and checked.

    Attributes:
        buckets: the buckets this process generates, or None for all of them.
    """

    manifest: Manifest
    prompt: PromptTemplate
    model: LanguageModel
    judge: Judge
    buckets: range | None = None

    @property
    def output(self) -> Path | str:
        """The location of the shards and their receipts: a local folder, or a URL of object storage."""
        return self.manifest.output_location

    @cached_property
    def storage(self) -> Storage:
        """The storage at `output`."""
        return open_storage(self.output)

    @cached_property
    def prompts(self) -> Prompts:
        """What the LLM is sent for each pair; the tokenizer is loaded at the first."""
        return Prompts(self.prompt, self.model, self.manifest.generation.send_image)

    @property
    def work(self) -> Path:
        """The local folder for plan, spool, lock and server log; dataset readers ignore files with these names."""
        return self.manifest.work_folder

    @property
    def plan_folder(self) -> Path:
        """The folder of this run's plan."""
        return self.work / f"_plan{self._part}"

    @property
    def server_log(self) -> Path:
        """The log file of a server started for this run."""
        return self.work / f"_vllm-server{self._part}.log"

    @property
    def _part(self) -> str:
        """A file name suffix that distinguishes processes working on different buckets."""
        return f"-{self.buckets.start:05d}-{self.buckets.stop:05d}" if self.buckets is not None else ""

    def spool_path(self, bucket: int) -> Path:
        """Return the path of the file that holds a bucket's answers until its shards are written."""
        return self.work / "_spool" / f"bucket-{bucket:05d}.jsonl"

    def provenance(self, split: str, shard: int) -> dict[str, Any]:
        """Return the provenance recorded in a shard's footer, except for `generations`."""
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
            **({"chat_template_kwargs": generation.chat_template_kwargs} if generation.chat_template_kwargs else {}),
        }


def open_job(
    manifest_path: Path | str,
    *,
    engine: EngineKind | None = None,
    output: Path | str | None = None,
    buckets: range | None = None,
) -> Job:
    """Load and check a manifest with its prompt, model and judge, before any slow work starts.

    Args:
        engine: kind of engine to use instead of the manifest's, with the manifest's dtype and otherwise default
            settings; ignored if the manifest already uses this kind.
        output: folder (relative to the working directory) or URL to use instead of the manifest's output.
        buckets: generate only these buckets, so that several processes can share the work.

    Raises:
        PipelineError: the manifest or an argument is invalid, or something the manifest refers to does not exist.
    """
    manifest = load_manifest(manifest_path)
    changes: dict[str, Any] = {}
    if engine is not None and engine != manifest.generation.engine.kind:
        changes["generation"] = manifest.generation.with_engine(engine)
    if output is not None:
        changes["output"] = str(output) if is_url(str(output)) else str(Path(output).resolve())
    manifest = manifest.model_copy(update=changes)
    generation = manifest.generation
    if generation.sampling.max_tokens >= generation.max_model_len:
        raise PipelineError(
            f"{manifest_path}: generation.sampling.max_tokens ({generation.sampling.max_tokens}) leaves no room for "
            f"a prompt in generation.max_model_len ({generation.max_model_len})"
        )
    if generation.send_image and generation.engine.kind != "vllm":
        raise PipelineError(
            f"{manifest_path}: generation.send_image requires generation.engine.kind vllm; "
            f"the {generation.engine.kind} engine reads text only"
        )
    prompt = load_prompt(generation.prompt, manifest.folder)
    if buckets is not None and not 0 <= buckets.start < buckets.stop <= manifest.num_shards:
        raise PipelineError(
            f"{manifest_path}: there are no buckets {buckets.start} to {buckets.stop - 1}; "
            f"with num_shards {manifest.num_shards}, buckets are numbered 0 to {manifest.num_shards - 1}"
        )
    return Job(manifest, prompt, find_language_model(manifest), open_judge(manifest), buckets)
