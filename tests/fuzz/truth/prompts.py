"""Prompts: a caption's text arrives in the token ids as text, whatever it looks like, or its row says why not."""

import random
import re
import unicodedata
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from pipeline.chat.prompts import Prompts
from pipeline.llm import LanguageModel
from pipeline.manifest.generation import Sampling, TransformersEngine
from pipeline.pair import Pair
from pipeline.plan.key import Addresses
from pipeline.prompts.template import PromptExample, PromptTemplate
from tests.fuzz.truth.truths import Fault

_TEMPLATES = Path(__file__).parents[2] / "data" / "templates"
_CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif %}"
)
_MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]"
    "{% elif m['role'] == 'assistant' %}{{ m['content'] }}{{ eos_token }}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported') }}{% endif %}{% endfor %}"
)
_PLAIN = "{% for m in messages %}<|{{ m['role'] }}|> {{ m['content'] }} {% endfor %}"
_DROPS = "ignores_system"  # the answers of examples too
_OWN = ("no_system", "parts_only", "ignores_system")
CHAT_TEMPLATES = {"chatml": _CHATML, "mistral": _MISTRAL, "plain": _PLAIN}
CHAT_TEMPLATES |= {name: (_TEMPLATES / f"{name}.jinja").read_text(encoding="utf-8") for name in _OWN}
_SPECIAL = ("<|im_start|>", "<|im_end|>", "<|user|>", "<s>", "</s>", "[INST]", "[/INST]", "<unk>")
_ADDED = (AddedToken("<think>"), AddedToken("</think>"), AddedToken("\n\n"), AddedToken("<|tool|>"))
_PIECES = (
    *_SPECIAL, "<think>", "</think>", "<|tool|>", "<|", "|>", "im_end", "<|im_end", "|im_start|>", "[INST", "INST]",
    "</", "s>", "<0x0A>", "▁", "Ġ", "&lt;|im_end|&gt;", "&amp;", "\u202e", "\u200b", "\u200d", "\ufeff", "\u2066",
    "\U0010fffc", "\U0010fffd", "\U00100000", "\U00100001", "\ue000", "\0", "\x1b[2J", "{{ caption }}", "{% raw %}",
    "{#", "#}", "%}", "\n", "\n\n", "\t", " ", "  ", "é", "e\u0301", "家", "🙂", "👩‍🚀", "\ufdfa", "ﬁ", "Ann",
    "at Ascot", "knight", "a", "'", '"', "\\", "\\n", "system\n", "assistant", "\ufffd",
)  # fmt: skip
_SURROGATES = ("\ud800", "\udcff", "\ud83d")
_USERS = (
    "Caption: {{ caption }}",
    "{% if topic %}Section: {{ topic }}\n{% endif %}Caption: {{ caption }}\n\nExplain.",
    "{{ id }}: {{ caption | trim }} ({{ topic }})",
)


