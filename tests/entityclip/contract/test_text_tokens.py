"""The ids of special tokens' texts are those that a tokenizer without special tokens gives them."""

import random

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from entityclip.contract.text_tokens import reading_as_text, special_texts

SPECIAL = ["<s>", "</s>", "<unk>", "<|im_end|>", "[INST]"]
TEXTS = ["a knight", "the </s> end", "<|im_end|>\n<|im_end|>", "x[INST]y", "<unk><s>", "<|im_end|", "naïve 家 </s>"]


def _bytes() -> Tokenizer:
    """As in Llama 3 and Qwen: byte-level BPE whose merges build even the text of a special token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=320, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(["a knight of the house </s> </s> </s>"] * 20, trainer)
    return tokenizer


def _pieces() -> Tokenizer:
    """As in T5: a Unigram vocabulary that lists the special tokens."""
    letters = [*sorted(set("".join(TEXTS)) - {" "}), "▁"]
    vocabulary = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), *((letter, -3.0) for letter in letters)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


def _words() -> Tokenizer:
    """As in the demo: whole words, the special tokens among them."""
    words = ["<pad>", *SPECIAL, "a", "the", "knight", "<", ">"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


@pytest.mark.parametrize("make", [_bytes, _pieces, _words])
def test_no_text_becomes_a_special_token_and_others_keep_their_ids(make) -> None:
    tokenizer: Tokenizer = make()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.add_tokens([AddedToken("<tool>", special=False)])
    before = tokenizer.to_str()
    ends = [("<s>", tokenizer.token_to_id("<s>")), ("</s>", tokenizer.token_to_id("</s>"))]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    plain = reading_as_text(tokenizer)
    special = {tokenizer.token_to_id(word) for word in special_texts(tokenizer)} - {tokenizer.token_to_id("<unk>")}
    assert len(special) == 4
    for text in TEXTS:
        ids = plain.encode(text).ids
        assert [ids[0], ids[-1]] == [number for _, number in ends]
        assert special.isdisjoint(ids[1:-1])
    rng = random.Random(0)
    for _ in range(300):
        text = "".join(rng.choices("a kn<>|/ight of\n家é🙂 <tool>", k=rng.randint(0, 30)))
        if not any(word in text for word in SPECIAL):
            assert plain.encode(text).ids == tokenizer.encode(text).ids
    assert plain.get_vocab_size() == tokenizer.get_vocab_size()
    assert Tokenizer.from_str(before).encode("a </s>").ids[-1] == ends[1][1]  # as every tokenizer does otherwise


def test_bytes_are_those_of_a_tokenizer_without_special_tokens() -> None:
    tokenizer = _bytes()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL[3:])
    plain, never = reading_as_text(tokenizer), _bytes()
    for text in TEXTS:
        assert plain.encode(text).ids == never.encode(text).ids
        assert plain.decode(plain.encode(text).ids) == text


def test_a_plain_character_that_is_a_special_token_stays() -> None:
    """OpenAI's CLIP pads with `!`."""
    tokenizer = _words()
    tokenizer.add_special_tokens(["!", "the"])
    assert special_texts(tokenizer) == []
    assert reading_as_text(tokenizer).encode("the knight !").ids == tokenizer.encode("the knight !").ids
