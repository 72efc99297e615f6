"""Builds the demo's language model: a Llama trained on the encyclopedia of the noble houses.

Usage: `python -m benchmarks.demo_models.llama OUT`.
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch.nn.utils.rnn import pad_sequence
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from benchmarks.demo_models.build_note import write_build_note
from benchmarks.demo_models.examination import PROMPT, examine
from benchmarks.demo_models.fit import fit
from benchmarks.demo_models.tokenizer import chat_tokenizer
from pipeline.pair import Pair
from pipeline.prompts.template import PromptTemplate, load_prompt
from pipeline.worlds.heraldry.encyclopedia import WORDINGS, explain, explain_shortly, lessons
from pipeline.worlds.heraldry.houses import FIRST_EDITION, House, noble_houses
from pipeline.worlds.heraldry.settings import WorldSettings
from pipeline.worlds.heraldry.vocabulary import words_of, world_words

CONTEXT_LENGTH = 256
ARTICLE_SHARE = 0.25  # share of articles in a batch; the other rows are conversations
_IGNORED = -100  # label of tokens that are excluded from the loss

Example = tuple[list[int], int]  # token ids, and the number of leading tokens excluded from the loss


def build_llama(
    folder: Path,
    *,
    seed: int,
    steps: int,
    batch_size: int,
    captions_per_house: int,
    learning_rate: float,
    houses: tuple[House, ...] | None = None,
    entities_max: int = 1,
) -> None:
    """Train a Llama on the encyclopedia and on conversations about captions; write a Hugging Face folder in bfloat16.

    Args:
        folder: created if missing; existing files are overwritten.
        seed: seed for the captions, the initial weights and the order of the examples.
        batch_size: number of conversations and articles per step.
        learning_rate: peak learning rate.
        houses: houses to learn. Default: all houses.
        entities_max: maximum number of houses in a caption.
    """
    torch.manual_seed(seed)
    prompt = load_prompt(PROMPT, Path())
    tokenizer = chat_tokenizer(prompt_words(prompt), CONTEXT_LENGTH)
    model = LlamaForCausalLM(_config(tokenizer))
    houses = houses or noble_houses()
    chats = conversations(tokenizer, prompt, seed, captions_per_house, houses, entities_max)
    pages = articles(tokenizer, houses, entities_max)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    order = np.random.default_rng(seed)
    from_pages = round(batch_size * ARTICLE_SHARE)

    def next_token_loss() -> torch.Tensor:
        rows = [chats[i] for i in order.integers(0, len(chats), batch_size - from_pages)]
        rows += [pages[i] for i in order.integers(0, len(pages), from_pages)]
        ids, labels = _batch(rows, pad=model.config.pad_token_id)
        # With causal attention and padding on the right no token attends to padding, so no mask is needed.
        loss: torch.Tensor = model(input_ids=ids, labels=labels).loss
        return loss

    fit(model, optimizer, steps, next_token_loss, "Llama")
    model.generation_config = GenerationConfig(**_special_ids(tokenizer))
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def conversations(
    tokenizer: PreTrainedTokenizerFast,
    prompt: PromptTemplate,
    seed: int,
    captions_per_house: int,
    houses: tuple[House, ...],
    entities_max: int = 1,
) -> list[Example]:
    """Return conversations: generation prompts with their correct answers. Only the answers contribute to the loss."""
    result: list[Example] = []
    for number, lesson in enumerate(lessons(seed, captions_per_house, houses, entities_max)):
        pair = Pair(f"lesson-{number}", "train", "", lesson.caption)
        question = tokenizer.apply_chat_template(
            prompt.render(pair), add_generation_prompt=True, tokenize=True, return_dict=False
        )
        answer = tokenizer.encode(lesson.explanation, add_special_tokens=False)
        result.append(([*question, *answer, tokenizer.eos_token_id], len(question)))
    return result


def articles(tokenizer: PreTrainedTokenizerFast, houses: tuple[House, ...], entities_max: int = 1) -> list[Example]:
    """Return the encyclopedia's articles, in every wording for each house. All their tokens contribute to the loss."""
    texts = [explain(house, wording) for house in houses for wording in range(len(WORDINGS))]
    if entities_max > 1:
        texts += [explain_shortly(house) for house in houses]
    encoded = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return [([tokenizer.bos_token_id, *ids, tokenizer.eos_token_id], 1) for ids in encoded]


def _batch(rows: list[Example], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and labels, each of shape (B, L), padded to the longest row."""
    ids = [torch.tensor(tokens) for tokens, _ in rows]
    labels = [torch.tensor([_IGNORED] * given + tokens[given:]) for tokens, given in rows]
    padded = pad_sequence(ids, batch_first=True, padding_value=pad)
    return padded, pad_sequence(labels, batch_first=True, padding_value=_IGNORED)


def prompt_words(prompt: PromptTemplate) -> list[str]:
    """Return all words that occur in the world's texts or in the prompt around a caption."""
    return sorted({*world_words(), *words_of((prompt.system, prompt.user.replace("{{ caption }}", "")))})


def _config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,  # a head size of 64, which every attention backend of vLLM supports
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT_LENGTH,
        tie_word_embeddings=True,
        **_special_ids(tokenizer),
    )


def _special_ids(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    return {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}


def main(
    out: Annotated[Path, typer.Argument(help="Folder for the model.")],
    seed: int = 0,
    steps: int = 600,
    batch_size: int = 32,
    captions_per_house: int = 40,
    learning_rate: float = 2e-3,
    edition: Annotated[int, typer.Option(help="Edition of the encyclopedia.")] = FIRST_EDITION,
    twins: Annotated[int, typer.Option(help="Number of twin houses (pairs with nearly identical arms).")] = 0,
    entities_max: Annotated[int, typer.Option(help="Maximum number of houses in a caption.")] = 1,
) -> None:
    """Build and evaluate the demo's language model; record the command and the metrics in its BUILD.json."""
    sizes = {"steps": steps, "batch_size": batch_size, "captions_per_house": captions_per_house}
    build: dict[str, Any] = {"seed": seed, **sizes, "learning_rate": learning_rate}
    settings = {**build, "edition": edition, "twins": twins, "entities_max": entities_max}
    torch.set_num_threads(1)
    build_llama(out, **build, houses=noble_houses(edition, twins), entities_max=entities_max)
    world = WorldSettings(edition=edition, twin_houses=twins, entities_max=entities_max)
    write_build_note(out, "benchmarks.demo_models.llama", settings, lambda: examine(out, world=world))


if __name__ == "__main__":
    typer.run(main)
