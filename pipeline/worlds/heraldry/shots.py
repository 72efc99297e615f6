"""Which pictures of a house a world has, and their captions."""

from dataclasses import dataclass

from pipeline.pair import Pair
from pipeline.worlds.heraldry.captions import caption_for
from pipeline.worlds.heraldry.houses import MAIN, RARE, House, houses_of
from pipeline.worlds.heraldry.render import Pixels, picture_of
from pipeline.worlds.heraldry.seeds import generator
from pipeline.worlds.heraldry.settings import WorldSettings
from pipeline.worlds.heraldry.views import View, random_view

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture to be taken.

    Attributes:
        pair: its id, split, file and caption.
        house: whose shield it shows.
        view: what is around the shield.
        copy: its number among the house's pictures of this split.
    """

    pair: Pair
    house: House
    view: View
    copy: int

    @property
    def held_out(self) -> bool:
        """Whether it is for validation or test."""
        return self.pair.split != "train"


def world_houses(settings: WorldSettings) -> tuple[House, ...]:
    """The houses of a world, main ones first."""
    main, rare = (houses_of(pool, settings.edition) for pool in (MAIN, RARE))
    return main[: settings.main_houses] + rare[: settings.rare_houses]


def house_shots(settings: WorldSettings, house: House) -> list[Shot]:
    """All shots of one house by split; no caption comes twice."""
    taken: set[str] = set()
    shots: list[Shot] = []
    for split, copies in _plan(settings, house).items():
        for copy in range(copies):
            key = _key(split, house, copy)
            view = random_view(generator(settings.seed, "view", *key))
            rng = generator(settings.seed, "caption", *key)
            caption = caption_for(house, view, rng, held_out=split != "train", taken=taken)
            name = f"{split}-{house.index:03d}-{copy:03d}"
            shots.append(Shot(Pair(name, split, f"{split}/{name}.png", caption, house.pool), house, view, copy))
    return shots


def take(settings: WorldSettings, shot: Shot) -> Pixels:
    """The picture itself, RGB [48 x 48 x 3], uint8."""
    rng = generator(settings.seed, "picture", *_key(shot.pair.split, shot.house, shot.copy))
    return picture_of(shot.house.arms, shot.view, rng, held_out=shot.held_out)


def _key(split: str, house: House, copy: int) -> tuple[int, int, int]:
    return SPLITS.index(split), house.index, copy


def _plan(settings: WorldSettings, house: House) -> dict[str, int]:
    """How many pictures of a house each split has."""
    if house.pool == RARE:
        fewest, most = settings.train_rare_min, settings.train_rare_max
    else:
        fewest, most = settings.train_main_min, settings.train_main_max
    train = int(generator(settings.seed, "train size", house.index).integers(fewest, most + 1))
    return {"train": train, "val": settings.val_per_house, "test": settings.test_per_house}
