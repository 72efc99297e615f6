"""Noise images with the spectrum of photographs, so that their JPEGs have a realistic size and decoding cost."""

from pathlib import Path

import numpy as np
from PIL import Image

_FIELDS = 24
_QUALITY = 83


def write_photographs(folder: Path, count: int, width: int = 800, height: int = 600) -> list[str]:
    """Write `count` different JPEGs (about 100 KB at 800 x 600) and return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    fields = [_field(rng, 2 * width, 2 * height) for _ in range(min(_FIELDS, count))]
    names = []
    for number in range(count):
        field = fields[number % len(fields)]
        top, left = int(rng.integers(height)), int(rng.integers(width))
        cut = field[top : top + height, left : left + width] * rng.uniform(0.7, 1.1)
        image = Image.fromarray((cut * 45 + 120).clip(0, 255).astype(np.uint8))
        names.append(f"{number:05d}.jpg")
        image.save(folder / names[-1], "JPEG", quality=_QUALITY)
    return names


def _field(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Return noise (height, width, 3) with little colour, whose amplitude falls with frequency."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1
    phases = np.exp(2j * np.pi * rng.random((4, *frequency.shape)))
    noise = np.fft.irfft2(phases / frequency**1.3, s=(height, width))
    noise /= noise.std(axis=(1, 2), keepdims=True)
    field: np.ndarray = (noise[:1] + 0.3 * noise[1:]).transpose(1, 2, 0).astype(np.float32)
    return field
