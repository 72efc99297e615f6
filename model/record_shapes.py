"""The shapes of the records in a run folder: the fields that are read, and their types.

Records are checked when they are read, so that a damaged one is named, and so is its field. They may have more fields.
"""

from typing import Annotated, Any, NotRequired

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from entityclip.contract.own_json import Count

Number = Annotated[float, Field(strict=True)]
_Digests = dict[str, str]


class _Towers(TypedDict):
    model: str


class _Use(TypedDict, total=False):
    """The rows that a run used for training or validation."""

    split: str | None
    shards: _Digests
    used: dict[str, Count]
    statuses: dict[str, Count]
    made_by: list[dict[str, Any]]
    gaps: list[str]


class _Origin(TypedDict):
    settings: dict[str, Any]
    versions: dict[str, Any]
    data: dict[str, _Use]


class _TrainedWith(TypedDict, total=False):
    settings: dict[str, Any]
    versions: dict[str, Any]
    data: dict[str, _Use]


_CardDigests = TypedDict("_CardDigests", {"model.safetensors": str, "towers.safetensors": str})
_StateDigests = TypedDict(
    "_StateDigests", {"model.safetensors": str, "optimizer.safetensors": str, "random.safetensors": str}
)


class _Intervals(TypedDict, total=False):
    mean_recall: Annotated[list[Number], Field(min_length=2, max_length=2)]


class _Retrieval(TypedDict, total=False):
    """Metrics of a split; older versions have fewer."""

    gallery: Count
    queries: Count
    mean_recall: Number
    image_to_text: dict[str, Number]
    text_to_image: dict[str, Number]
    intervals: _Intervals | None


class _MoreOfCard(TypedDict, total=False):
    validation: _Retrieval | None
    origin: dict[str, Any] | None
    began_from: _Towers | None
    trained_with: _TrainedWith | None


class _Card(_MoreOfCard):
    step: Count
    towers: _Towers
    sha256: _CardDigests
    method: dict[str, Any]


class _ShownCard(_MoreOfCard, total=False):
    """What is shown of a card, whether a model can be loaded with it or not."""

    step: Count
    sha256: _Digests
    method: dict[str, Any]


class _Position(TypedDict):
    step: Count
    batches: Count
    validated: Annotated[bool, Field(strict=True)]
    best_step: Count
    best: _Retrieval | None
    samples: Count
    step_seconds: Number
    seconds: Number


class _Random(TypedDict):
    python: tuple[Count, list[Count], Number | None]
    numpy: tuple[str, list[Count], Count, Count, Number]


class _State(TypedDict):
    position: _Position
    failures: dict[str, dict[str, str]]
    rows: dict[str, Count]
    origin: _Origin
    random: _Random
    sha256: _StateDigests
    anchors: NotRequired[str | None]


class _Record(TypedDict, total=False):
    steps: Count
    best_step: Count
    best_mean_recall: Number | None
    seconds: Number
    samples_per_second: Number
    settings: dict[str, Any]
    versions: dict[str, Any]
    data: dict[str, _Use]


class _Data(TypedDict, total=False):
    explanations: str
    image_root: str | None
    splits: dict[str, Any]


class _Optim(TypedDict, total=False):
    epochs: Number | None


class _Settings(TypedDict, total=False):
    """What is shown of a run's settings; those that are used are checked by `model.settings.load`."""

    data: _Data
    optim: _Optim
    towers: dict[str, Any]
    method: dict[str, Any]


class _Reader(TypedDict):
    sha256: str
    alpha: NotRequired[Number | None]
    alpha_chosen: NotRequired[str | None]
    low_agreement: NotRequired[Number | None]


class _IndexReader(_Reader):
    towers: _Towers
    in_export: NotRequired[bool]


class _Way(TypedDict):
    alpha: NotRequired[Number | None]
    model_sha256: NotRequired[str]


class _Index(TypedDict):
    images: Count
    width: Count
    model: str
    model_from_here: str
    model_sha256: str
    reader: NotRequired[_IndexReader | None]
    no_reader: NotRequired[str | None]
    ways: NotRequired[dict[str, _Way]]
    explanations: str
    splits: dict[str, Any]


class _Export(TypedDict, total=False):
    reader: _Reader | None


class _Alphas(TypedDict, total=False):
    towers: Number


class _Explained(TypedDict, total=False):
    alpha: _Alphas
    alpha_chosen: Any
    low_agreement: NotRequired[Number | None]
    towers_sha256: str
    reader_sha256: str


class _Part(TypedDict):
    """Metrics of a topic or of a bucket of entity frequency."""

    queries: Count
    mean_recall: Number
    image_to_text: NotRequired[dict[str, Number]]
    text_to_image: NotRequired[dict[str, Number]]
    intervals: NotRequired[_Intervals | None]


class _Measured(_Retrieval, total=False):
    chance: dict[str, Any]
    by_topic: dict[str, _Part]
    by_entity_frequency: dict[str, _Part]
    shards: _Digests


class _Metrics(TypedDict, total=False):
    splits: dict[str, _Measured]
    towers_sha256: str


class _Line(TypedDict):
    step: Count
    kind: str


class _Losses(TypedDict):
    total: Number


class _StepLine(_Line):
    losses: dict[str, Number]
    report: dict[str, Number]
    lr: dict[str, Number]


class _ValidationLine(_Line):
    metrics: dict[str, Any]


CARD = TypeAdapter(_Card)
SHOWN_CARD = TypeAdapter(_ShownCard)
SETTINGS = TypeAdapter(_Settings)
STATE = TypeAdapter(_State)
RECORD = TypeAdapter(_Record)
INDEX = TypeAdapter(_Index)
EXPORT = TypeAdapter(_Export)
EXPLAINED = TypeAdapter(_Explained)
METRICS = TypeAdapter(_Metrics)
IDS = TypeAdapter(list[str])
LINE = TypeAdapter(_Line)
LINES: dict[str, TypeAdapter[Any]] = {"step": TypeAdapter(_StepLine), "validation": TypeAdapter(_ValidationLine)}
