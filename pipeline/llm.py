"""The identity and tokenizer of the LLM; its weights are not loaded here."""

import hashlib
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from tqdm import tqdm

from entityclip.contract.digests import digest
from entityclip.contract.hub import why_unavailable
from entityclip.contract.torchvision_cpu import make_torchvision_importable
from pipeline.errors import PipelineError
from pipeline.manifest.manifest import Manifest
from pipeline.prompts.template import Message

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

        try:
            tokenizer = AutoTokenizer.from_pretrained(
                self.source, revision=None if self.is_local else self.revision, local_files_only=self.is_local
            )
        except (OSError, ValueError) as error:
            raise PipelineError(f"the tokenizer of model {self.name} cannot be loaded: {error}") from error
        if not tokenizer.chat_template:
            raise PipelineError(f"the tokenizer of model {self.name} has no chat template; use an instruct model")
        return tokenizer

    @cached_property
    def chat_template_digest(self) -> str:
        """SHA-256 of the chat template."""
        return hashlib.sha256(str(self.tokenizer.chat_template).encode()).hexdigest()

    def encode(self, chats: list[list[Message]]) -> list[list[int]]:
        """Render each chat with the chat template, including the generation prompt, and return the token ids."""
        ids: list[list[int]] = []
        for start in range(0, len(chats), _CHATS_PER_BATCH):
            batch = chats[start : start + _CHATS_PER_BATCH]
            with self.lock:
                texts = self.tokenizer.apply_chat_template(
                    batch, add_generation_prompt=True, tokenize=False, **self.template_arguments
                )
                ids += self._tokenize(texts)
        return ids

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        """Return the token ids of rendered chats; the template has already added the special tokens."""
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
            if not re.search(rf"\b{name}\b", str(self.tokenizer.chat_template)):
                raise PipelineError(
                    f"generation.chat_template_kwargs: the chat template of model {self.name} does not use {name!r}; "
                    "leave it out, or see the model's card for its arguments"
                )


def find_language_model(manifest: Manifest) -> LanguageModel:
    """Return the model that a manifest refers to.

    Raises:
        PipelineError: the folder does not exist or holds no model, or a hub name has no revision.
    """
    name, arguments = manifest.generation.model, manifest.generation.chat_template_kwargs
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