def byte_level() -> Tokenizer:
    """A tokenizer as of Qwen."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(["Caption: the knight <|im_end|> <think> explains the names"] * 9, trainer)
    return tokenizer


def byte_fallback() -> Tokenizer:
    """A tokenizer as of Llama 2 and Mistral: bytes for what is not in the vocabulary."""
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *map(chr, range(33, 127))]
    words += ["[INST]", "[/INST]", "th", "the", "▁the"]
    merges = [("t", "h"), ("th", "e"), ("▁", "the")]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


class PromptTexts:
    """Makes the prompts of random captions with models of several tokenizers and chat templates."""

    def __init__(self, folder: Path) -> None:
        self._models: list[LanguageModel] = []
        for kind, make in (("bytes", byte_level), ("fallback", byte_fallback)):
            for name, template in CHAT_TEMPLATES.items():
                self._models.append(_model(folder / kind / name, make(), template))

    def case(self, rng: random.Random) -> str:
        """One case of a few captions; raises Fault or whatever the prompts raise."""
        model = rng.choice(self._models)
        example = PromptExample(caption="A lion", topic="t", id="i", explanation="A <|im_end|> lion.")
        template = PromptTemplate(
            name="p-v1",
            system=rng.choice(("", "Explain the names.", "Explain <|im_end|>.")),
            user=rng.choice(_USERS),
            examples=(example,) if rng.random() < 0.3 and not model.source.endswith(_DROPS) else (),
        )
        prompts = Prompts(template, model, as_chat=rng.random() < 0.2)
        pairs = [
            Pair("1", "train", "a", _text(rng), rng.choice((None, "t", _text(rng)))) for _ in range(rng.randint(1, 4))
        ]
        made = [prompts.prompt(pair) for pair in pairs]
        plain = [prompts.prompt(Pair("1", "train", "a", "a knight", pair.topic and "t")) for pair in pairs]
        addresses = Addresses(model, Sampling(), TransformersEngine())
        keys = [addresses.address(prompt.messages, None, prompt.form)[0] for prompt in made]
        wanted = prompts.encode(plain)
        encoded = prompts.encode(made)
        for pair, ids, others in zip(pairs, encoded, wanted, strict=True):
            self._check(model, pair, ids, others, prompts.as_chat)
        contents = [_bare(template.render(pair)[-1]["content"]) for pair in pairs]
        rows = zip(contents, encoded, keys, strict=True)
        for (one, ids, key), (other, other_ids, other_key) in combinations(rows, 2):
            if one != other and not isinstance(ids, str) and (ids == other_ids or key == other_key):
                raise Fault(f"{one} and {other} have the same prompt or key")
        for prompt, likewise in zip(made, plain, strict=True) if prompts.as_chat else ():
            text, usual = prompt.messages[-1]["content"], likewise.messages[-1]["content"]
            if any(text.count(token) != usual.count(token) for token in _SPECIAL):
                raise Fault(f"a special token in a chat request: {text!r}")
        return "refused" if any(isinstance(ids, str) for ids in encoded) else "encoded"

    def _check(self, model: LanguageModel, pair: Pair, ids: Any, others: Any, as_chat: bool) -> None:
        texts = [pair.caption, pair.topic or ""]
        if isinstance(ids, str):
            if not any(one in text for text in texts for one in _SURROGATES):
                raise Fault(f"{pair} is refused: {ids}")
            return
        tokenizer: Tokenizer = model.tokenizer.backend_tokenizer
        decoded = _bare(tokenizer.decode(ids, skip_special_tokens=False))
        if _bare(pair.caption) not in (decoded.replace("\u200b", "") if as_chat else decoded):
            raise Fault(f"{pair.caption!r} is not in {decoded!r}")
        special = {number: token.content for number, token in model.tokenizer.added_tokens_decoder.items()}
        special = {number: content for number, content in special.items() if _is_special(content, model.chat_template)}
        counts, expected = (Counter(special[number] for number in one if number in special) for one in (ids, others))
        if counts != expected:
            raise Fault(f"{pair} gives the special tokens {counts} instead of {expected}")


def _text(rng: random.Random) -> str:
    text = "".join(rng.choices(_PIECES, k=rng.randint(1, 7)))
    return text + rng.choice(_SURROGATES) if rng.random() < 0.03 else text


def _bare(text: str) -> str:
    """The text without what tokenizers and templates change: forms, white space, and the sign for it."""
    return re.sub(r"[\s\u200b▁]+", "", unicodedata.normalize("NFC", text))


def _is_special(content: str, template: str) -> bool:
    return content in _SPECIAL or content.startswith("<|") or (content.startswith("<") and content in template)


def _model(folder: Path, tokenizer: Tokenizer, template: str) -> LanguageModel:
    tokenizer.add_special_tokens(list(_SPECIAL))
    tokenizer.add_tokens(list(_ADDED))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.chat_template = template
    fast.save_pretrained(folder)
    return LanguageModel("m", "r", str(folder), is_local=True)
