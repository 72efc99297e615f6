"""Builds word-level tokenizers of a few hundred words, because open_clip's vocabulary would dwarf the demo's models."""

from collections.abc import Iterable

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

PAD, UNKNOWN, BEGIN, END = "<pad>", "<unk>", "<begin>", "<end>"

# Every turn starts with its role's token. Only the assistant's turn has an end token, where generation stops.
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "{{ '<' + message['role'] + '>' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)


def clip_tokenizer(words: Iterable[str], context_length: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer for open_clip with begin and end tokens. The padding id is 0.

    The end token has the highest id, because open_clip pools the text tower at the highest id (argmax).
    """
    vocabulary = [PAD, UNKNOWN, *words, BEGIN, END]
    core = _word_level(vocabulary)
    core.post_processor = TemplateProcessing(
        single=f"{BEGIN} $A {END}",
        special_tokens=[(token, vocabulary.index(token)) for token in (BEGIN, END)],
    )
    return _wrap(core, context_length)


def chat_tokenizer(words: Iterable[str], context_length: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer for a chat model, with one token per role and a chat template."""
    roles = ["<system>", "<user>", "<assistant>"]
    tokenizer = _wrap(_word_level([PAD, UNKNOWN, BEGIN, END, *roles, *words]), context_length, roles)
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _word_level(vocabulary: list[str]) -> Tokenizer:
    ids = {word: index for index, word in enumerate(vocabulary)}
    if len(ids) != len(vocabulary):
        raise ValueError("the vocabulary contains a word twice")
    core = Tokenizer(WordLevel(ids, unk_token=UNKNOWN))
    core.normalizer = Lowercase()
    core.pre_tokenizer = Whitespace()
    return core


def _wrap(core: Tokenizer, context_length: int, roles: Iterable[str] = ()) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        model_max_length=context_length,
        pad_token=PAD,
        unk_token=UNKNOWN,
        bos_token=BEGIN,
        eos_token=END,
        extra_special_tokens=list(roles),
        clean_up_tokenization_spaces=False,
    )
