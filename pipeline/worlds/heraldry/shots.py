"""Plans the pictures of each house and their captions."""

from dataclasses import dataclass

from pipeline.pair import SPLITS, Pair
from pipeline.worlds.heraldry.captions import caption_for
from pipeline.worlds.heraldry.houses import MAIN, RARE, House, companions
from pipeline.worlds.heraldry.pools import SEVERAL, UNSEEN, ordinary_houses, pool_in
from pipeline.worlds.heraldry.render import Pixels, picture_of
from pipeline.worlds.heraldry.rng import generator
from pipeline.worlds.heraldry.settings import WorldSettings
from pipeline.worlds.heraldry.views import View, random_view


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture to render.

    Attributes:
        pair: id, split, image file and caption.
        house: the house that the caption names first.
        companions: the other houses shown, in the caption's order.
        view: the surroundings of the shields.
        copy: number of the picture among the house's pictures in the same split.
    """

    pair: Pair
    house: House
    companions: tuple[House, ...]
    view: View
    copy: int

    @property
    def houses(self) -> tuple[House, ...]:
        """Return all houses shown, in the caption's order."""
        return (self.house, *self.companions)

    @property
    def held_out(self) -> bool:
        """Return whether the picture belongs to validation or test."""
        return self.pair.split != "train"


def house_shots(settings: WorldSettings, house: House) -> list[Shot]:
    """Return all shots whose caption names `house` first, ordered by split, with distinct captions."""
    taken: set[str] = set()
    pool = pool_in(settings, house)
    shots: list[Shot] = []
    for split, copies in _plan(settings, house).items():
        for copy in range(copies):
            key = _key(split, house, copy)
            view = random_view(generator(settings.seed, "view", *key))
            rng = generator(settings.seed, "caption", *key)
            others: tuple[House, ...] = ()
            if pool == MAIN:  # only ordinary main houses share pictures, so results for the other pools stay separate
                companion_rng = generator(settings.seed, "companions", *key)
                others = companions(house, ordinary_houses(settings), settings.entities_max, companion_rng)
            caption = caption_for((house, *others), view, rng, held_out=split != "train", taken=taken)
            name = f"{split}-{house.index:03d}-{copy:03d}"
            topic = SEVERAL.get(1 + len(others), pool)
            shots.append(Shot(Pair(name, split, f"{split}/{name}.png", caption, topic), house, others, view, copy))
    return shots


def take(settings: WorldSettings, shot: Shot) -> Pixels:
    """Render a shot and return its RGB pixels, of shape (48, 48, 3) and type uint8."""
    key = _key(shot.pair.split, shot.house, shot.copy)
    # Shuffle the positions so that they do not reveal the caption's order.
    order = generator(settings.seed, "places", *key).permutation(len(shot.houses))
    shields = [shot.houses[place].arms for place in order]
    return picture_of(shields, shot.view, generator(settings.seed, "picture", *key), held_out=shot.held_out)


def _key(split: str, house: House, copy: int) -> tuple[int, int, int]:
    return SPLITS.index(split), house.index, copy


def _plan(settings: WorldSettings, house: House) -> dict[str, int]:
    if house.pool == RARE:
        fewest, most = settings.train_rare_min, settings.train_rare_max
    else:
        fewest, most = settings.train_main_min, settings.train_main_max
    train = int(generator(settings.seed, "train size", house.index).integers(fewest, most + 1))
    if pool_in(settings, house) == UNSEEN:
        train = 0
    return {"train": train, "val": settings.val_per_house, "test": settings.test_per_house}
