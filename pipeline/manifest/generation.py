"""The manifest's `generation` section: LLM, engine, sampling, and the thresholds for status `ok`."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from pipeline.manifest.datasets import Strict
from pipeline.manifest.engine_kind import EngineKind
from pipeline.manifest.vllm_flags import plain_flag, refused_flag


class Sampling(Strict):
    """Sampling parameters of the LLM. They are part of every explanation's key."""

    temperature: float = Field(default=0.0, ge=0.0, le=2.0, description="sampling temperature; 0: greedy decoding")
    top_p: float = Field(default=1.0, gt=0.0, le=1.0, description="probability mass for nucleus sampling; 1: off")
    max_tokens: int = Field(default=160, ge=1, description="maximum length of an explanation, in LLM tokens")
    seed: int = Field(default=0, ge=0, lt=2**31, description="base seed; each row's seed also depends on its prompt")
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(), max_length=4, description="up to four stop strings; an explanation ends before the first match"
    )


# The keys of pipeline.judge.words.SCRIPTS.
Language = Literal[
    "af", "ar", "az", "be", "bg", "bn", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "es", "et", "eu", "fa", "fi",
    "fr", "ga", "gl", "gu", "he", "hi", "hr", "hu", "hy", "id", "is", "it", "ja", "ka", "kk", "kn", "ko", "lt", "lv",
    "mk", "ml", "mn", "mr", "ms", "mt", "my", "nb", "ne", "nl", "nn", "no", "pa", "pl", "pt", "ro", "ru", "si", "sk",
    "sl", "so", "sq", "sr", "sv", "sw", "ta", "te", "th", "tl", "tr", "uk", "ur", "uz", "vi", "zh",
]  # fmt: skip


class Judging(Strict):
    """Thresholds of the rules in pipeline/judge/rules.py, which decide if an explanation is `ok`; not part of its key.

    After a change, `entityclip reclean` judges existing rows again, without an LLM.
    """

    copied_share: float = Field(
        default=0.8, gt=0, le=1, description="a text is `copied` if at least this share of its words is in the caption"
    )
    min_entities_share: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="an explanation is `entity_missing` if it mentions less than this share of the caption's names; "
        "0: off, which is recommended for captions in German, where every noun is capitalized",
    )
    language: Language | None = Field(default=None, description="expected language (others: `off_language`); null: any")
    min_language_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="an explanation is `off_language` if less than this share of its letters is in the script of "
        "`language`, or if the ratio of its stop words in `language` to those in another language is below this value",
    )
    clip_tokenizer: str = Field(
        default="openai",
        description="tokenizer for `clip_tokens`: openai (for most CLIP models in open_clip), a folder with a "
        "tokenizer.json, relative to the manifest, or a hub name",
    )
    clip_context_length: int = Field(
        default=77, ge=3, description="a text with more CLIP tokens (start and end included) is `over_context`"
    )


Dtype = Literal["auto", "bfloat16", "float16", "float32"]


class TransformersEngine(Strict):
    """The default engine: the model runs in this process."""

    kind: Literal["transformers"] = "transformers"
    dtype: Dtype = Field(default="auto", description="data type of weights and activations; auto: as stored")
    batch_size: int = Field(default=64, ge=1, description="number of rows generated together")
    threads: int | None = Field(default=None, ge=1, description="number of torch threads; null: torch's default")


ServeScalar = bool | int | float | str
ServeValue = ServeScalar | list[ServeScalar] | dict[str, Any]


