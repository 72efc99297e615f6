"""A real open_clip model folder of 60,000 parameters, made on the spot."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from model.clip.open_clip_import import open_clip

WORDS = ["red", "blue", "green", "square", "circle", "star", "on", "of", "house", "lord", "a", "with"]
NAMES = [f"name{i}" for i in range(60)]
VOCABULARY = ["<pad>", "<unk>", *WORDS, *NAMES, "<begin>", "<end>"]
CONTEXT_LENGTH, IMAGE_SIZE, WIDTH = 10, 16, 24


def config() -> dict[str, Any]:
    return {
        "model_cfg": {
            "embed_dim": WIDTH,
            "vision_cfg": {
                "image_size": IMAGE_SIZE,
                "patch_size": 8,
                "width": 32,
                "layers": 2,
                "head_width": 16,
            },
            "text_cfg": {
                "context_length": CONTEXT_LENGTH,
                "vocab_size": len(VOCABULARY),
                "hf_tokenizer_name": ".",
                "width": 32,
                "heads": 2,
                "layers": 2,
            },
        },
        "preprocess_cfg": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]},
    }


def make_tiny_clip(folder: Path, seed: int = 0) -> Path:
    folder.mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        clip = open_clip.CLIP(**config()["model_cfg"])
    save_file(clip.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps(config()))
    core = Tokenizer(WordLevel({word: i for i, word in enumerate(VOCABULARY)}, unk_token="<unk>"))
    core.pre_tokenizer = Whitespace()
    ends = [(word, VOCABULARY.index(word)) for word in ("<begin>", "<end>")]
    core.post_processor = TemplateProcessing(single="<begin> $A <end>", special_tokens=ends)
    PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", unk_token="<unk>", bos_token="<begin>", eos_token="<end>"
    ).save_pretrained(folder)
    return folder
