"""Settings of the data."""

from pathlib import Path

from pydantic import Field, field_validator

from entityclip.contract.locations import has_credentials, is_url
from entityclip.contract.status import ExplainedStatus
from model.settings.section import Section


class SplitSettings(Section):
    """Names of the splits in the explanation folder."""

    train: str = Field(default="train", description="trained on")
    val: str | None = Field(default="val", description="selects the checkpoint; null: the last step")
    test: str = Field(default="test", description="evaluated at the end")


class DataSettings(Section):
    """Where the triples are."""

    explanations: Path | str = Field(
        description="folder of explanation shards, as written by `entityclip generate`, or a URL whose shards are "
        "copied to this machine"
    )
    image_root: Path | None = Field(default=None, description="overrides the image root recorded in the shards")
    splits: SplitSettings = Field(default_factory=SplitSettings)
    statuses: tuple[ExplainedStatus, ...] = Field(
        default=("ok", "over_context"),
        min_length=1,
        description="train on rows with one of these statuses; over_context is a good explanation whose tail CLIP "
        "does not read, entity_missing most often explains something else. A row that is not used is left out with its "
        "image and caption",
    )
    allow_partial: bool = Field(
        default=False, description="accept incomplete explanations; the run's records list what is missing"
    )
    wrong_explanations: bool = Field(
        default=False, description="a control: every training row gets another row's explanation, with a different text"
    )
    cache_mib: int = Field(
        default=1024,
        ge=0,
        description="a split whose preprocessed images fit in this size is decoded once, at the start",
    )
    workers: int | None = Field(
        default=None,
        ge=0,
        description="processes that decode images ahead of the training loop; null: one per core, at most 16; 0: the "
        "training process decodes. Affects speed, not results",
    )
    max_bad_images: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="share of a split's rows, rounded up, whose image may be unusable before the run stops; rows with "
        "status bad_image do not count",
    )

    @field_validator("explanations", mode="after")
    @classmethod
    def _folder_or_url(cls, location: Path | str) -> Path | str:
        """Keep a URL as a string: pathlib would merge its two slashes."""
        if not is_url(str(location)):
            return Path(location)
        if has_credentials(str(location)):
            raise ValueError("the URL holds credentials; set them in the environment instead")
        return str(location)
