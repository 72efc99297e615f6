"""The LLM as the pipeline sees it without loading weights: its identity, and what it reads of a chat."""

import hashlib
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from entityclip.contract.digests import digest
from entityclip.contract.torchvision_cpu import make_torchvision_importable
from pipeline.errors import PipelineError
from pipeline.manifest.manifest import Manifest
from pipeline.prompts.template import Message

_NOT_IDENTITY = ("BUILD.json", "README.md", ".gitattributes")  # beside a model, but no part of what it says
_CHATS_AT_ONCE = 1024  # the tokenizer keeps the offsets of all it is given until it returns


@dataclass(frozen=True)
class LanguageModel:
    """Which model generates, and where it is loaded from.

    Attributes:
        name: hub name, or the folder's own name.
        revision: hub revision, or `sha256:` and the digest of the folder's files.
        source: what transformers and vLLM are given: the hub name or the absolute folder.
        is_local: whether `source` is a folder.
        lock: held around the tokenizer, which several threads must not use at once.
    """

    name: str
    revision: str
    source: str
    is_local: bool
    lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    @cached_property
    def tokenizer(self) -> Any:
        """The Hugging Face tokenizer.

        Raises:
            PipelineError: it cannot be loaded, or has no chat template.
        """
        make_torchvision_importable()
        from transformers import AutoTokenizer  # seconds to import: only where it is needed

        try:
            tokenizer = AutoTokenizer.from_pretrained(
                self.source, revision=None if self.is_local else self.revision, local_files_only=self.is_local
            )
        except (OSError, ValueError) as error:
            raise PipelineError(f"model {self.name}: its tokenizer cannot be loaded: {error}") from error
        if not tokenizer.chat_template:
            raise PipelineError(f"model {self.name}: its tokenizer has no chat template; use an instruct model")
        return tokenizer

    @cached_property
    def chat_template_digest(self) -> str:
        """Digest of the chat template, which decides what the model reads."""
        return hashlib.sha256(str(self.tokenizer.chat_template).encode()).hexdigest()

    def encode(self, chats: list[list[Message]]) -> list[list[int]]:
        """Each chat under the model's chat template, generation prompt included, as token ids: all an engine reads."""
        ids: list[list[int]] = []
        for start in range(0, len(chats), _CHATS_AT_ONCE):
            some = chats[start : start + _CHATS_AT_ONCE]
            with self.lock:
                texts = self.tokenizer.apply_chat_template(some, add_generation_prompt=True, tokenize=False)
                ids += self._tokenised(texts)
        return ids

    def _tokenised(self, texts: list[str]) -> list[list[int]]:
        """Token ids of rendered chats: the template has written the special tokens."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is None:  # a tokenizer in Python; a text that is too long becomes a status, not a warning
            encoded = self.tokenizer(texts, add_special_tokens=False, return_attention_mask=False, verbose=False)
            return list(encoded["input_ids"])
        backend.no_truncation()
        backend.no_padding()
        return [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]


def find_language_model(manifest: Manifest) -> LanguageModel:
    """The model that a manifest names.

    Raises:
        PipelineError: the folder does not exist or is no model, or a hub name comes without a revision.
    """
    named = manifest.generation.model
    folder = manifest.resolve(Path(named))
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise PipelineError(f"generation.model: {folder} holds no config.json, so it is no Hugging Face model")
        return LanguageModel(folder.name, f"sha256:{_digest(folder)}", str(folder), is_local=True)
    meant_as_folder = named.startswith((".", "/")) or named.count("/") > 1 or folder.parent.is_dir()
    if meant_as_folder:
        raise PipelineError(f"generation.model: no model folder at {folder}")
    if manifest.generation.revision is None:
        raise PipelineError(
            f"generation.model: {named} is no folder at {folder}; if it is a hub model, "
            "set generation.revision to a commit or tag, so that the run can be repeated"
        )
    return LanguageModel(named, manifest.generation.revision, named, is_local=False)


def _digest(folder: Path) -> str:
    of_all = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name not in _NOT_IDENTITY:
            of_all.update(f"{path.name}\0{digest(path)}\n".encode())
    return of_all.hexdigest()
