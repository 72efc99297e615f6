"""Makes a tokenizer read the text of a special token, such as `<end_of_text>`, as text, where it comes from data.

Every tokenizer file turns these texts into the special tokens themselves, so that a caption could end what a model
reads. The option `encode_special_tokens` of `tokenizers` is no remedy: a vocabulary of words or pieces that lists the
token finds it there. So the special tokens are given other names, of private-use characters, under the same ids.
"""

import json
from collections.abc import Iterable
from typing import Any

from tokenizers import Tokenizer

MARK = "\U0010fffd"  # a private-use character, which no text contains; begins every name
_FIRST = 0x100000


def names_for(contents: Iterable[str]) -> dict[str, str]:
    """Return a name for each special token's text: two private-use characters."""
    return {content: f"{MARK}{chr(_FIRST + number)}" for number, content in enumerate(sorted(set(contents)))}


def is_markup(content: str) -> bool:
    """Return whether a token's text looks like markup: at least three characters, letters or digits among others.

    Some tokenizers make a plain character such as `!` a special token; renaming it would change ordinary texts.
    """
    return len(content) > 2 and any(map(str.isalnum, content)) and not content.isalnum() and not content.isspace()


def special_texts(tokenizer: Tokenizer) -> list[str]:
    """Return the texts of a tokenizer's special tokens that look like markup."""
    return [
        token.content
        for token in tokenizer.get_added_tokens_decoder().values()
        if token.special and not token.single_word and is_markup(token.content)
    ]


def renamed(tokenizer: Tokenizer, names: dict[str, str]) -> Tokenizer | None:
    """Return a copy of a tokenizer that knows the tokens in `names` by their new names only, under the same ids.

    Every text without special tokens gets the same ids as before. Takes about a second for 100,000 tokens.
    Returns None if such a copy cannot be made.
    """
    content: dict[str, Any] = json.loads(tokenizer.to_str())
    for token in content["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    model = content["model"]
    if isinstance(model.get("vocab"), dict):
        model["vocab"] = {names.get(word, word): number for word, number in model["vocab"].items()}
    elif "vocab" in model:
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in model["vocab"]]
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    if "merges" in model:  # otherwise merges would build the special token's text from letters
        model["merges"] = [merge for merge in model["merges"] if not _builds(merge, names)]
    try:
        copy = Tokenizer.from_str(json.dumps(content, ensure_ascii=False))
    except Exception:  # the Rust library raises plain Exception
        return None
    same = all(copy.token_to_id(name) == tokenizer.token_to_id(old) for old, name in names.items())
    return copy if same and copy.get_vocab_size() == tokenizer.get_vocab_size() else None


def reading_as_text(tokenizer: Tokenizer) -> Tokenizer:
    """Return a tokenizer that reads every text as text, and gives all other texts the same ids as before.

    A post-processor still adds the special tokens of the model around each text.
    """
    names = names_for(special_texts(tokenizer))
    if not names:
        return tokenizer
    copy = renamed(tokenizer, names)
    if copy is None:
        copy = Tokenizer.from_str(tokenizer.to_str())
        copy.encode_special_tokens = True
    return copy


def _builds(merge: Any, names: dict[str, str]) -> bool:
    first, second = merge.split(" ", 1) if isinstance(merge, str) else merge
    return first + second in names or first in names or second in names
