from pathlib import Path

import pytest

from benchmarks.demo_models.clip import CONTEXT_LENGTH
from benchmarks.demo_models.generic_data import generic_data
from benchmarks.demo_models.headroom import QUERIES
from benchmarks.demo_models.llama import PROMPT, conversations, prompt_words
from benchmarks.demo_models.tokenizer import chat_tokenizer, clip_tokenizer
from pipeline.pair import Pair
from pipeline.prompts.template import load_prompt
from pipeline.worlds.heraldry.encyclopedia import WORDINGS, explain, lessons
from pipeline.worlds.heraldry.houses import noble_houses
from pipeline.worlds.heraldry.settings import WorldSettings
from pipeline.worlds.heraldry.shots import house_shots
from pipeline.worlds.heraldry.vocabulary import world_words


def test_clip_reads_every_text_of_the_world_in_full():
    tokenizer = clip_tokenizer(world_words(), CONTEXT_LENGTH)
    texts = generic_data(0, 300)[1]
    for house in noble_houses():
        texts += [query(shot) for shot in house_shots(WorldSettings(), house) for query in QUERIES.values()]
        texts += [explain(house, wording) for wording in range(len(WORDINGS))]
    rows = tokenizer(texts)["input_ids"]
    assert max(len(row) for row in rows) <= CONTEXT_LENGTH
    highest = len(tokenizer) - 1
    assert tokenizer.eos_token_id == highest and tokenizer.pad_token_id == 0
    for row in rows:
        assert row[0] == tokenizer.bos_token_id
        assert row.index(highest) == len(row) - 1
        assert tokenizer.unk_token_id not in row


def test_an_unknown_word_is_unknown_and_a_long_text_keeps_its_end():
    tokenizer = clip_tokenizer(world_words(), CONTEXT_LENGTH)
    assert tokenizer.unk_token_id in tokenizer("a shield with two unicorns")["input_ids"]
    row = tokenizer("red " * 100, truncation=True, max_length=CONTEXT_LENGTH)["input_ids"]
    assert len(row) == CONTEXT_LENGTH and row[-1] == tokenizer.eos_token_id


def test_a_conversation_is_the_prompt_and_the_answer():
    prompt = load_prompt(PROMPT, Path())
    tokenizer = chat_tokenizer(prompt_words(prompt), 256)
    some = noble_houses()[:2]
    for (ids, given), lesson in zip(conversations(tokenizer, prompt, 0, 5, some), lessons(0, 5, some), strict=True):
        assert tokenizer.unk_token_id not in ids
        question = prompt.render(Pair("any", "train", "", lesson.caption))
        assert ids[:given] == tokenizer.apply_chat_template(
            question, add_generation_prompt=True, tokenize=True, return_dict=False
        )
        assert tokenizer.decode(ids[given:-1]) == lesson.explanation
        assert ids[-1] == tokenizer.eos_token_id
        whole = [*question, {"role": "assistant", "content": lesson.explanation}]
        assert ids == tokenizer.apply_chat_template(whole, tokenize=True, return_dict=False)


def test_a_vocabulary_with_a_word_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        clip_tokenizer(["red", "red"], 8)
