"""Counts CLIP tokens, including the start and end tokens, without the slow imports of torch and open_clip."""

import gzip
import html
import importlib.util
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from entityclip.contract.hub import plain_hub_name
from entityclip.contract.text_tokens import reading_as_text
from entityclip.contract.weight_files import why_no_file
from pipeline.errors import PipelineError

OPENAI = "openai"

_MERGES = 49152 - 256 - 2  # the number that open_clip's SimpleTokenizer reads from its file
_ENDS = ["<start_of_text>", "<end_of_text>"]
_PIECES = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
_LONGEST_CACHED = 40  # characters: a text without spaces is one long chunk, unlikely to recur
_STRAIGHT = str.maketrans(
    {**dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc", "'"), **dict.fromkeys("\u201c\u201d\u201e\u201f", '"')}
)


def token_counter(name: str, folder: Path) -> Callable[[str], int]:
    """Return a function that counts a text's tokens for a CLIP model.

    Args:
        name: `openai`, the tokenizer of OpenAI's CLIP and most open_clip models; a folder with a `tokenizer.json`,
            relative to `folder`; or a hub name.

    Raises:
        PipelineError: the tokenizer does not exist or cannot be read.
    """
    if name == OPENAI:
        return _openai_counter()
    name = plain_hub_name(name)
    path = (folder / name).resolve()
    if path.is_dir():
        return _file_counter(path / "tokenizer.json")
    if name.startswith((".", "/")) or name.count("/") != 1 or path.parent.is_dir():
        raise PipelineError(f"generation.judge.clip_tokenizer: {name!r} is neither {OPENAI!r} nor a folder at {path}")
    from huggingface_hub import hf_hub_download  # takes half a second to import

    try:
        return _file_counter(Path(hf_hub_download(name, "tokenizer.json")))
    except (OSError, ValueError) as error:
        raise PipelineError(
            f"generation.judge.clip_tokenizer: there is no folder at {path}, and the tokenizer.json of {name!r} cannot "
            f"be downloaded from the hub: {error}"
        ) from error


@lru_cache(maxsize=1)
def _openai_counter() -> Callable[[str], int]:
    """Return a fast counter: tokens never span white space, so the count of each word can be cached.

    Its counts differ from open_clip's only if ftfy changes the text (bad encodings, ligatures or full-width letters).
    """
    tokenizer = _openai_tokenizer()

    def count(chunk: str) -> int:
        plain = html.unescape(html.unescape(chunk.translate(_STRAIGHT)))
        return len(tokenizer.encode(plain))

    cached = lru_cache(maxsize=1 << 16)(count)
    return lambda text: 2 + sum([cached(c) if len(c) <= _LONGEST_CACHED else count(c) for c in text.split()])


def _openai_tokenizer() -> Tokenizer:
    spec = importlib.util.find_spec("open_clip")
    assert spec is not None and spec.origin is not None, "open_clip_torch is a dependency"
    packed = Path(spec.origin).with_name("bpe_simple_vocab_16e6.txt.gz").read_bytes()
    lines = gzip.decompress(packed).decode("utf-8").split("\n")[1 : 1 + _MERGES]
    merges = [(first, second) for first, second in (line.split() for line in lines)]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    # _ENDS are not added as special tokens: in a text, `<end_of_text>` is text, as in training
    vocabulary = letters + [f"{letter}</w>" for letter in letters] + ["".join(pair) for pair in merges] + _ENDS
    tokenizer = Tokenizer(
        models.BPE(vocab={word: i for i, word in enumerate(vocabulary)}, merges=merges, end_of_word_suffix="</w>")
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    split = pre_tokenizers.Split(Regex(_PIECES), behavior="removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    return tokenizer


@lru_cache(maxsize=8)
def _file_counter(path: Path) -> Callable[[str], int]:
    if not path.is_file():
        raise PipelineError(
            f"generation.judge.clip_tokenizer: {path.parent} has no tokenizer.json; if the CLIP model uses "
            f"OpenAI's tokenizer, as most models of open_clip do, use {OPENAI!r} instead"
        )
    if (why := why_no_file(path.parent, (path.name,))) is not None:
        raise PipelineError(f"generation.judge.clip_tokenizer: {why}")
    try:
        tokenizer = reading_as_text(Tokenizer.from_file(str(path)))
    except Exception as error:  # the Rust library raises plain Exception
        raise PipelineError(f"generation.judge.clip_tokenizer: {path} cannot be read: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode_batch_fast([text])[0])
