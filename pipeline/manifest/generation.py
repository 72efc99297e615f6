"""The manifest's `generation` section: which LLM explains, by which engine, how it samples, and what counts as `ok`."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from pipeline.manifest.datasets import Strict
from pipeline.manifest.engine_kind import EngineKind
from pipeline.manifest.vllm_flags import plain_flag, refused_flag


class Sampling(Strict):
    """How the LLM samples. Part of every explanation's key."""

    temperature: float = Field(default=0.0, ge=0.0, le=2.0, description="0 is greedy")
    top_p: float = Field(default=1.0, gt=0.0, le=1.0, description="nucleus sampling; 1 is off")
    max_tokens: int = Field(default=160, ge=1, description="longest explanation, in tokens of the LLM")
    seed: int = Field(
        default=0, ge=0, lt=2**31, description="each row's own seed is derived from it and the row's prompt"
    )
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(), max_length=4, description="up to four texts; an explanation ends before the first that it comes to"
    )


Language = Literal["ar", "de", "el", "en", "es", "fr", "he", "hi", "it", "ja", "ko", "nl", "pt", "ru", "th", "zh"]


class Judging(Strict):
    """When an explanation is not `ok`; the rules are in pipeline/judge/rules.py. Not part of any key.

    After a change, `entityclip reclean` judges the rows that are there again, without an LLM.
    """

    copied_share: float = Field(
        default=0.8, gt=0, le=1, description="`copied`: at least this share of its words stands in the caption"
    )
    min_entities_share: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="`entity_missing`: less than this share of the caption's names is mentioned; 0 is off, and best "
        "where captions are in German, which capitalises every noun",
    )
    language: Language | None = Field(
        default=None, description="`off_language`: the explanation is not in this language; null is off"
    )
    min_language_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="`off_language`: less than this share of letters in the language's script, or of stop words",
    )
    clip_tokenizer: str = Field(
        default="openai",
        description="what counts `clip_tokens`: openai (most CLIPs in open_clip), a folder with a tokenizer.json "
        "relative to the manifest, or a hub name",
    )
    clip_context_length: int = Field(
        default=77, ge=3, description="`over_context`: more tokens than this, start and end included"
    )


Dtype = Literal["auto", "bfloat16", "float16", "float32"]


class TransformersEngine(Strict):
    """The embedded default: the model runs in this process."""

    kind: Literal["transformers"] = "transformers"
    dtype: Dtype = Field(default="auto", description="of weights and activations; auto: as the weights are stored")
    batch_size: int = Field(default=64, ge=1, description="rows generated together")
    threads: int | None = Field(default=None, ge=1, description="torch threads; none: torch's own choice")


ServeScalar = bool | int | float | str
ServeValue = ServeScalar | list[ServeScalar] | dict[str, Any]


