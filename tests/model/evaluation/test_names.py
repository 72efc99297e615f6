import pytest

from model.evaluation.entity_frequency import names_in


@pytest.mark.parametrize(
    ("caption", "names"),
    [
        ("Queen Elizabeth II visits Ascot.", [{"elizabeth", "ii"}, {"ascot"}]),
        ("Supporters of Donald Trump gather in Washington, D.C.", [{"donald", "trump"}, {"washington"}]),
        ("President Obama's aide at the University of Oxford", [{"obama"}, {"university", "oxford"}]),
        ("Fans wait. NATO troops, Gen. Ursula von der Leyen", [{"nato"}, {"ursula", "leyen"}]),
        ("Beyoncé in Zürich on Monday", [{"zurich"}]),  # alone at the start: could be any word
        ("A man walks his dog", []),
        ("(Photo: Reuters)", []),
    ],
)
def test_names_are_runs_of_capitals(caption: str, names: list[set[str]]) -> None:
    assert names_in(caption) == {frozenset(name) for name in names}


@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_without_case_a_name_is_what_the_explanation_repeats(case) -> None:  # type: ignore[no-untyped-def]
    caption = case("Lord of Tartor Calhil received the young queen in the fields")
    explanation = "The arms of house Tartor Calhil show a field of white, the border red"
    assert names_in(caption, explanation) == {frozenset({"tartor", "calhil"})}
    assert names_in(caption) == names_in(caption, "") == set()


def test_other_scripts_have_no_case() -> None:
    assert names_in("سيارة في دمشق", "دمشق هي عاصمة سوريا") == {frozenset({"دمشق"})}
