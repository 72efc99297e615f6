"""The model's markup around an answer, in the forms of many chat templates."""

import pytest

from pipeline.judge.cleaning import clean, cleaned

ANSWER = "Marie Curie, a physicist in a dark dress, in Brussels."


@pytest.mark.parametrize(
    "form",
    [
        # thinking
        "<think>x\n</think>\n@",
        "<thinking>a</thinking>@",
        "[THINK]a b[/THINK]@",
        "◁think▷ok◁/think▷@",
        "<|START_THINKING|>h<|END_THINKING|><|START_RESPONSE|>@<|END_RESPONSE|>",
        "reasoning, with Marie Curie </think>@",
        "<think>a<think>b</think>c</think>@",
        "<unused94>thought\nhm<unused95>@",
        "<think>a</think>\n<answer>@</answer>",
        # channels
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>@<|return|>",
        "<|channel|>final<|message|>@<|end|><|start|>user<|message|>hi",
        "<|channel>thought\nabc<channel|>@",
        "analysisHm.assistantfinal@",
        # tokens, headers and further turns
        "@<|im_end|>",
        "@</s>",
        "<s> @ </s>",
        "@<｜end▁of▁sentence｜>",  # noqa: RUF001
        "@<|endoftext|>Human: hi",
        "<|im_start|>assistant\n@<|im_end|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n@<|eot_id|>",
        "<|assistant|>\n@<|end|>",
        "assistant\n\n@",
        "@<end_of_turn>\n<start_of_turn>user\nhm",
        "@\n\nUser: what?\nAssistant: x",
        "@\n### Instruction:\nfoo",
        "@\n\nCaption: Another caption\nExplanation: Other",
        # preambles
        "Certainly! Here's the explanation you asked for:\n\n@",
        "Sure, here are the named entities explained: @",
        "Okay, here's a description:\n@",
        "Sure thing! Below is the explanation.\n\n@",
        "Great question! Here is the explanation:\n@",
        "I'd be happy to help! Here is an explanation of the named entities:\n\n@",
        "Let me explain the named entities in this caption:\n@",
        "Natürlich! Hier ist eine Erklärung:\n\n@",
        "Claro, aquí tienes una explicación: @",
        "Voici une explication :\n@",
        "当然，以下是解释：@",  # noqa: RUF001
        # labels and repeated captions
        "**Answer:** @",
        "### Explanation\n@",
        "Caption: foo bar.\nExplanation: @",
        "Caption: foo bar. Explanation: @",
        "**Caption:** foo\n\n**Explanation:** @",
        # quotes, fences, JSON
        "“@”",
        'Explanation: "@"',
        "```markdown\n@\n```",
        '```json\n{"explanation": "@"}\n```\nLet me know if you need more.',
        '["@"]',
    ],
)
def test_markup_is_removed(form: str) -> None:
    assert clean(form.replace("@", ANSWER)) == ANSWER


@pytest.mark.parametrize(
    "text",
    [
        "Here is Marie Curie: a physicist in a dark dress.",
        "Sure Thing is a song by Miguel, a singer with a quiff.",
        "Answer Me is a song: slow and sad.",
        "Sorry is a board game {with pawns}.",
        "Analysis of a Murder shows a man in black.",
        "Two <b>bold</b> men, a < b.",
        '"Ascot" is a "race".',
        "OK Go are a band from Chicago, in coloured suits.",
    ],
)
def test_plain_texts_stay(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("raw", "sentences"),
    [
        ('{"A": {"description": "x y", "type": "person"}, "B": "z"}', "A: x y. B: z."),
        ('[{"name": "A", "type": "PERSON", "description": "d"}, {"name": "B", "explanation": "e."}]', "A: d. B: e."),
        ('{"entities": {"A": "d", "B": "e!"}}', "A: d. B: e!"),
        ('{"persons": [{"name": "A", "description": "d"}], "caption": "c"}', "A: d."),
        ('{"A": ["x", "y"]}', "A: x, y."),
        ('{"A": null}', "A: unknown."),
        ("{'A': 'b'}", "A: b."),
        ('{"A": "b"}\n\nI hope this helps!', "A: b."),
        ('{"A": "b"', '{"A": "b"'),
        ("{}", ""),
    ],
)
def test_json_becomes_sentences(raw: str, sentences: str) -> None:
    assert clean(raw) == sentences


@pytest.mark.parametrize("raw", ["<think>Curie", "<|channel|>analysis<|message|>Curie", "[THINK]a", "<think>a<think>"])
def test_thinking_without_an_end_is_no_answer(raw: str) -> None:
    assert cleaned(raw).is_thinking and cleaned(raw).text == ""


@pytest.mark.parametrize(("raw", "ended"), [("A b.</s><s>[INST] c", True), ("A b", False), ("A b.\n\nUser: c", True)])
def test_the_end_of_the_turn_is_known(raw: str, ended: bool) -> None:
    assert cleaned(raw).has_ended is ended


@pytest.mark.parametrize("piece", ["```", "<think>", "<|channel|>", '{"a":', '"', "Sure! ", "Caption: ", "<", "\n"])
def test_endless_markup_ends(piece: str) -> None:
    text = clean(piece * 5000)
    assert clean(text) == text
