"""Measures how well a CLIP retrieves the heraldry world's test pictures with different kinds of queries.

The gap between queries that name the house and queries that describe its shield shows how much explanations can help.
"""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image

from model.clip.open_clip_import import open_clip
from pipeline.worlds.heraldry.encyclopedia import explain
from pipeline.worlds.heraldry.generic import in_words
from pipeline.worlds.heraldry.houses import MAIN
from pipeline.worlds.heraldry.pools import world_houses
from pipeline.worlds.heraldry.settings import WorldSettings
from pipeline.worlds.heraldry.shots import Shot, house_shots, take

QUERIES: dict[str, Callable[[Shot], str]] = {
    "caption with the name": lambda shot: shot.pair.caption,
    "caption with the shield in words": lambda shot: shot.pair.caption.replace(
        shot.house.name, in_words(shot.house.arms)
    ),
    "explanation": lambda shot: explain(shot.house),
}


@torch.no_grad()
def headroom(folder: Path, settings: WorldSettings | None = None) -> dict[str, dict[str, float]]:
    """Measure text-to-image recall in percent on the test pictures of the main houses, for each kind of query.

    `R@k`: the query's own picture is among the top k. `house R@1`: the top picture shows the right house.
    """
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder.resolve()}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder.resolve()}")
    model.eval()
    settings = settings or WorldSettings()
    houses = [house for house in world_houses(settings) if house.pool == MAIN]
    shots = [shot for house in houses for shot in house_shots(settings, house) if shot.pair.split == "test"]
    pictures = torch.stack([preprocess(Image.fromarray(take(settings, shot))) for shot in shots])
    images = F.normalize(model.encode_image(pictures), dim=-1)
    owners = torch.tensor([shot.house.index for shot in shots])
    result: dict[str, dict[str, float]] = {"pictures": {"count": len(shots)}}
    for name, query in QUERIES.items():
        texts = tokenizer([query(shot) for shot in shots])
        scores = F.normalize(model.encode_text(texts), dim=-1) @ images.T
        # pictures with equal scores are ranked before the right one
        rank = (scores >= scores.diagonal()[:, None]).sum(1) - 1
        of_house = (owners[scores.argmax(1)] == owners).float().mean()
        recalls = {f"R@{k}": round(100 * (rank < k).float().mean().item(), 1) for k in (1, 5, 10)}
        result[name] = recalls | {"house R@1": round(100 * of_house.item(), 1)}
    return result
