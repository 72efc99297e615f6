"""The judge: a known explanation in the wrapping of many LLMs comes out as it is, and junk costs no exception."""

# ruff: noqa: RUF001
import json
import random
import string
from pathlib import Path

from entityclip.contract.status import Status
from pipeline.judge.cleaning import clean
from pipeline.judge.rules import Judge
from pipeline.manifest.generation import Judging
from tests.fuzz.truth.truths import Fault

_NAMES = ("Serena Williams", "Angela Merkel", "Kofi Annan", "Zoë Kravitz", "José Saramago", "Lech Wałęsa", "Jay-Z")
_CAPTIONS = ("{} at Wimbledon.", "{} waves, in London", '"{}" by day', "{} (left) [AP]", "Photo: {} & friends")
_EXPLANATIONS = (
    "{} is a tall person in a dark coat, who smiles at a crowd.",
    "{}, seen from the side, with short grey hair: a figure of public life.",
    "{} wears a red dress; the hall behind is lit by lamps.",
    "The person named {} has glasses, 2 rings and a hat (black).",
    "{}: someone on a stage, with a microphone in the left hand.",
    "In front stands {}, whose hair is tied back – a habit of years.",
    "{} sits at a table with “papers” and a glass of water; 5 < 6 people look on.",
    "{} ist eine Person mit kurzem Haar und dunklem Mantel, die vor vielen Menschen spricht.",
    "{} est une personne aux cheveux courts qui porte un manteau sombre.",
    "{} — a man or woman of the stage, it’s said — is dressed in white & gold.",
)
_THOUGHTS = (
    "Let me see. The user wants names.\n\nWait, {name} is a person. Answer: none yet.",
    "Okay", "", "First, \"{name}\" ... {{\"a\": 1}}\n```\ncode\n```\nCaption: x\nExplanation: y",
    "<b>markup</b> 1 < 2 > 0", "用户想知道", "I'm sorry, I can't",
)  # fmt: skip
_THINKING = (
    ("<think>", "</think>"), ("<thinking>", "</thinking>"), ("[THINK]", "[/THINK]"), ("", "</think>"),
    ("<think>\n", "\n</think>\n\n"), ("◁think▷", "◁/think▷"), ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<seed:think>", "</seed:think>"), ("<reasoning>", "</reasoning>"), ("<THINK>", "</THINK>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
)  # fmt: skip
_ENDS = (
    "</s>", "<|im_end|>", "<|eot_id|>", "<|endoftext|>", "<end_of_turn>", "<eos>", "<｜end▁of▁sentence｜>", "<|end|>",
    "<|im_end|>\n<|im_start|>user\nAnother one", "</s><s>[INST] More [/INST] text", "<|eot_id|><|start_header_id|>user",
    "\n\nUser: and now?", "\n### Instruction: more", "\nHuman: what?\nAssistant: x", "<|return|>", "[EOS]",
)  # fmt: skip
_HEADERS = (
    "",
    "",
    "",
    "assistant\n",
    "<|im_start|>assistant\n",
    "<start_of_turn>model\n",
    "<|assistant|>\n",
    "\n\n",
    "<s>",
)
_PREAMBLES = (
    "Sure! Here is the explanation:\n\n", "Certainly! Here's a description of the person in the caption:\n\n",
    "Here is a brief explanation:\n", "Of course! Below is the explanation:\n", "Sure!\n\nHere is the answer: ",
    "Voici l'explication :\n", "Hier ist die Beschreibung:\n\n", "好的,以下是解释:\n",
)  # fmt: skip
_LABELS = (
    "Explanation: ", "**Explanation:** ", "Answer:\n", "### Explanation:\n", "Explanation:\n\n", "Description: ",
    "**Answer**: ", "Erklärung: ", "Réponse : ", "解释:",
)  # fmt: skip
_QUOTES = (('"', '"'), ("“", "”"), ("«", "»"), ("„", "“"), ("「", "」"))
_FENCES = ("```\n{}\n```", "```text\n{}\n```", "```markdown\n{}\n```")
_ECHOES = (
    "<s>[INST] Explain. Caption: {caption} [/INST] {}", "<s> [INST] {caption} [/INST] {}</s>",
    "<|im_start|>system\nExplain.<|im_end|>\n<|im_start|>user\nCaption: {caption}<|im_end|>\n<|im_start|>assistant\n{}",
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{caption}<|eot_id|><|start_header_id|>assistant"
    "<|end_header_id|>\n\n{}", "### Instruction:\nCaption: {caption}\n\n### Response:\n{}",
    "USER: Caption: {caption} ASSISTANT: {}", "user\n\nCaption: {caption}assistant\n\n{}",
    "<bos><start_of_turn>user\nCaption: {caption}<end_of_turn>\n<start_of_turn>model\n{}<end_of_turn>",
)  # fmt: skip
_TAGS = ("<answer>{}</answer>", "<response>\n{}\n</response>", "<explanation>{}</explanation>", "<answer>{}")
_JUNK = (
    *(opening + closing for opening, closing in _THINKING), *_ENDS, *_PREAMBLES, *_LABELS, "<think>", "</think>",
    "{", "}", "[", "]", '{"a": ', "null", "```", "```json\n", '"', "“", "«", "\n", "\n\n", " ", "\r", "\0",
    "\ud800", "\u202e", "\u200b", "<|", "|>", "Ann", "Caption:", "analysis", "assistantfinal", "<|channel|>",
    "<|message|>", "\\", "é", "東京", "1", ".", ":", "[INST]", "[/INST]", "### Response:", "<answer>", "</answer>",
    "I'm sorry", "&lt;", "\U0001f469", "user\n", "[" * 99,
)  # fmt: skip


