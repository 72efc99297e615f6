"""The library's encoder against open_clip's own preprocessing and towers."""

from pathlib import Path

import open_clip
import pytest
import torch
from PIL import Image

from model.errors import ModelError
from model.search.encoder import load


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = []
    for number, mode in enumerate(["RGB", "L", "RGBA", "P", "RGB"]):
        image = Image.effect_noise((70 + number, 50), 60).convert("RGB").convert(mode)
        image.save(path := tmp_path / f"{number}.png")
        paths.append(path)
    return paths


def test_embeddings_are_open_clips(clip_folder: Path, pictures: list[Path]) -> None:
    name = f"local-dir:{clip_folder}"
    clip, _, transform = open_clip.create_model_and_transforms(name)
    clip.eval()
    texts = ["knights of fenmund thulhil", " a lion ", "lord " * 200]
    encoder = load(clip_folder, "cpu")
    with torch.inference_mode():
        tokens = open_clip.get_tokenizer(name)([text.strip() for text in texts])
        images = torch.stack([transform(Image.open(path).convert("RGB")) for path in pictures])
        expected = clip.encode_text(tokens, normalize=True), clip.encode_image(images, normalize=True)
    for size in (1, 2, 64):
        torch.testing.assert_close(encoder.encode_texts(texts, batch_size=size), expected[0])
        torch.testing.assert_close(encoder.encode_images(pictures, batch_size=size), expected[1])
    opened = [Image.open(path) for path in pictures]
    torch.testing.assert_close(encoder.encode_images([str(pictures[0]), *opened[1:]]), expected[1])
    assert encoder.truncated == 3 and encoder.context_length == clip.context_length
    assert encoder.encode_texts([]).shape == encoder.encode_images([]).shape == (0, encoder.width)


def test_what_cannot_be_encoded_is_named(clip_folder: Path, tmp_path: Path) -> None:
    encoder = load(str(clip_folder), "cpu")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ModelError, match=r"missing\.png cannot be read"):
        encoder.encode_images([tmp_path / "missing.png"])
    with pytest.raises(ModelError, match=r"broken\.png: "):
        encoder.encode_images([tmp_path / "broken.png"])
    with pytest.raises(ModelError, match="empty"):
        encoder.encode_texts(["a", " "])
    with pytest.raises(TypeError, match="list"):
        encoder.encode_texts("one text")
    with pytest.raises(ModelError):
        load(tmp_path, "cpu")
