"""Cleans generated texts into explanations for training. Cleaning can be repeated later without an LLM."""

import re
import unicodedata

_LABEL = re.compile(r"^(?:explanation|answer|assistant)\s*:\s*", re.IGNORECASE)


def clean(raw_text: str) -> str:
    """Return the text as one line of printable characters. Idempotent.

    Control and format characters, a leading label ("Explanation:") and surrounding quotes are removed, and white space
    is collapsed.
    """
    text = " ".join(raw_text.split())
    if not text.isprintable():  # rare; the test is much faster than checking every character
        text = " ".join("".join(c for c in text if unicodedata.category(c)[0] != "C").split())
    while True:
        shorter = _LABEL.sub("", text)
        if len(shorter) > 1 and shorter[0] in '"“' and shorter[-1] in '"”' and '"' not in shorter[1:-1]:
            shorter = shorter[1:-1]
        shorter = shorter.strip()
        if shorter == text:
            return text
        text = shorter
