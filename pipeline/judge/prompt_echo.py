"""Finds the answer in a text that still has the prompt in it, special tokens, or further turns.

Texts from plain `generate` calls and released files often hold the whole conversation: `[INST] ... [/INST] answer</s>`.
"""

import re

_BAR = r"(?:\||\uff5c)"  # DeepSeek writes its tokens with a full-width bar
_ROLE = r"<\|im_start\|>\s*{0}\b|<\|(?:start_header_id|start_of_role)\|>\s*{0}\s*<\|end_of_(?:header|role)\|>|"
_ROLE += r"<\|start_header_id\|>\s*{0}\s*<\|end_header_id\|>|<start_of_turn>\s*{0}\b|<{1}(?i:{0}){1}>"
_ASKED = _ROLE.format("(?:user|system|human|developer)", _BAR)
_ANSWERED = _ROLE.format("(?:assistant|model)", _BAR)
_SPECIAL = re.compile(
    rf"(?P<asked>\[INST\]|{_ASKED}|^###\s*(?:Instruction|Human|User|System|Input)\s*:|\bUSER:|^(?:Human|User):)|"
    rf"(?P<answered>\[/INST\]|{_ANSWERED}|^###\s*(?:Response|Assistant|Answer|Output)\s*:|\bASSISTANT:|^Assistant:)|"
    r"(?P<end></?s>|<\|(?:im_end|eot_id|eom_id|end|end_of_text|endoftext|begin_of_text|end_of_turn|pad)\|>|"
    r"<(?:end_of_turn|eos|bos|pad|unk)>|<\uff5c(?:begin|end)\u2581of\u2581sentence\uff5c>)",
    re.MULTILINE,
)
# One of these is in every text that `_SPECIAL` matches; the search for them takes a fiftieth of the time.
_MARKS: tuple[str, ...] = (
    "<|",
    "<\uff5c",
    "INST]",
    "###",
    "</s>",
    "<s>",
    "_of_turn>",
    "SER:",
    "ANT:",
    "ser:",
    "man:",
    "ant:",
)
_MARKS += ("<eos>", "<bos>", "<pad>", "<unk>")
# The same after decoding without special tokens: `user\n\nExplain ...assistant\n\nanswer`
_BARE_START = re.compile(r"\s*(?:system|user)[ \t]*\n")
_BARE = re.compile(
    r"(?P<asked>^(?:system|user)[ \t]*$)|(?P<answered>(?:^|(?<=\S))(?:assistant|model)[ \t]*\n)|(?P<end>(?!))",
    re.MULTILINE,
)


def answer_in(text: str, caption: str) -> str:
    """Return the model's answer to the prompt about `caption`, without markup of the conversation.

    If a user's turn contains the caption, this is the answer after the last such turn, so that the examples of a
    few-shot prompt and invented further turns are not taken for it. Otherwise it is the first answer, or what precedes
    the first markup. A text without such markup is returned unchanged; if it has a prompt without an answer, the result
    is "".
    """
    markers = _BARE if _BARE_START.match(text) else _SPECIAL
    if markers is _SPECIAL and not _may_have_markup(text):
        return text
    parts: list[tuple[str, str]] = []
    role, at = "answered", 0
    for marker in markers.finditer(text):
        parts.append((role, text[at : marker.start()].strip()))
        role, at = marker.lastgroup or "end", marker.end()
    if not at:
        return text
    parts.append((role, text[at:].strip()))
    return _answer([part for part in parts if part[1]], caption)


def _answer(parts: list[tuple[str, str]], caption: str) -> str:
    wanted = " ".join(caption.split())
    asked = [place for place, (role, text) in enumerate(parts) if role == "asked" and wanted in " ".join(text.split())]
    answered = [place for place, (role, _) in enumerate(parts) if role == "answered"]
    after = asked[-1] if wanted and asked else -1
    place = next((place for place in answered if place > after), None)
    if place is None:  # a continuation after the end token of the prompt, such as `<s> answer`
        others = [place for place, (role, _) in enumerate(parts) if role == "end" and place > after]
        place = others[0] if others else None
    return parts[place][1] if place is not None else ""


def _may_have_markup(text: str) -> bool:
    return any(mark in text for mark in _MARKS)
