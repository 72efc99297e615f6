"""From the text as generated to the explanation that training reads. Pure, so that it can be re-run alone."""

import re
import unicodedata

_WHITESPACE = re.compile(r"\s+")
_LABEL = re.compile(r"^(?:explanation|answer|assistant)\s*:\s*", re.IGNORECASE)


def clean(raw_text: str) -> str:
    """Printable text on one line: control and format characters out, white space folded, a leading label
    ("Explanation:") and surrounding quotes removed. Idempotent."""
    text = "".join(" " if c.isspace() else c for c in raw_text if c.isspace() or unicodedata.category(c)[0] != "C")
    text = _WHITESPACE.sub(" ", text).strip()
    while True:
        shorter = _LABEL.sub("", text)
        if len(shorter) > 1 and shorter[0] in '"“' and shorter[-1] in '"”' and '"' not in shorter[1:-1]:
            shorter = shorter[1:-1]
        shorter = shorter.strip()
        if shorter == text:
            return text
        text = shorter
