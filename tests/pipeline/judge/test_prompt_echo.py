"""The answer is found in a text that holds the whole conversation."""

import pytest

from pipeline.judge.prompt_echo import answer_in

CAPTION = "Ada Smith in Leeds"
ASKED, ANSWER = f"Explain: {CAPTION}", "Ada Smith is an engineer from Leeds."


@pytest.mark.parametrize(
    "text",
    [
        f"[INST] {ASKED} [/INST] {ANSWER}</s>",
        f"<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n{ASKED} [/INST]{ANSWER} </s><s>[INST] More? [/INST] No.</s>",
        f"<s>[INST] Explain: Jo Doe [/INST] Jo is a painter.</s>[INST] {ASKED} [/INST] {ANSWER}",
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        f"<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\n{ANSWER}<|im_end|>",
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n"
        f"{ASKED}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{ANSWER}<|eot_id|>",
        f"<bos><start_of_turn>user\n{ASKED}<end_of_turn>\n<start_of_turn>model\n{ANSWER}<end_of_turn><eos>",
        f"<|user|>\n{ASKED}<|end|>\n<|assistant|>\n{ANSWER}<|end|>",
        f"<|start_of_role|>user<|end_of_role|>{ASKED}<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>{ANSWER}",
        f"<\uff5cbegin\u2581of\u2581sentence\uff5c><\uff5cUser\uff5c>{ASKED}"
        f"<\uff5cAssistant\uff5c>{ANSWER}<\uff5cend\u2581of\u2581sentence\uff5c>",
        f"A chat between a user and an assistant. USER: {ASKED} ASSISTANT: {ANSWER}</s>",
        f"### Instruction:\n{ASKED}\n\n### Response:\n{ANSWER}\n\n### Instruction:\nMore",
        f"Human: {ASKED}\n\nAssistant: {ANSWER}\n\nHuman: More?",
        f"system\n\nBe brief.user\n\n{ASKED}assistant\n\n{ANSWER}",
        f"system\nBe brief.\nuser\nExplain: Ada\n Smith in Leeds\nassistant\n{ANSWER}",
        f"[INST] {ASKED} [/INST] {ANSWER}</s><pad><pad>",
        f"[INST] {ASKED} [/INST] {ANSWER}</s>[INST] {ASKED} [/INST] Jo Doe.</s>",
        f"{ASKED} [/INST] {ANSWER}",
    ],
)
def test_the_answer_is_what_follows_the_prompt(text: str) -> None:
    assert answer_in(text, CAPTION) == ANSWER


@pytest.mark.parametrize(
    "text",
    [
        ANSWER,
        "1 < 2 [sic] # A: b",
        "The user: Jo Doe.",
        "",
        "The assistant\nof Ada.",
        "a <b> c",
        # markup after the answer, which is for the cleaning
        f"{ANSWER}<|im_end|>\n<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\nNo.",
        f"{ANSWER}</s><s>[INST] More? [/INST] No.",
        f"{ANSWER} [/INST]",
        f"<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}",
        f"<think>\nUser: asks.\n</think>\n{ANSWER}<|im_end|>",
    ],
)
def test_a_text_that_does_not_begin_with_a_prompt_is_unchanged(text: str) -> None:
    assert answer_in(text, CAPTION) == text


@pytest.mark.parametrize(
    "text", [f"[INST] {ASKED} [/INST]", f"<|im_start|>user\n{ASKED}<|im_end|>\n<|im_start|>assistant\n"]
)
def test_a_prompt_without_an_answer_leaves_nothing(text: str) -> None:
    assert answer_in(text, CAPTION) == ""


def test_the_answer_has_no_markup_left() -> None:
    twice = f"[INST] {ASKED} [/INST] {ANSWER}</s>"
    assert answer_in(answer_in(twice, CAPTION), CAPTION) == ANSWER


@pytest.mark.parametrize(
    "prompt", ["USER: {} ASSISTANT: ", "### Instruction:\n{}\n\n### Response:\n", "user\n\n{}assistant\n\n"]
)
@pytest.mark.parametrize("own", ["<|START_THINKING|>a<|END_THINKING|>", "<start_of_turn>model\n", "<|assistant|>\n"])
def test_tokens_in_the_answer_do_not_hide_a_prompt_without_tokens(prompt: str, own: str) -> None:
    assert answer_in(prompt.format("Ann at Ascot") + own + "A race.", "Ann at Ascot").endswith("A race.")
    assert "Ascot" not in answer_in(prompt.format("Ann at Ascot") + own + "A race.", "Ann at Ascot")
