"""Engines by name. The command line needs it at its start, so it is apart from the engines' fields, and light."""

from typing import Literal

EngineKind = Literal["transformers", "vllm"]
