"""A picture that the LLM is shown is part of what the row asks: its bytes, not its path."""

from pathlib import Path
from urllib.request import url2pathname

import pytest

from entityclip.contract.status import Status
from pipeline.engines.vllm.requests import body_of
from pipeline.errors import PipelineError
from pipeline.generation.resume import divide
from pipeline.job import open_job
from pipeline.pair import Pair
from pipeline.plan.plan import PlannedPair, plan_pairs
from tests.support.dataset import write_manifest, write_pairs

VLLM = {"kind": "vllm"}


def _planned(manifest: Path, *images: str) -> list[PlannedPair]:
    pairs = [Pair(f"p{i}", "train", image, "ba be bi") for i, image in enumerate(images)]
    return list(plan_pairs(pairs, open_job(manifest)))


def test_bytes_decide_the_key_and_the_path_does_not(tmp_path: Path, tiny_llama: Path) -> None:
    write_pairs(tmp_path, 2)
    images = tmp_path / "images"
    (images / "deep er").mkdir()
    (images / "deep er" / "ü.png").write_bytes((images / "0.png").read_bytes())
    outside = tmp_path / "outside.png"
    outside.write_bytes((images / "0.png").read_bytes())
    (images / "link.png").symlink_to(outside)
    named = ("0.png", "deep er/ü.png", "1.png", "none.png", "../outside.png", "link.png")
    text_only = _planned(write_manifest(tmp_path, tiny_llama, generation__engine=VLLM), *named)
    assert len({one.key for one in text_only}) == 1

    manifest = write_manifest(tmp_path, tiny_llama, generation__engine=VLLM, generation__send_image=True)
    planned = _planned(manifest, *named)
    same, moved, other, missing, above, linked = [one.key for one in planned]
    assert same == moved
    assert missing == above == linked  # nothing outside the image root is read
    assert len({same, other, missing, text_only[0].key}) == 4

    job = open_job(manifest)
    work = divide(job, planned, [], [])
    statuses = [work.settled[("train", f"p{i}")].status for i in (3, 4, 5)]
    assert statuses == [Status.BAD_IMAGE] * 3
    urls = {request.key: request.image_url for request in work.requests}
    assert urls == {same: (images / "0.png").as_uri(), other: (images / "1.png").as_uri()}
    path, body = body_of(work.requests[:1], "m", job.manifest.generation.sampling)
    assert path == "/chat/completions"
    url = body["messages"][-1]["content"][-1]["image_url"]["url"]
    assert Path(url2pathname(url.removeprefix("file://"))).read_bytes() == (images / "0.png").read_bytes()

    (images / "0.png").write_bytes((images / "1.png").read_bytes())
    assert [one.key for one in _planned(manifest, "0.png", "1.png")] == [other, other]


def test_only_an_engine_that_can_see_is_shown_pictures(tmp_path: Path, tiny_llama: Path) -> None:
    manifest = write_manifest(tmp_path, tiny_llama, generation__send_image=True)
    with pytest.raises(PipelineError, match=r"send_image requires generation\.engine\.kind vllm"):
        open_job(manifest)
    manifest = write_manifest(tmp_path, tiny_llama, generation__send_image=True, generation__engine=VLLM)
    with pytest.raises(PipelineError, match=r"send_image requires .*kind vllm"):
        open_job(manifest, engine="transformers")
    manifest = write_manifest(
        tmp_path, tiny_llama, generation__send_image=True, generation__engine=VLLM, check_images=False
    )
    with pytest.raises(PipelineError, match="send_image requires check_images"):
        open_job(manifest)