class Answers:
    """Wraps known explanations, and makes junk, in a third of the cases."""

    def __init__(self, folder: Path) -> None:
        self._judge = Judge(Judging(language=None), lambda text: 2 + len(text.split()))

    def case(self, rng: random.Random) -> str:
        """One case; raises Fault or whatever the judge raises."""
        return self._junk(rng) if rng.random() < 0.33 else self._wrapped(rng)

    def _wrapped(self, rng: random.Random) -> str:
        name = rng.choice(_NAMES)
        caption = rng.choice(_CAPTIONS).format(name)
        known = rng.choice(_EXPLANATIONS).format(name)
        raw, wanted, used = _wrap(known, name, caption, rng)
        found = self._judge.judge(caption, raw, rng.choice(("stop", "stop", None)))
        if found.explanation != wanted or found.status is not Status.OK:
            raise Fault(f"{raw!r} became {found.status.value} {found.explanation!r} instead of {wanted!r}")
        if clean(wanted) != wanted:
            raise Fault(f"cleaned again, {wanted!r} becomes {clean(wanted)!r}")
        return f"{used} layers"

    def _junk(self, rng: random.Random) -> str:
        raw = "".join(rng.choices(_JUNK, k=rng.randint(0, 12)))
        once = clean(raw)
        if clean(once) != once:
            raise Fault(f"{raw!r} is cleaned to {once!r}, and then to {clean(once)!r}")
        found = self._judge.judge(rng.choice(_CAPTIONS).format("Ann"), raw, rng.choice(("stop", "length", None)))
        if (found.explanation is None) is not (found.status in (Status.EMPTY, Status.REFUSED)):
            raise Fault(f"{raw!r} is {found}")
        plain = " ".join(rng.choices([word for word in _PLAIN if word], k=rng.randint(1, 8)))
        if clean(f" {plain}\t") != plain:
            raise Fault(f"plain text {plain!r} became {clean(plain)!r}")
        return f"junk: {found.status.value}"


_PLAIN = (
    "Ann",
    "wears",
    "a hat,",
    "red",
    "5",
    "Zoë",
    "東京",
    "(left)",
    "and",
    "it’s",
    "– so",
    "A. B.",
    *string.ascii_letters,
)


def _wrap(known: str, name: str, caption: str, rng: random.Random) -> tuple[str, str, int]:
    """A text with the explanation in it, what should come out, and the number of wrappings, from the inside out."""
    raw, wanted, used = known, known, 0
    has_quotes = any(quote in known for pair in _QUOTES for quote in pair)

    def chance(share: float) -> bool:
        nonlocal used
        is_taken = rng.random() < share
        used += is_taken
        return is_taken

    is_json = chance(0.2)
    if is_json:
        form = rng.choice(("named", "alone", "by name", "list", "wrapped"))
        value: object = {"explanation": known}
        if form == "named":
            value = {"name": name, "explanation": known}
        elif form == "by name":
            value = {name: known}
        elif form == "list":
            value = [{"entity": name, "description": known, "type": "person"}]
        elif form == "wrapped":
            value = {"entities": [{"name": name, "explanation": known}]}
        wanted = known if form == "alone" else f"{name}: {known}"
        raw = json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 2)))
        if chance(0.5):
            raw = f"```json\n{raw}\n```"
    elif not has_quotes and chance(0.2):
        first, last = rng.choice(_QUOTES)
        raw = f"{first}{raw}{last}"
    elif chance(0.15):
        raw = rng.choice(_FENCES).format(raw)
    elif chance(0.1):
        raw = rng.choice(_TAGS).format(raw)
        return _around(raw, name, caption, rng), wanted, used + 1
    if not is_json and chance(0.25):
        raw = rng.choice(_LABELS) + raw
    if chance(0.25):
        raw = rng.choice(_PREAMBLES) + raw
    elif not is_json and chance(0.1):
        raw = f"Caption: {caption}\n\nExplanation: {raw}"
    return _around(raw, name, caption, rng), wanted, used


def _around(raw: str, name: str, caption: str, rng: random.Random) -> str:
    """The text with thinking, headers, ends of turns and its prompt around it."""
    if rng.random() < 0.35:
        opening, closing = rng.choice(_THINKING)
        raw = (
            f"{opening}{rng.choice(_THOUGHTS).format(name=name)}{closing}{rng.choice(('', chr(10), chr(10) * 2))}{raw}"
        )
    elif rng.random() < 0.4:
        raw = rng.choice(_HEADERS) + raw
    if rng.random() < 0.35:
        raw += rng.choice(_ENDS)
    elif rng.random() < 0.2:
        echo = rng.choice(_ECHOES)
        before, after = echo.split("{}")
        raw = before.replace("{caption}", caption) + raw + after
    return raw + rng.choice(("", "", "\n", " ", "\u200b"))