class VllmEngine(Strict):
    """vLLM: running servers (`urls`), or a server that the run starts, supervises, restarts and stops itself."""

    kind: Literal["vllm"] = "vllm"
    urls: tuple[str, ...] = Field(default=(), description="base URLs of running servers, such as http://gpu1:8000/v1")
    api_key_env: str | None = Field(default=None, description="environment variable with the API key for `urls`")
    python: Path | None = Field(
        default=None, description="Python interpreter with vllm, relative to the manifest; null: the one in .venv-vllm"
    )
    dtype: Dtype = Field(default="auto", description="data type of weights and activations; auto: chosen by vLLM")
    tensor_parallel_size: int = Field(default=1, ge=1, description="number of GPUs that share each layer")
    data_parallel_size: int = Field(default=1, ge=1, description="number of copies of the model, each on its own GPUs")
    gpu_memory_utilization: float | None = Field(
        default=None, gt=0, le=1, description="share of each GPU's memory to use; null: vLLM's default"
    )
    serve: dict[str, ServeValue] = Field(
        default_factory=dict,
        description="further flags of `vllm serve`, such as {enable-prefix-caching: true, quantization: fp8}; "
        "true becomes --flag, false becomes --no-flag, and a mapping is passed as JSON",
    )
    max_num_seqs: int = Field(default=256, ge=1, description="number of rows that a server generates at once")
    concurrency: int | None = Field(
        default=None, ge=1, description="maximum total number of prompts in flight; null: 1.5 x max_num_seqs per server"
    )
    prompts_per_request: int = Field(default=16, ge=1, le=1024, description="prompts per request; 1 if temperature > 0")
    startup_timeout: float = Field(default=600.0, gt=0, description="seconds to wait until the server is healthy")
    request_timeout: float = Field(default=600.0, gt=0, description="seconds to wait for the answer to a request")
    wait_for_server: float = Field(default=300.0, ge=0, description="seconds without any answer before a run stops")
    max_restarts: int = Field(default=3, ge=0, description="maximum number of times a run restarts its own server")

    @field_validator("urls")
    @classmethod
    def _are_base_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            parts = urlsplit(url)
            if "@" in url or parts.query:
                raise ValueError("a URL must not contain a user name, password or key; use api_key_env instead")
            parts.port  # noqa: B018 - raises ValueError if it is not a valid port
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
                raise ValueError(f"{url.partition('#')[0]!r} is not a base URL such as http://gpu1:8000/v1")
            if (
                end := re.search(r"(/chat)?/completions/*$|(?<=/v1)/(models|responses|embeddings)/*$", url)
            ) is not None:
                raise ValueError(f"leave out {end[0]} at the end of {url!r}: the base URL is {url[: end.start()]}")
        if len(set(urls)) < len(urls):
            raise ValueError("a URL occurs twice")
        return urls

    @field_validator("serve")
    @classmethod
    def _can_be_passed_through(cls, serve: dict[str, ServeValue]) -> dict[str, ServeValue]:
        for flag in serve:
            if not re.fullmatch(r"(--)?[A-Za-z][\w-]*(\.[\w.-]+)?", flag, re.ASCII):
                raise ValueError(f"{flag!r} is not a flag of vllm serve")
            if (instead := refused_flag(flag)) is not None:
                raise ValueError(f"{flag} cannot be passed through: {instead}")
        plain = {plain_flag(flag): value for flag, value in serve.items()}
        if len(plain) < len(serve):
            raise ValueError("a flag occurs twice")
        return plain

    @model_validator(mode="after")
    def _running_servers_cannot_be_configured(self) -> Self:
        if self.api_key_env is not None and not self.urls:
            raise ValueError("api_key_env applies to running servers only; set urls as well")
        own = ("dtype", "tensor_parallel_size", "data_parallel_size", "gpu_memory_utilization", "serve")
        for name in own if self.urls else ():
            if getattr(self, name) != type(self).model_fields[name].get_default(call_default_factory=True):
                raise ValueError(f"{name} applies only to a server that the run starts, so it cannot be set with urls")
        return self


_SET_BY_US = frozenset(
    "messages conversation chat_template add_generation_prompt continue_final_message tokenize strftime_now "
    "return_tensors return_dict padding truncation max_length".split()
)
Engine = Annotated[TransformersEngine | VllmEngine, Field(discriminator="kind")]


class Generation(Strict):
    """How explanations are generated."""

    model: str = Field(description="model folder, relative to the manifest, or hub name")
    revision: str | None = Field(default=None, description="hub revision; a local folder needs none")
    prompt: str = Field(description="name of a shipped template, or a YAML file relative to the manifest")
    max_model_len: int = Field(default=2048, ge=16, description="maximum LLM tokens of prompt and explanation together")
    chat_template_kwargs: dict[str, ServeValue] = Field(
        default_factory=dict,
        description="arguments of the model's chat template, such as {enable_thinking: false}; part of every "
        "explanation's key",
    )
    send_image: bool = Field(
        default=False,
        description="whether to send the image as well, for vision-language models with the vllm engine; the check "
        "against max_model_len does not count image tokens",
    )
    sampling: Sampling = Field(default_factory=Sampling)
    engine: Engine = Field(default_factory=TransformersEngine)
    judge: Judging = Field(default_factory=Judging)
    max_error_share: float = Field(
        default=0.5, gt=0, le=1, description="a run stops above this share of errors (after at least 20 answers)"
    )

    @field_validator("chat_template_kwargs")
    @classmethod
    def _are_the_templates(cls, arguments: dict[str, ServeValue]) -> dict[str, ServeValue]:
        for name in arguments:
            if not name.isidentifier():
                raise ValueError(f"{name!r} is not the name of an argument")
            if name in _SET_BY_US:
                raise ValueError(f"{name} is set by us and cannot be passed to the chat template")
        return arguments

    def with_engine(self, kind: EngineKind) -> "Generation":
        """Return a copy with another engine at its defaults, but with the same dtype, which is part of the key."""
        return Generation.model_validate({**self.model_dump(), "engine": {"kind": kind, "dtype": self.engine.dtype}})