class VllmEngine(Strict):
    """vLLM servers: some that run already (`urls`), or one that is started, watched, restarted and stopped."""

    kind: Literal["vllm"] = "vllm"
    urls: tuple[str, ...] = Field(
        default=(), description="base URLs of running servers of the model, such as http://gpu1:8000/v1"
    )
    api_key_env: str | None = Field(
        default=None, description="name of the environment variable that holds these servers' API key"
    )
    python: Path | None = Field(
        default=None,
        description="interpreter that has vllm, relative to the manifest; by default that of the project's .venv-vllm",
    )
    dtype: Dtype = Field(default="auto", description="of weights and activations; auto: vLLM's choice")
    tensor_parallel_size: int = Field(default=1, ge=1, description="GPUs that share each layer")
    data_parallel_size: int = Field(default=1, ge=1, description="copies of the model, each on GPUs of its own")
    gpu_memory_utilization: float | None = Field(
        default=None, gt=0, le=1, description="share of the GPU's memory to take; null: vLLM's default"
    )
    serve: dict[str, ServeValue] = Field(
        default_factory=dict,
        description="any further flag of `vllm serve`, such as {enable-prefix-caching: true, quantization: fp8}; "
        "true is --flag, false is --no-flag, a mapping is passed as JSON",
    )
    max_num_seqs: int = Field(default=256, ge=1, description="rows a server runs together")
    concurrency: int | None = Field(
        default=None, ge=1, description="prompts in flight over all servers; none: 1.5 x max_num_seqs for each"
    )
    prompts_per_request: int = Field(
        default=16, ge=1, le=1024, description="prompts in one HTTP request at temperature 0; sampled ones go alone"
    )
    startup_timeout: float = Field(default=600.0, gt=0, description="seconds to wait until the server is healthy")
    request_timeout: float = Field(default=600.0, gt=0, description="seconds to wait for one request's explanations")
    wait_for_server: float = Field(
        default=300.0, ge=0, description="seconds without an answer from any server before the run stops"
    )
    max_restarts: int = Field(
        default=3, ge=0, description="how often in a run a server of ours that died is started again"
    )

    @field_validator("urls")
    @classmethod
    def _are_base_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            parts = urlsplit(url)
            if "@" in url or parts.query:
                raise ValueError("a URL holds no user, password or key; name the key's variable in api_key_env")
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
                raise ValueError(f"{url!r} is no base URL such as http://gpu1:8000/v1")
        if len(set(urls)) < len(urls):
            raise ValueError("a URL occurs twice")
        return urls

    @field_validator("serve")
    @classmethod
    def _may_be_passed_through(cls, serve: dict[str, ServeValue]) -> dict[str, ServeValue]:
        for flag in serve:
            if not re.fullmatch(r"(--)?[A-Za-z][\w-]*(\.[\w.-]+)?", flag, re.ASCII):
                raise ValueError(f"{flag!r} is no flag of vllm serve")
            if (instead := refused_flag(flag)) is not None:
                raise ValueError(f"{flag} is not passed through: {instead}")
        plain = {plain_flag(flag): value for flag, value in serve.items()}
        if len(plain) < len(serve):
            raise ValueError("a flag occurs twice")
        return plain

    @model_validator(mode="after")
    def _running_servers_are_as_they_are(self) -> Self:
        own = ("dtype", "tensor_parallel_size", "data_parallel_size", "gpu_memory_utilization", "serve")
        for name in own if self.urls else ():
            if getattr(self, name) != type(self).model_fields[name].get_default(call_default_factory=True):
                raise ValueError(f"{name} is for a server that is started here; those at urls have their own settings")
        return self

    @model_validator(mode="after")
    def _key_has_servers(self) -> Self:
        if self.api_key_env is not None and not self.urls:
            raise ValueError("api_key_env is for servers that run already: name them in urls")
        return self


Engine = Annotated[TransformersEngine | VllmEngine, Field(discriminator="kind")]


class Generation(Strict):
    """How explanations are made."""

    model: str = Field(description="a folder relative to the manifest, or a hub name")
    revision: str | None = Field(default=None, description="hub revision; a folder's is the digest of its files")
    prompt: str = Field(description="name of a shipped template, or a YAML file relative to the manifest")
    max_model_len: int = Field(default=2048, ge=16, description="prompt and explanation together, in tokens")
    send_image: bool = Field(
        default=False,
        description="show the LLM the picture too: for vision-language models, with the vllm engine; its tokens are "
        "not counted against max_model_len beforehand",
    )
    sampling: Sampling = Field(default_factory=Sampling)
    engine: Engine = Field(default_factory=TransformersEngine)
    judge: Judging = Field(default_factory=Judging)
    max_error_share: float = Field(
        default=0.5, gt=0, le=1, description="stop early when more of the answers (of at least 20) are errors"
    )

    def with_engine(self, kind: EngineKind) -> "Generation":
        """The same generation by another engine, at that engine's defaults but for the dtype, which is in the key."""
        return Generation.model_validate({**self.model_dump(), "engine": {"kind": kind, "dtype": self.engine.dtype}})
