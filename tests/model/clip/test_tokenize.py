import pytest
import torch

from model.clip.open_clip_import import open_clip
from model.clip.tokenize import TextReader
from model.clip.towers import Towers
from model.errors import ModelError
from tests.model.tiny_clip import CONTEXT_LENGTH, VOCABULARY

END = len(VOCABULARY) - 1


def test_truncation_is_counted_and_keeps_the_end(towers):
    texts = ["red " * words for words in (0, 1, CONTEXT_LENGTH - 2, CONTEXT_LENGTH - 1, 50)]
    ids, truncated = TextReader(towers)(texts, "captions")
    assert truncated == 2
    assert ids.shape == (5, CONTEXT_LENGTH)
    assert (ids == END).sum(dim=1).tolist() == [1] * 5
    assert (ids == END).int().argmax(dim=1).tolist() == [
        1,
        2,
        CONTEXT_LENGTH - 1,
        CONTEXT_LENGTH - 1,
        CONTEXT_LENGTH - 1,
    ]
    assert torch.equal(ids.long(), towers.tokenizer(texts))


def test_open_clips_own_tokenizer():
    clip = open_clip.create_model("ViT-B-32", load_weights=False, text_cfg={"layers": 1}, vision_cfg={"layers": 1})
    own = Towers(clip, lambda image: image, open_clip.get_tokenizer("ViT-B-32"))
    texts = ["Queen Elizabeth II visits Ascot", "one " * 75, "one " * 76, ""]
    ids, truncated = TextReader(own)(texts, "captions")
    assert truncated == 1 and torch.equal(ids.long(), own.tokenizer(texts))


def test_a_tokenizer_of_another_model_is_refused(towers):
    def without_end(texts: list[str], context_length: int) -> torch.Tensor:
        ids = torch.zeros(len(texts), context_length).long()
        ids[:, 1] = torch.arange(len(texts)) + 3
        return ids

    with pytest.raises(ModelError, match=r"captions: .*does not belong to this model"):
        TextReader(towers._replace(tokenizer=without_end))(["a", "b"], "captions")


def test_a_token_that_the_model_lacks_is_refused(towers):
    with pytest.raises(ModelError, match=r"captions: the tokenizer returned token id \d+, .* ends at"):
        TextReader(towers._replace(tokenizer=open_clip.get_tokenizer("ViT-B-32")))(["a house"], "captions")
