"""Names of the engines, in a module that is cheap to import, because the command line needs them at startup."""

from typing import Literal

EngineKind = Literal["transformers", "vllm"]
