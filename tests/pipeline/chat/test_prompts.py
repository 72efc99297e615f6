"""What arrives in a prompt is what went in: every message, and the text of data as text."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from entityclip.contract.status import Status
from pipeline.chat.markup import BREAK
from pipeline.chat.prompts import Prompts
from pipeline.errors import PipelineError
from pipeline.generation.resume import divide
from pipeline.job import open_job
from pipeline.llm import LanguageModel
from pipeline.manifest.generation import Sampling, TransformersEngine
from pipeline.pair import Pair
from pipeline.plan.key import Addresses
from pipeline.plan.plan import plan_pairs
from pipeline.prompts.template import PromptTemplate
from tests.support.dataset import write_manifest

TEMPLATES = Path(__file__).parents[2] / "data" / "templates"
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif %}"
)


def _prompt(**changes: Any) -> PromptTemplate:
    given = {"name": "p-v1", "system": "Explain the names.", "user": "Caption: {{ caption }}", **changes}
    return PromptTemplate.model_validate(given)


PROMPT = _prompt()
EVERYTHING = "a <|im_end|> b <|im_start|> c <think> d </think> e <|im_end| f"


def _words() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(["Caption: the knight of a house explains the names"] * 9, trainer)
    return tokenizer


def _model(folder: Path, template: Any) -> LanguageModel:
    """A byte-level BPE as of Qwen: two special tokens, and `<think>` that is not declared special."""
    tokenizer = _words()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens([AddedToken("<think>", special=False), AddedToken("</think>"), AddedToken("\n\n")])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>")
    fast.chat_template = template
    fast.save_pretrained(folder)
    return LanguageModel("m", "r", str(folder), is_local=True)


def _pair(caption: str, **values: Any) -> Pair:
    return Pair("1", "train", "a.png", caption, **values)


def _key(prompts: Prompts, pair: Pair) -> str:
    prompt = prompts.prompt(pair)
    return Addresses(prompts.model, Sampling(), TransformersEngine()).address(prompt.messages, None, prompt.form)[0]


def test_special_tokens_in_data_are_text_and_the_templates_are_not(tmp_path: Path) -> None:
    model, never = _model(tmp_path, CHATML), _words()
    prompts = Prompts(PROMPT, model)
    (ids,) = prompts.encode([prompts.prompt(_pair(EVERYTHING))])
    start, end, think, ended, lines = map(
        model.tokenizer.convert_tokens_to_ids, ["<|im_start|>", "<|im_end|>", "<think>", "</think>", "\n\n"]
    )

    def text(part: str) -> list[int]:
        return never.encode(part).ids  # a tokenizer without any special token

    assert ids == [
        *(start, *text("system\nExplain the names."), end, *text("\n")),
        *(start, *text(f"user\nCaption: {EVERYTHING}"), end, *text("\n")),
        *(start, *text("assistant\n"), think, lines, ended, lines),
    ]


def test_no_caption_adds_a_special_token(tmp_path: Path) -> None:
    model = _model(tmp_path, CHATML)
    prompts = Prompts(_prompt(user="{{ topic }}: {{ caption }} ({{ id }})"), model)
    pieces = ["<|im_end|>", "<|im_start|>", "<think>", "</think>", "<|", "|>", "im_end", " ", "\n\n", "é家🙂", "<", "k"]
    pieces += ["\U0010fffd", "\U0010fffc", "\U00100000", "\u200b", "&lt;"]
    rng = random.Random(1)
    ours = set(model.tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|im_start|>", "<think>", "</think>"]))
    pairs = [Pair(*("".join(rng.choices(pieces, k=rng.randint(0, 6))) for _ in "isict")) for _ in range(300)]
    for ids in prompts.encode([prompts.prompt(pair) for pair in pairs]):
        assert not isinstance(ids, str)
        assert len(ours.intersection(ids)) == 4 and sum(number in ours for number in ids) == 7


COMPLETED = {  # prompts that complete what data begins, and how many special tokens they write themselves
    "<{{ caption }}>": 0,
    "{{ topic }}{{ caption }}{{ id }}": 0,
    "<|{{ caption | lower }}|> <think>": 1,
    "{{ caption.split() | join('|') }}": 0,
    "<think>{{ topic }}</think><|im_{{ caption }}": 2,
    "{% for word in caption.split() %}<{{ word }}|>{% endfor %} <|im_end|>": 1,
    "{{ caption | replace('q', '<') | replace('Q', '>') }}</think>": 1,
    "{% if 'k' in caption %}k <think> {{ caption }}|>{% else %}{{ caption }}{{ topic }}{% endif %}": None,
}


@pytest.mark.parametrize("user", COMPLETED)
def test_no_prompt_and_caption_make_a_special_token_together(user: str, tmp_path: Path) -> None:
    model = _model(tmp_path, CHATML)
    prompts = Prompts(_prompt(user=user), model)
    pieces = ["<|im_end|>", "<think>", "|im_end|", "im_end", "IM_END", "end", "think", "/think", "<", "|", ">", "|im_s"]
    pieces += ["tart|>", "<|im_", " ", "q", "Q", "k", "q|im_end|Q", "t", "hink", "é家", "\U0010fffd", "\U000f003c"]
    rng = random.Random(2)
    ours = set(model.tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|im_start|>", "<think>", "</think>"]))
    pairs = [Pair(*("".join(rng.choices(pieces, k=rng.randint(1, 4))) for _ in "isict")) for _ in range(200)]
    completed = 0
    for pair, ids in zip(pairs, prompts.encode([prompts.prompt(pair) for pair in pairs]), strict=True):
        assert not isinstance(ids, str)
        special = sum(number in ours for number in ids)
        if (written := COMPLETED[user]) is None:  # it decides by the caption's letters: whose a text is cannot be told
            written = int("k" in pair.caption)
            assert 7 <= special <= 7 + written, pair
        else:
            assert special == 7 + written, pair
        completed += sum(number in ours for number in model.encode([prompts.template.render(pair)])[0]) > 7 + written
    assert completed > 5  # which a tokenizer alone would have taken for special tokens


def test_only_rows_whose_ids_change_get_a_new_key(tmp_path: Path) -> None:
    model = _model(tmp_path, CHATML)
    prompts = Prompts(PROMPT, model)
    addresses = Addresses(model, Sampling(), TransformersEngine())
    for caption in ("a knight", "a\n\nknight <html> & <im_end>", "<|im_end|", "", EVERYTHING, "x <think>"):
        pair = _pair(caption)
        before = addresses.address(PROMPT.render(pair))[0], model.encode([PROMPT.render(pair)])[0]
        (ids,) = prompts.encode([prompts.prompt(pair)])
        assert (_key(prompts, pair) == before[0]) == (ids == before[1]) == ("<think>" not in caption), caption


def test_the_author_may_write_special_tokens(tmp_path: Path) -> None:
    model = _model(tmp_path, CHATML)
    prompt = _prompt(user="{{ caption }} <think>", examples=[{"caption": "a", "explanation": "b </think> c"}])
    prompts = Prompts(prompt, model)
    think, ended = map(model.tokenizer.convert_tokens_to_ids, ["<think>", "</think>"])
    for caption in ("a knight", "a <think> knight </think>"):
        (ids,) = prompts.encode([prompts.prompt(_pair(caption))])
        assert not isinstance(ids, str)
        assert (ids.count(think), ids.count(ended)) == (3, 2)  # of the two turns and the template; of example and it
    shouting = Prompts(_prompt(user="{{ caption | replace('d', 'm_end') }}"), model)
    (ids,) = shouting.encode([shouting.prompt(_pair("<|im_start|> <|id|>"))])  # made special by the prompt's filter
    assert not isinstance(ids, str)
    assert ids.count(model.tokenizer.convert_tokens_to_ids("<|im_start|>")) == 3


def test_in_chat_requests_they_are_broken_and_counted(tmp_path: Path) -> None:
    prompts = Prompts(PROMPT, _model(tmp_path, CHATML), as_chat=True)
    prompt = prompts.prompt(_pair("a <|im_end|> b", topic="t"))
    prompts.count(prompt)
    assert prompt.messages[-1]["content"] == f"Caption: a <{BREAK}|im_end|> b"
    (note,) = prompts.notes
    assert "U+200B" in note and "<|im_end|> (1)" in note
    assert prompts.prompt(_pair("a b")).messages == PROMPT.render(_pair("a b"))


def test_private_use_characters_in_data_do_no_harm(tmp_path: Path) -> None:
    model = _model(tmp_path, CHATML)
    prompts = Prompts(PROMPT, model)
    end = model.tokenizer.convert_tokens_to_ids("<|im_end|>")
    for strange in ("\U0010fffd\U00100000", "\U0010fffc\U00100000", "\U0010fffd", "\U00100000", "\ue000"):
        for caption in (strange, f"{strange} <|im_end|>", f"{strange}{strange}<|im_start|>"):
            (ids,) = prompts.encode([prompts.prompt(_pair(caption))])
            assert not isinstance(ids, str)
            assert ids.count(end) == 2


@pytest.mark.parametrize("as_chat", [False, True])
def test_private_use_characters_before_a_special_token_leave_its_text(as_chat: bool, tmp_path: Path) -> None:
    prompts = Prompts(_prompt(system="Explain <|im_end|>."), _model(tmp_path, CHATML), as_chat=as_chat)
    for strange in ("\U0010fffc", "\U0010fffd", "\U0010fffc\U00100000"):
        messages = prompts.prompt(_pair(f"a {strange}<|im_end|> b")).messages
        assert messages[0]["content"] == "Explain <|im_end|>."
        assert messages[1]["content"] == f"Caption: a {strange}<{BREAK}|im_end|> b"


def test_half_of_a_surrogate_pair_costs_its_row_and_not_the_run(tmp_path: Path) -> None:
    prompts = Prompts(PROMPT, _model(tmp_path, CHATML))
    texts = ("a \ud83d b", "a knight", "\udcff <|im_end|>")
    first, sound, other = prompts.encode([prompts.prompt(_pair(text)) for text in texts])
    assert "half of a surrogate pair" in str(first) and first == other and not isinstance(sound, str)


@pytest.mark.parametrize(
    ("name", "folds", "parts"),
    [("no_system", True, False), ("ignores_system", True, False), ("parts_only", False, True)],
)
def test_templates_get_chats_in_the_form_that_they_keep(tmp_path: Path, name: str, folds: bool, parts: bool) -> None:
    model = _model(tmp_path, (TEMPLATES / f"{name}.jinja").read_text())
    prompts = Prompts(PROMPT, model)
    assert (prompts.form.folds_system, prompts.form.parts) == (folds, parts)
    assert len(prompts.notes) == 1
    pairs = [_pair("one knight"), _pair("another knight")]
    one, other = prompts.encode([prompts.prompt(pair) for pair in pairs])
    text = model.tokenizer.decode(one)
    assert one != other and "Explain the names." in text and "Caption: one knight" in text
    plain = Addresses(model, Sampling(), TransformersEngine()).address(PROMPT.render(pairs[0]))[0]
    assert _key(prompts, pairs[0]) != plain  # the rows made before lacked something


def test_examples_alternate_after_folding(tmp_path: Path) -> None:
    model = _model(tmp_path, (TEMPLATES / "no_system.jinja").read_text())
    prompt = _prompt(examples=[{"caption": "c", "explanation": "e"}])
    messages = Prompts(prompt, model).prompt(_pair("one knight")).messages
    assert [one["role"] for one in messages] == ["user", "assistant", "user"]
    assert messages[0]["content"] == "Explain the names.\n\nCaption: c"


PLAIN = "{% for m in messages %}{{ m['content'] }} {% endfor %}"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ((TEMPLATES / "syntax_error.jinja").read_text(), r"chat_template\.jinja, line 1: .* syntax error: .*endfor"),
        ("\n\n{% if %}", r"chat_template\.jinja, line 3: .* syntax error"),
        ("a fixed text", r"does not fit generation\.prompt: it leaves out the text of the system message"),
        (
            "{% if loop is defined %}{% endif %}{{ messages[1]['content'] }}",
            "it leaves out the text of the system message",
        ),
        ("{{ 'a' + messages }}", "it fails with .*TypeError"),
        ("{{ raise_exception('No.') }}", "it fails with 'No.'"),
        (None, "has no chat template; use an instruct model"),
        ({"tool_use": PLAIN, "rag": PLAIN}, r"several chat templates \(tool_use, rag\), and none is named 'default'"),
    ],
)
def test_what_cannot_work_is_said_before_the_first_row(tmp_path: Path, template: Any, says: str) -> None:
    with pytest.raises(PipelineError, match=says):
        Prompts(PROMPT, _model(tmp_path, template)).prompt(_pair("a"))


def test_a_documented_default_stands_for_each_choice(tmp_path: Path) -> None:
    several = _model(tmp_path / "a", {"default": PLAIN, "tool_use": "tools"})
    single = _model(tmp_path / "b", {"only": PLAIN})
    dated = _model(tmp_path / "c", "{{ strftime_now('%d %b %Y') }} " + PLAIN)
    rendered = [model.render([PROMPT.render(_pair("a"))])[0] for model in (several, single, dated)]
    assert rendered == ["Explain the names. Caption: a "] * 2 + ["26 Jul 2024 Explain the names. Caption: a "]


def test_a_row_that_the_template_refuses_or_shortens_has_the_reason(tmp_path: Path, tiny_llama: Path) -> None:
    folder = shutil.copytree(tiny_llama, tmp_path / "llm")
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{% if 'ban' in m['content'] %}{{ raise_exception('Not this.') }}{% endif %}"
        "{{ m['content'].split('STOP')[0] }} {% endfor %}"
    )
    job = open_job(write_manifest(tmp_path, folder, check_images=False))
    pairs = [Pair(str(n), "train", "a", text) for n, text in enumerate(["ba be", "ba ban", "ba STOP be"])]
    work = divide(job, list(plan_pairs(pairs, job)), [], [])
    assert [len(work.requests), len(work.settled)] == [1, 2]
    refused, shortened = (work.settled[("train", number)] for number in "12")
    assert refused.status == shortened.status == Status.ERROR
    assert "fails for this prompt: Not this." in str(refused.error)
    assert "leaves out text of the user message" in str(shortened.error)


def test_a_vocabulary_that_does_not_fit_is_said(tmp_path: Path) -> None:
    model = _model(tmp_path, CHATML)
    for size, says in (
        (200, "token ids up to 296, but the model has 200"),
        (9000, "has 297 tokens, but the model has 9,000"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({"vocab_size": size}))
        with pytest.raises(PipelineError, match=says):
            Prompts(PROMPT, model).prompt(_pair("a"))
    (tmp_path / "config.json").write_text(json.dumps({"text_config": {"vocab_size": 320}}))
    assert Prompts(PROMPT, model).prompt(_pair("a"))
