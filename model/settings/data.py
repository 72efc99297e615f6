"""Settings of the data."""

from pathlib import Path

from pydantic import Field, field_validator

from entityclip.contract.locations import has_credentials, is_url
from entityclip.contract.status import ExplainedStatus
from model.settings.section import Section


class SplitSettings(Section):
    """Names of the splits in the explanation folder."""

    train: str = Field(default="train", description="split to train on")
    val: str | None = Field(default="val", description="split for choosing the checkpoint; null: keep the last weights")
    test: str = Field(default="test", description="split to evaluate at the end")


class DataSettings(Section):
    """Location of the triples, and how they are loaded."""

    explanations: Path | str = Field(
        description="folder of explanation shards written by `entityclip generate`, or a URL; shards at a URL are "
        "first copied to this machine"
    )
    image_root: Path | None = Field(default=None, description="folder of the images; null: as recorded in the shards")
    splits: SplitSettings = Field(default_factory=SplitSettings)
    statuses: tuple[ExplainedStatus, ...] = Field(
        default=("ok", "over_context"),
        min_length=1,
        description="statuses of the rows to train on; over_context: a valid explanation that is longer than CLIP's "
        "context; entity_missing: in most cases, an explanation of something else; rows with any other status "
        "are not used at all, not even their image and caption",
    )
    allow_partial: bool = Field(
        default=False, description="train even if explanations are incomplete; the run's records list what is missing"
    )
    wrong_explanations: bool = Field(
        default=False,
        description="control: give every training row the explanation of another row, with different text",
    )
    cache_mib: int = Field(
        default=1024,
        ge=0,
        description="maximum memory in MiB for a split's preprocessed images; a split that fits is decoded only once",
    )
    workers: int | None = Field(
        default=None,
        ge=0,
        description="number of processes that decode images; null: one per core, at most 16; 0: decode in the "
        "training process; the setting affects speed, not results",
    )
    max_bad_images: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="maximum share of a split's rows with an unusable image, rounded up; the run stops if there are "
        "more; rows with status bad_image do not count",
    )

    @field_validator("explanations", mode="after")
    @classmethod
    def _folder_or_url(cls, location: Path | str) -> Path | str:
        """Keep a URL as a string: pathlib would merge its two slashes."""
        if not is_url(str(location)):
            return Path(location)
        if has_credentials(str(location)):
            raise ValueError("the URL contains credentials; set them in the environment instead")
        return str(location)
