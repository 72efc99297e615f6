"""Makes what lies beside it, all in /tmp/entityclip-made. Runs at commit 8fdae99 only: its imports are that commit's.

In a checkout of that commit, with this file at the same place in it:

    python -m tests.data.made_at_8fdae99.make && cp -a /tmp/entityclip-made/. tests/data/made_at_8fdae99/

README.md says what is what.
"""

import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow.parquet as pq
import torch
import yaml
from PIL import Image, ImageDraw

from model.open_clip_import import open_clip
from model.settings_file import load_settings
from pipeline.engines.open_engine import engine_for
from pipeline.job import open_job
from tests.model import tiny_clip
from tests.support import killable_generation, killable_training
from tests.support.tiny_llama import WORDS, make_tiny_llama

ROOT = Path("/tmp/entityclip-made")
PAIRS = {"train": 30, "val": 12, "test": 12}
COLOURS = ["red", "green", "blue", "yellow", "purple", "orange", "white", "black"]
ANSWERS = 4  # that the interrupted generation has of its second bucket


def main() -> None:
    """All of it, in order; the program's own commands where there is one."""
    shutil.rmtree(ROOT, ignore_errors=True)
    make_pairs()
    make_llama()
    make_clip()
    write("tiny.yaml", manifest("explanations"))
    write("interrupted.yaml", manifest("interrupted"))
    write("train.yaml", training())
    recorded: dict[str, Any] = {}
    run("generate", "tiny.yaml")
    died = subprocess.run([sys.executable, "-m", "tests.data.made_at_8fdae99.make", "die"], check=False)
    assert died.returncode == -signal.SIGKILL, died.returncode
    run("pack", "explanations", "packed", "--size", "16")
    run("train", "train.yaml", "--out", "runs/finished")
    stop_a_training()
    run("evaluate", "runs/finished")
    run("index", "runs/finished", "index")
    run("export", "runs/finished", "exported")
    recorded["inspect"] = json.loads(run("inspect", "explanations", "--json"))
    queries = ["ba bo kan", "tor lu", "--image", "images/test-3.png"]
    recorded["search"] = json.loads(run("search", "index", *queries, "--top", "3", "--json"))
    recorded["exported"] = encode()
    (ROOT / "recorded.json").write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")
    leave_out()


def leave_out() -> None:
    """What is large and nothing reads, and the name of the machine."""
    finished = ROOT / "runs" / "finished"
    [last] = (finished / "state").glob("step-*/model.safetensors")
    last.rename(ROOT / "last.safetensors")
    shutil.rmtree(finished / "state")
    for run_folder in (ROOT / "runs").iterdir():
        shutil.rmtree(run_folder / "tensorboard")
        (run_folder / "learning_curves.png").unlink()
    for writer in (ROOT / "interrupted" / "_writers").iterdir():
        writer.write_text(writer.read_text().replace(platform.node(), "machine"))


def make_pairs() -> None:
    """Drawn pictures; captions of the LLM's words. One each is empty, too long for the LLM, without its picture."""
    rng = random.Random(8)
    (ROOT / "images").mkdir(parents=True)
    records = []
    for split, count in PAIRS.items():
        for number in range(count):
            name = f"{split}-{number}"
            field, figure = rng.sample(COLOURS, 2)
            picture = Image.new("RGB", (16, 16), field)
            left, top = rng.randrange(8), rng.randrange(8)
            ImageDraw.Draw(picture).rectangle(
                (left, top, left + rng.randrange(3, 8), top + rng.randrange(3, 8)), figure
            )
            picture.save(ROOT / "images" / f"{name}.png")
            caption = " ".join(rng.choices(WORDS[6:], k=rng.randint(2, 5)))
            record = {"id": name, "split": split, "image": f"{name}.png", "caption": caption}
            records.append(record | ({"topic": "even"} if number % 2 == 0 else {}))
    records[3]["caption"] = ""
    records[4]["caption"] = " ".join(WORDS[6:66])
    records[5]["image"] = "nowhere.png"
    records[-1]["caption"] = records[0]["caption"]  # one key for two splits
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (ROOT / "pairs.jsonl").write_text(lines, encoding="utf-8")


def make_llama() -> None:
    """The tests' Llama, narrower, so that it may be committed."""
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = make_tiny_llama(ROOT / "llama")
    config = LlamaConfig.from_pretrained(folder)
    config.hidden_size, config.intermediate_size, config.head_dim = 32, 32, 16
    torch.manual_seed(3)  # some of its texts end by themselves, some do not, some are empty
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)


