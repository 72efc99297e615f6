"""Finds the answer in a text that begins with its prompt: `[INST] ... [/INST] answer</s>`.

Plain `generate` calls return such texts, and so do released files. Markup after the answer (further turns, thinking) is
not looked at here, except that the answer ends where the next prompt begins.
"""

import re

_BAR = r"(?:\||\uff5c)"  # DeepSeek writes its tokens with a full-width bar
_ROLE = r"<\|im_start\|>\s*{0}\b|<\|(?:start_header_id|start_of_role)\|>\s*{0}\s*<\|end_(?:header_id|of_role)\|>|"
_ROLE += r"<start_of_turn>\s*{0}\b|<{1}(?i:{0}){1}>"
_ASKED = _ROLE.format("(?:user|system|human|developer)", _BAR)
_ANSWERED = _ROLE.format("(?:assistant|model)", _BAR)
_START = r"<s>|<bos>|<\|begin_of_text\|>|<\uff5cbegin\u2581of\u2581sentence\uff5c>"
_END = (
    r"</s>|<(?:end_of_turn|eos|pad|unk)>|<\|(?:im_end|eot_id|eom_id|end|end_of_text|endoftext|end_of_turn|pad)\|>|"
    r"<\uff5cend\u2581of\u2581sentence\uff5c>"
)
_TOKENS = re.compile(rf"(?P<asked>\[INST\]|{_ASKED})|(?P<answered>\[/INST\]|{_ANSWERED})")
_LABELS = re.compile(  # a text may stand before the first: `A chat between a user and an assistant. USER: ...`
    r"(?P<asked>^###\s*(?:Instruction|Human|User|System|Input)\s*:|\bUSER:|^(?:Human|User):)|"
    r"(?P<answered>^###\s*(?:Response|Assistant|Answer|Output)\s*:|\bASSISTANT:|^Assistant:)",
    re.MULTILINE,
)
# What decoding without special tokens leaves of the tokens: `user\n\nExplain ...assistant\n\nanswer`
_BARE_START = re.compile(r"\s*(?:system|user)[ \t]*\n")
_BARE = re.compile(
    r"(?P<asked>^(?:system|user)[ \t]*$)|(?P<answered>(?:^|(?<=\S))(?:assistant|model)[ \t]*\n)", re.MULTILINE
)
_TOKEN_MARKS = ("<|", "<\uff5c", "INST]", "<start_of_turn>")  # in every text with one of `_TOKENS`; quick to find
_LABEL_MARKS = ("###", "USER:", "Human:", "User:")
_LEADING = re.compile(rf"(?:\s|{_START}|{_END})+")
_TRAILING = re.compile(rf"(?:\s|{_START}|{_END})+\Z")


def answer_in(text: str, caption: str) -> str:
    """Return the answer to the prompt about `caption` in a text that begins with this prompt; other texts unchanged.

    The answer follows the user's first turn that contains the caption, or, if none does, the first turn. So neither
    examples in the prompt nor invented further turns are taken for it. A prompt without an answer gives "".
    """
    answer = text
    if any(mark in text for mark in _TOKEN_MARKS):
        answer = _answer(text, caption, _TOKENS, may_have_preface=False)
    if answer == text and any(mark in text for mark in _LABEL_MARKS):  # tokens may be those of the answer
        answer = _answer(text, caption, _LABELS, may_have_preface=True)
    if answer == text and _BARE_START.match(text):
        answer = _answer(text, caption, _BARE, may_have_preface=False)
    return answer


def _answer(text: str, caption: str, markers: re.Pattern[str], *, may_have_preface: bool) -> str:
    found = list(markers.finditer(text))
    wanted = " ".join(caption.split())
    if found and found[0][0] == "[/INST]":  # the prompt has lost its start
        before, answer = text[: found[0].start()], text[found[0].end() :]
        is_prompt = wanted and wanted in " ".join(before.split()) and answer.strip()
        return _answer(f"[INST]{text}", caption, markers, may_have_preface=False) if is_prompt else text
    if not found or found[0].lastgroup != "asked":
        return text
    ends = [marker.start() for marker in found[1:]] + [len(text)]
    asked = [
        place
        for place, (marker, end) in enumerate(zip(found, ends, strict=True))
        if marker.lastgroup == "asked" and wanted and wanted in " ".join(text[marker.end() : end].split())
    ]
    has_preface = _LEADING.sub("", text[: found[0].start()], count=1) != ""
    if has_preface and not (may_have_preface and asked):
        return text
    for place in range(asked[0] + 1 if asked else 1, len(found)):
        if found[place].lastgroup == "answered":
            end = next((one.start() for one in found[place + 1 :] if one.lastgroup == "asked"), len(text))
            answer = _TRAILING.sub("", text[found[place].end() : end]).strip()
            if answer:
                return answer
    return ""
