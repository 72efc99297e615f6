"""A manifest whose vLLM server is the fake, started by the flow as a real one is, and slow enough to be interrupted."""

import sys
from pathlib import Path
from typing import Any

from tests.support.dataset import write_manifest, write_pairs

ROOT = Path(__file__).parents[2]
_PROGRAM = """#!{python}
import os, sys
if sys.argv[1] == "-c":  # which vllm is installed?
    print('[["vllm", "0.32.0"]]')
    sys.exit()
given = dict(zip(sys.argv, sys.argv[1:]))
os.environ["PYTHONPATH"] = {root!r}
fake = {root!r} + "/tests/support/fake_vllm_process.py"
os.execv({python!r}, [{python!r}, fake, given["--port"], given["--served-model-name"], "{seconds}", {hold!r}])
"""


def write_slow_dataset(folder: Path, llama: Path, name: str, pairs: int, *, seconds: float, **changes: Any) -> Path:
    """Write pairs and a manifest; eight prompts are answered together, `seconds` later, none while `hold` exists."""
    folder.mkdir(parents=True)
    write_pairs(folder, pairs)
    python = folder / "python"
    words = {"python": sys.executable, "root": str(ROOT), "seconds": seconds, "hold": str(folder / "hold")}
    python.write_text(_PROGRAM.format(**words), encoding="utf-8")
    python.chmod(0o755)
    engine = {"kind": "vllm", "python": "python", "concurrency": 8, "prompts_per_request": 1}
    judge = {"min_entities_share": 0.0, "clip_tokenizer": str(ROOT / "data_manifests" / "heraldry" / "clip")}
    return write_manifest(folder, llama, name=name, generation__engine=engine, generation__judge=judge, **changes)