def make_clip() -> None:
    """The tests' CLIP, narrower and shallower, that reads the LLM's words."""
    content = tiny_clip.config()
    vocabulary = ["<pad>", "<unk>", *WORDS[6:], "<begin>", "<end>"]
    content["model_cfg"]["embed_dim"] = 8
    content["model_cfg"]["vision_cfg"] |= {"width": 8, "layers": 1, "head_width": 8, "patch_size": 4}
    content["model_cfg"]["text_cfg"] |= {"width": 8, "layers": 1, "heads": 1, "vocab_size": len(vocabulary)}
    with mock.patch.multiple(tiny_clip, config=lambda: content, VOCABULARY=vocabulary):
        tiny_clip.make_tiny_clip(ROOT / "clip")


def manifest(output: str) -> dict[str, Any]:
    """A manifest over the pairs, all paths relative to it."""
    return {
        "name": "made",
        "dataset": {"kind": "jsonl", "root": "images", "file": "pairs.jsonl"},
        "generation": {
            "model": "llama",
            "prompt": "heraldry-v1",
            "max_model_len": 64,
            "sampling": {"temperature": 0, "max_tokens": 16},
            "engine": {"kind": "transformers", "batch_size": 4, "threads": 1},
            "judge": {"clip_tokenizer": "clip", "clip_context_length": 10},
        },
        "output": output,
        "num_shards": 2,
    }


def training() -> dict[str, Any]:
    """Settings with every part of the method on."""
    return {
        "towers": {"model": "local-dir:clip"},
        "method": {
            "image_experts": 2,
            "shared_experts": 1,
            "text_experts": 1,
            "bridge_weight": 0.1,
            "anchor_text_weight": 0.5,
            "anchor_image_weight": 0.1,
        },
        "data": {
            "explanations": "explanations",
            "image_root": "images",
            "statuses": ["ok", "truncated", "over_context"],
            "workers": 0,
        },
        "optim": {"steps": 12, "batch_size": 8, "lr": 1.0e-3, "new_lr": 1.0e-3},
        "evaluation": {"every": 4, "batch_size": 8},
        "checkpoint": {"every": 6, "keep": 1},
        "seed": 3,
        "threads": 1,
        "device": "cpu",
    }


def write(name: str, content: dict[str, Any]) -> None:
    """YAML into the folder."""
    (ROOT / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def run(*arguments: str) -> str:
    """Run a command of `entityclip` in the folder; what it prints."""
    command = [sys.executable, "-m", "flows.cli", *arguments]
    print("entityclip", *arguments, flush=True)
    prefect = {"PREFECT_HOME": f"{ROOT}-prefect", "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300"}
    environment = {**os.environ, **prefect, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def die() -> None:
    """Generate, and be killed in the middle of a line of the second bucket's spool."""
    path = ROOT / "interrupted.yaml"
    shards = (ROOT / "explanations").glob("split=*/part-00000-*.parquet")
    rows = [row for shard in shards for row in pq.read_table(shard, partitioning=None).to_pylist()]
    first_bucket = {row["key"] for row in rows if row["finish_reason"]}
    number = 1 + len(first_bucket) + 1 + ANSWERS + 1  # each bucket's spool begins with a line of its own
    with mock.patch.object(killable_generation, "LoggingEngine", lambda *_: engine_for(open_job(path))):
        killable_generation.generate_until(path, ROOT / "asked", killable_generation.Moment.MID_SPOOL, number)


def stop_a_training() -> None:
    """The run again, stopped by SIGTERM after its eighth step."""
    settings, out = load_settings(ROOT / "train.yaml", []), ROOT / "runs" / "unfinished"
    names = out.with_name("moments.txt")
    whole = out.with_name("whole")
    assert killable_training.run(settings, whole, names=names) == 0
    moment = names.read_text(encoding="utf-8").splitlines().index("after step 8")
    assert killable_training.run(settings, out, signal_at=moment, number=signal.SIGTERM) == 0
    shutil.rmtree(whole)
    names.unlink()


def encode() -> dict[str, Any]:
    """A text and a picture by the exported model, as open_clip loads it."""
    name = f"local-dir:{ROOT / 'exported'}"
    clip, _, transform = open_clip.create_model_and_transforms(name)
    tokens = open_clip.get_tokenizer(name)(["ba bo kan"])
    with torch.inference_mode():
        text = clip.eval().encode_text(tokens, normalize=True)[0]
        image = clip.encode_image(transform(Image.open(ROOT / "images" / "test-3.png")).unsqueeze(0), normalize=True)[0]
    return {"text": text.tolist(), "image": image.tolist()}


if __name__ == "__main__":
    die() if sys.argv[1:] == ["die"] else main()
