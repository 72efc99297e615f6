"""docs/training_settings.md, from the descriptions of the fields: `python -m model.settings_reference > FILE`."""

from pydantic import BaseModel

from field_reference import section
from model.settings.schema import (
    CheckpointSettings,
    DataSettings,
    DivergenceSettings,
    EvaluationSettings,
    GroupSettings,
    LockSettings,
    LogSettings,
    MethodSettings,
    OptimSettings,
    SplitSettings,
    TowerSettings,
    TrainSettings,
)

SECTIONS: dict[str, type[BaseModel]] = {
    "The settings": TrainSettings,
    "`towers`": TowerSettings,
    "`method`": MethodSettings,
    "`data`": DataSettings,
    "`data.splits`": SplitSettings,
    "`optim`": OptimSettings,
    "an item of `optim.groups`": GroupSettings,
    "`lock`": LockSettings,
    "`evaluation`": EvaluationSettings,
    "`checkpoint`": CheckpointSettings,
    "`log`": LogSettings,
    "`divergence`": DivergenceSettings,
}


_HEAD = """# Every field of the training settings

Made from the code by `python -m model.settings_reference`; a test compares. Unknown fields are refused, and relative
paths start at the file's own folder, those in `--set` at the working directory. [training.md](training.md) says more.
"""


def reference() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_HEAD, *(line for title, model in SECTIONS.items() for line in section(title, model))])


if __name__ == "__main__":
    print(reference(), end="")
