"""Generation through a real vLLM server, as `make demo ENGINE=vllm` does it."""

from pathlib import Path

import psutil
import pytest
import yaml

from flows.demo import MANIFEST
from flows.generate import generate_explanations
from pipeline.engines.vllm.server import DEFAULT_PYTHON, VllmServer, installed_vllm
from pipeline.errors import PipelineError
from pipeline.llm import LanguageModel
from pipeline.manifest.generation import VllmEngine
from tests.support.dataset import write_manifest, write_pairs
from tests.support.generation import all_rows

MAX_TOKENS = 20  # between the shortest and the longest explanation, so that both finish reasons occur


def _vllm_processes() -> list[str]:
    """Of real servers: beside these tests others may run that start false ones."""
    found = []
    for process in psutil.process_iter(["cmdline", "name", "status"]):
        line = " ".join(process.info["cmdline"] or [process.info["name"] or ""])
        is_vllm = "VLLM::" in line or str(DEFAULT_PYTHON) in line
        if is_vllm and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(line)
    return found


@pytest.mark.slow
@pytest.mark.vllm
def test_a_few_hundred_rows_with_seeded_sampling(tmp_path: Path, prefect_server: None) -> None:
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    manifest["dataset"]["root"] = str(tmp_path / "world")
    manifest["generation"] |= {
        "model": str(MANIFEST.parent / "heraldry" / "llama"),
        "sampling": {"temperature": 0.7, "top_p": 0.95, "max_tokens": MAX_TOKENS, "seed": 3},
        "engine": {"kind": "vllm"},
    }
    manifest["generation"].pop("judge", None)  # its tokenizer is named relative to the demo's manifest
    manifest |= {"output": str(tmp_path / "explanations"), "num_shards": 2}
    path = tmp_path / "manifest.yaml"
    path.write_text(yaml.safe_dump(manifest))
    before = _vllm_processes()
    summary = generate_explanations(path, limit=400)

    assert _vllm_processes() == before  # none is left
    rows = all_rows(tmp_path / "explanations")
    assert summary.generated == summary.rows == len(rows) == 400
    assert summary.engine is not None and summary.engine.startswith("vllm 0.")
    assert {row.status for row in rows.values()} == {"ok", "truncated"}
    for row in rows.values():
        assert row.finish_reason == {"ok": "stop", "truncated": "length"}[row.status]
        assert row.raw_text and row.explanation and row.completion_tokens and row.prompt_tokens
        # word-level tokens: the text's words, and the end token where it was reached
        assert row.completion_tokens == len(row.explanation.split()) + (row.finish_reason == "stop")
        assert (row.completion_tokens == MAX_TOKENS) or row.finish_reason == "stop"
        template_tokens = row.prompt_tokens - len(row.caption.split())
        assert 0 < template_tokens < 30
    assert len({row.prompt_tokens - len(row.caption.split()) for row in rows.values()}) == 1

    victim = next((tmp_path / "explanations").glob("split=*/*.parquet"))
    victim.unlink()
    generate_explanations(path, limit=400)
    assert {i: row.raw_text for i, row in all_rows(tmp_path / "explanations").items()} == {
        i: row.raw_text for i, row in rows.items()
    }, "seeded sampling gives the same texts again"
    assert _vllm_processes() == before


@pytest.mark.slow
@pytest.mark.vllm
def test_a_server_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "llama", "architectures": ["NoSuchModel"]}')
    model = LanguageModel("broken", "1", str(tmp_path / "model"), is_local=True)
    before = _vllm_processes()
    server = VllmServer(model, 64, VllmEngine(), DEFAULT_PYTHON, tmp_path / "vllm.log")
    with (
        pytest.raises(PipelineError, match=r"(?s)vLLM exited before it became healthy; the end of its log .*vllm\.log"),
        server,
    ):
        pass
    assert _vllm_processes() == before


def test_a_missing_vllm_is_named(tmp_path: Path, tiny_llama: Path, prefect_server: None) -> None:
    with pytest.raises(PipelineError, match=r"no vLLM environment at .*; run `make vllm-env`"):
        installed_vllm(tmp_path / "bin" / "python")
    write_pairs(tmp_path, 2)
    url = "http://127.0.0.1:9/v1"
    manifest = write_manifest(tmp_path, tiny_llama, generation__engine={"kind": "vllm", "urls": [url]})
    with pytest.raises(PipelineError, match=r"generation\.engine\.urls: no vLLM server answers at"):
        generate_explanations(manifest)
