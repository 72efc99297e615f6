"""The identity and tokenizer of the LLM; its weights are not loaded here."""

import hashlib
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from tqdm import tqdm

from entityclip.contract.digests import digest
from entityclip.contract.hub import plain_hub_name, why_unavailable
from entityclip.contract.torchvision_cpu import make_torchvision_importable
from entityclip.contract.weight_files import TOKENIZER_FILES, why_no_file
from pipeline.chat_template import choose_chat_template, render_chats, why_it_failed
from pipeline.errors import PipelineError
from pipeline.manifest.manifest import Manifest

Chat = Sequence[Mapping[str, Any]]

_NOT_IDENTITY = ("BUILD.json", "README.md", ".gitattributes")  # files that do not affect the model's output
_CHATS_PER_BATCH = 1024  # bounds memory: the tokenizer keeps the offsets of its whole input until it returns


@dataclass(frozen=True)
class LanguageModel:
    """The identity of the generating model, and where to load it from.

    Attributes:
        name: hub name, or the folder's base name.
        revision: hub revision, or `sha256:` followed by a digest of the folder's files.
        source: what transformers and vLLM load: the hub name, or the folder's absolute path.
        is_local: True if `source` is a folder.
        template_arguments: what the manifest passes to the chat template, such as {"enable_thinking": False}.
        lock: guards the tokenizer, which is not thread-safe.
    """

    name: str
    revision: str
    source: str
    is_local: bool
    template_arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)
    lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def check_available(self) -> None:
        """Check that a hub model is in the local cache or can be downloaded.

        Raises:
            PipelineError: the model is not in the cache and cannot be downloaded.
        """
        if not self.is_local and (why := why_unavailable(self.name, ("config.json",), self.revision)):
            raise PipelineError(f"generation.model: {why}")

    @cached_property
    def tokenizer(self) -> Any:
        """The Hugging Face tokenizer.

        Raises:
            PipelineError: the tokenizer cannot be loaded, or has no chat template.
        """
        self.check_available()
        make_torchvision_importable()
        from transformers import AutoTokenizer  # takes seconds to import

        if self.is_local and (why := why_no_file(Path(self.source), TOKENIZER_FILES)):
            raise PipelineError(f"generation.model: {why}")
        try:
            return AutoTokenizer.from_pretrained(
                self.source, revision=None if self.is_local else self.revision, local_files_only=self.is_local
            )
        except Exception as error:  # each kind of tokenizer file has its own, and Rust raises plain Exception
            raise PipelineError(
                f"the tokenizer of model {self.name} cannot be loaded: {why_it_failed(error)}; its folder needs the "
                "files tokenizer.json and tokenizer_config.json, complete, of the model itself"
            ) from error

    @cached_property
    def chat_template(self) -> str:
        """The chat template that prompts are rendered with.

        Raises:
            PipelineError: there is none, it has a syntax error, or there are several without a default.
        """
        return choose_chat_template(self.tokenizer, self.name, self.source)

    @cached_property
    def chat_template_digest(self) -> str:
        """SHA-256 of the tokenizer's chat template, or of all of them if there are several."""
        self.chat_template  # noqa: B018 - report errors in it
        return hashlib.sha256(str(self.tokenizer.chat_template).encode()).hexdigest()

    def encode(self, chats: Sequence[Chat]) -> list[list[int]]:
        """Render each chat with the chat template, including the generation prompt, and return the token ids.

        Special tokens' texts in the messages become special tokens; `pipeline.chat` reads those of data as text.
        The exceptions are those of the chat template.
        """
        ids: list[list[int]] = []
        for start in range(0, len(chats), _CHATS_PER_BATCH):
            ids += self.tokenize(self.render(chats[start : start + _CHATS_PER_BATCH]))
        return ids

    def render(self, chats: Sequence[Chat]) -> list[str]:
        """Render each chat with the chat template, including the generation prompt; it may raise any exception."""
        template = self.chat_template
        with self.lock:
            return render_chats(self.tokenizer, template, list(chats), self.template_arguments) if chats else []

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        """Return the token ids of rendered chats; the template has already added the special tokens."""
        ids: list[list[int]] = []
        for start in range(0, len(texts), _CHATS_PER_BATCH):
            with self.lock:
                ids += self._tokenize(texts[start : start + _CHATS_PER_BATCH])
        return ids

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is None:  # a slow tokenizer; no warning about long texts, which get a status instead
            encoded = self.tokenizer(texts, add_special_tokens=False, return_attention_mask=False, verbose=False)
            return list(encoded["input_ids"])
        backend.no_truncation()
        backend.no_padding()
        return [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]

    def check_template_arguments(self) -> None:
        """Check that the chat template uses each argument that the manifest passes to it.

        Raises:
            PipelineError: it does not use one.
        """
        for name in self.template_arguments:
            if not re.search(rf"\b{name}\b", self.chat_template):
                raise PipelineError(
                    f"generation.chat_template_kwargs: the chat template of model {self.name} does not use {name!r}; "
                    "leave it out, or see the model's card for its arguments"
                )


def find_language_model(manifest: Manifest) -> LanguageModel:
    """Return the model that a manifest refers to.

    Raises:
        PipelineError: the folder does not exist or holds no model, or a hub name has no revision.
    """
    name = manifest.generation.model
    if (plain := plain_hub_name(name)) != name:
        raise PipelineError(
            f"generation.model: {name!r} is no name that the hub's models have here: write {plain}, and set "
            "generation.revision to a commit or tag"
        )
    arguments = manifest.generation.chat_template_kwargs
    folder = manifest.resolve(Path(name))
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise PipelineError(f"generation.model: {folder} has no config.json, so it is not a Hugging Face model")
        return LanguageModel(
            folder.name, f"sha256:{_digest(folder)}", str(folder), is_local=True, template_arguments=arguments
        )
    if name.startswith((".", "/")) or name.count("/") > 1 or folder.parent.is_dir():
        raise PipelineError(f"generation.model: no model folder at {folder}")
    if manifest.generation.revision is None:
        raise PipelineError(
            f"generation.model: no model folder at {folder}; if {name} is a hub model, set generation.revision to a "
            "commit or tag, so that the run can be reproduced"
        )
    return LanguageModel(name, manifest.generation.revision, name, is_local=False, template_arguments=arguments)


def _digest(folder: Path) -> str:
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name not in _NOT_IDENTITY]
    return _digest_of_files(tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=8)  # `generate` opens its job twice, and hashing tens of GB takes minutes
def _digest_of_files(files: tuple[tuple[Path, int, int], ...]) -> str:
    """Return a digest of the files' names and contents. Sizes and times only tell whether a file has changed."""
    total = hashlib.sha256()
    size = sum(size for _, size, _ in files)
    with tqdm(total=size, desc="hashing the LLM", unit="B", unit_scale=True, delay=1, disable=None, leave=False) as bar:
        for path, size, _ in files:
            total.update(f"{path.name}\0{digest(path)}\n".encode())
            bar.update(size)
    return total.hexdigest()
