"""`<end_of_text>` in a caption does not end what CLIP reads, in training, evaluation and search alike."""

import pickle

import pytest
import torch

from model.clip.open_clip_import import open_clip
from model.clip.plain_text import plain_text_tokenizer
from model.clip.tokenize import TextReader
from model.clip.towers import Towers
from model.search.encoder import Encoder

TEXTS = ["a house", "", "Queen Élisabeth\u2019s  visit &amp; 12 dogs", "red " * 90, "x" * 90, "<end_of_tex>", "< end >"]
HIDDEN = ["a <end_of_text> b", "a <END_OF_TEXT> b", "a &lt;end_of_text&gt; b", "a &amp;lt;end_of_text&amp;gt; b"]


def test_openais_tokenizer_reads_every_text_as_text() -> None:
    own = open_clip.get_tokenizer("ViT-B-32")
    plain = pickle.loads(pickle.dumps(plain_text_tokenizer(own)))  # as for a worker
    assert torch.equal(plain(TEXTS), own(TEXTS))
    spelt = [320, 283, 806, 318, 539, 318, 4160, 285, 321]  # a < end _ of _ text > b
    for text in HIDDEN:
        assert own([text])[0].tolist().count(49407) == 2
        assert plain([text])[0].tolist() == [49406, *spelt, 49407] + [0] * 66
    assert own(HIDDEN)[0].tolist().count(49407) == 2  # the original is unchanged


@pytest.mark.parametrize("mode", [None, "clips"])
def test_a_folders_tokenizer_reads_every_text_as_text(towers: Towers, mode: str | None) -> None:
    own = towers.tokenizer
    texts = ["red square", "", "red " * 30, "name3 of a house"]
    plain = pickle.loads(pickle.dumps(plain_text_tokenizer(own)))
    assert torch.equal(plain(texts), own(texts))
    assert torch.equal(plain(texts, context_length=11), own(texts, context_length=11))
    (ids,) = plain(["red <end> <pad> blue"]).tolist()
    assert ids == own(["red ? ? ? ? ? ? blue"])[0].tolist()
    own_ids = own(["red <end> <pad> blue"])[0].tolist()
    assert own_ids.count(own_ids[2]) == 2  # two ends


def test_the_reader_of_training_and_search_does_too(towers: Towers) -> None:
    reader = TextReader(towers)
    (ids,), truncated = reader(["red <end> blue"], "captions")
    assert reader.end_position(ids[None]).item() == 6 and truncated == 0
    assert isinstance(Encoder(towers)._read_texts, TextReader)
