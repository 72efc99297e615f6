"""docs/manifest.md, from the descriptions of the fields: `python -m pipeline.manifest_reference > docs/manifest.md`."""

from pydantic import BaseModel

from field_reference import section
from pipeline.manifest.datasets import (
    Columns,
    CsvDataset,
    FolderDataset,
    GoodNewsDataset,
    HeraldryDataset,
    HuggingFaceDataset,
    JsonlDataset,
    N24NewsDataset,
    ParquetDataset,
    VisualNewsDataset,
    WebDataset,
)
from pipeline.manifest.manifest import Generation, Judging, Manifest, Sampling, TransformersEngine, VllmEngine
from pipeline.prompts.template import PromptExample, PromptTemplate
from pipeline.worlds.heraldry.settings import WorldSettings

SECTIONS: dict[str, type[BaseModel]] = {
    "The manifest": Manifest,
    "`dataset`, kind `jsonl`": JsonlDataset,
    "`dataset`, kind `csv` or `tsv`": CsvDataset,
    "`dataset`, kind `parquet`": ParquetDataset,
    "`dataset`, kind `folder`": FolderDataset,
    "`dataset`, kind `webdataset`": WebDataset,
    "`dataset`, kind `huggingface`": HuggingFaceDataset,
    "`dataset.columns`": Columns,
    "`dataset`, kind `n24news`": N24NewsDataset,
    "`dataset`, kind `visualnews`": VisualNewsDataset,
    "`dataset`, kind `goodnews`": GoodNewsDataset,
    "`dataset`, kind `heraldry`": HeraldryDataset,
    "`dataset.world`": WorldSettings,
    "`generation`": Generation,
    "`generation.sampling`": Sampling,
    "`generation.engine`, kind `transformers`": TransformersEngine,
    "`generation.engine`, kind `vllm`": VllmEngine,
    "`generation.judge`": Judging,
    "A prompt template's file": PromptTemplate,
    "`examples` of a prompt template": PromptExample,
}
_HEAD = """# Every field of a manifest

Made from the code by `python -m pipeline.manifest_reference`; a test compares. Unknown fields are refused, and relative
paths start at the manifest's own folder. [your_data.md](your_data.md) says more about your own data,
[vllm.md](vllm.md) about servers, [prompts.md](prompts.md) about templates.
"""


def reference() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_HEAD, *(line for title, model in SECTIONS.items() for line in section(title, model))])


if __name__ == "__main__":
    print(reference(), end="")
