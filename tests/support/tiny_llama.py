"""A Llama with random weights and a chat template, small enough to make on the spot."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from entityclip.contract.torchvision_cpu import make_torchvision_importable

make_torchvision_importable()
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # noqa: E402

WORDS = ["<pad>", "<unk>", "<s>", "</s>", "<user>", "<assistant>"] + [
    f"{a}{b}" for a in "bcdfghklmnprst" for b in ("a", "e", "i", "o", "u", "an", "or")
]
CHAT_TEMPLATE = (
    "<s>{% for message in messages %}<user> {{ message['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def make_tiny_llama(folder: Path, *, seed: int = 0, max_position_embeddings: int = 256) -> Path:
    """Write model, tokenizer and chat template to `folder`, in Hugging Face's layout."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=128,
        intermediate_size=128,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=max_position_embeddings,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
        tie_word_embeddings=False,
        initializer_range=0.6,  # sharp enough that texts differ and some of them end
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return folder
