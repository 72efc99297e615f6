"""The in-process engine: a Hugging Face causal LM, for small models, laptops and tests."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Self

from entityclip.contract.torchvision_cpu import make_torchvision_importable
from pipeline.engines.base import Completion, Request
from pipeline.engines.storable import storable
from pipeline.llm import LanguageModel
from pipeline.manifest.generation import Sampling, TransformersEngine
from pipeline.weights import load_model

if TYPE_CHECKING:
    import torch


class TransformersGeneration:
    """Generates in batches, starting with the longest prompts, to reduce padding and reach peak memory use early."""

    name = "transformers"
    restarts = 0

    def __init__(self, model: LanguageModel, sampling: Sampling, settings: TransformersEngine) -> None:
        make_torchvision_importable()
        import transformers  # takes seconds to import

        transformers.utils.logging.disable_progress_bar()  # we show our own progress bar
        self.version = transformers.__version__
        self._model = model
        self._sampling = sampling
        self._settings = settings
        self._loaded: Any = None

    def __enter__(self) -> Self:
        import torch

        if self._settings.threads is not None:
            torch.set_num_threads(self._settings.threads)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        loaded = load_model(self._model, self._settings.dtype)
        self._loaded = loaded.to(device).eval()
        return self

    def __exit__(self, *exc: object) -> None:
        self._loaded = None

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """Answer the requests; see `Engine.complete`."""
        longest_first = sorted(requests, key=lambda r: (r.max_tokens, r.prompt_tokens), reverse=True)
        for _, same_budget in groupby(longest_first, key=lambda r: r.max_tokens):
            waiting = list(same_budget)
            for start in range(0, len(waiting), self._settings.batch_size):
                with self._model.lock:  # buckets run in several threads; the model handles one batch at a time
                    completions = self._complete_batch(waiting[start : start + self._settings.batch_size])
                yield from completions

    def _complete_batch(self, batch: list[Request]) -> list[Completion]:
        import torch
        from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

        tokenizer = self._model.tokenizer
        pad = _pad_of(tokenizer, self._loaded)
        longest = max(r.prompt_tokens for r in batch)
        inputs = torch.tensor([[pad] * (longest - r.prompt_tokens) + r.prompt_token_ids for r in batch])  # left-padded
        lengths = torch.tensor([[r.prompt_tokens] for r in batch])
        attention_mask = (torch.arange(longest) >= longest - lengths).long()  # (B, longest)
        sampling = self._sampling
        processors = [_SeededSampling(sampling, [r.seed for r in batch])] if sampling.temperature > 0 else []
        stopping = [_StopTexts(sampling.stop, tokenizer, longest)] if sampling.stop else []
        stops = self._loaded.generation_config.eos_token_id
        # A fresh config: the model's own may set penalties or a temperature that are not in the manifest.
        config = GenerationConfig(
            max_new_tokens=batch[0].max_tokens,
            do_sample=False,  # sampling, if any, is done by the processor, seeded per row
            eos_token_id=stops,
            pad_token_id=pad,
        )
        with torch.inference_mode():
            output = self._loaded.generate(
                input_ids=inputs.to(self._loaded.device),
                attention_mask=attention_mask.to(self._loaded.device),
                generation_config=config,
                logits_processor=LogitsProcessorList(processors),
                stopping_criteria=StoppingCriteriaList(stopping),
            )
        stop_ids = set(stops if isinstance(stops, list) else [stops])
        answers = output[:, longest:].tolist()
        return [self._completion(request, ids, stop_ids) for request, ids in zip(batch, answers, strict=True)]

    def _completion(self, request: Request, ids: list[int], stop_ids: set[int]) -> Completion:
        end = next((i for i, token in enumerate(ids) if token in stop_ids), None)
        answer = ids if end is None else ids[:end]
        finish_reason = "length" if end is None else "stop"
        tokens = len(answer) + (end is not None)  # the stop token counts, as in vLLM
        stop = self._sampling.stop
        decode = partial(self._model.tokenizer.decode, skip_special_tokens=True)
        text = decode(answer)
        if _first_stop(text, stop) is not None:
            tokens = bisect_left(
                range(len(answer) + 1), True, key=lambda length: _first_stop(decode(answer[:length]), stop) is not None
            )  # the fewest tokens that contain a stop text
            text = decode(answer[:tokens])
            text, finish_reason = text[: _first_stop(text, stop)], "stop"
        return storable(Completion(request.key, text, finish_reason, request.prompt_tokens, tokens))


def _pad_of(tokenizer: Any, model: Any) -> int:
    """Return a token to pad with; its embedding is read but ignored, so any that the model has will do."""
    pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    return pad if pad is not None and pad < model.get_input_embeddings().num_embeddings else 0


def _first_stop(text: str, stop: tuple[str, ...]) -> int | None:
    """Return the position of the first stop text found, or None if there is none."""
    return min((at for one in stop if (at := text.find(one)) >= 0), default=None)


class _StopTexts:
    """Stopping criterion that ends a row once its answer contains a stop text.

    The `stop_strings` of transformers would also match a stop text that begins at the end of the prompt.
    """

    def __init__(self, stop: tuple[str, ...], tokenizer: Any, prompt_length: int) -> None:
        self._stop = stop
        self._tokenizer = tokenizer
        self._prompt_length = prompt_length
        self._tail = 4 * max(map(len, stop)) + 4  # tokens: at worst one per byte, four bytes per character

    def __call__(self, input_ids: "torch.Tensor", scores: "torch.Tensor", **_: object) -> "torch.Tensor":
        """Return a boolean mask of shape (B,) that is True for the rows that are done."""
        import torch

        answers = input_ids[:, self._prompt_length :][:, -self._tail :]
        texts = self._tokenizer.batch_decode(answers, skip_special_tokens=True)
        done = [_first_stop(text, self._stop) is not None for text in texts]
        return torch.tensor(done, device=input_ids.device)


class _SeededSampling:
    """Temperature and nucleus sampling with one generator per row, by the Gumbel-max trick.

    The argmax of logits plus Gumbel noise is a sample from the softmax of the logits, so greedy decoding after
    this processor amounts to sampling. A row's text does not depend on the other rows in its batch.
    """

    def __init__(self, sampling: Sampling, seeds: list[int]) -> None:
        import torch

        self._temperature = sampling.temperature
        self._top_p = sampling.top_p
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: "torch.Tensor", scores: "torch.Tensor") -> "torch.Tensor":
        """Return perturbed scores of shape (B, vocabulary), which are -inf for tokens outside the nucleus."""
        import torch

        logits = scores.float() / self._temperature
        if self._top_p < 1:
            ordered, order = logits.softmax(-1).sort(dim=-1, descending=True)
            outside = ordered.cumsum(-1) - ordered >= self._top_p  # the most probable token always stays
            logits = logits.masked_fill(outside.scatter(-1, order, outside), float("-inf"))
        noise = torch.stack([torch.rand(logits.shape[1], generator=g) for g in self._generators])
        gumbel = -(-noise.clamp(1e-20, 1 - 1e-7).log()).log()
        return logits + gumbel.to(logits.device)
