"""Names in captions, as the judge and the evaluation both find them."""

import pytest

from entityclip.contract.entity_names import names_in


@pytest.mark.parametrize(
    ("caption", "names"),
    [
        (
            "German Chancellor Angela Merkel speaks in the Bundestag in Berlin on Wednesday.",
            ["german angela merkel", "bundestag", "berlin"],
        ),
        ("Protesters march through Hong Kong.", ["hong kong"]),
        ("Supporters of Donald Trump's campaign at Mar-a-Lago", ["donald trump", "mar lago"]),
        ("Angela Merkel and Emmanuel Macron, left, in Paris.", ["angela merkel", "emmanuel macron", "paris"]),
        ("European Commission President Ursula von der Leyen arrives.", ["european commission ursula leyen"]),
        ("A student of the University of Oxford", ["university oxford"]),
        ("The White House at night. Tourists wait.", ["white house"]),
        ("President Recep Tayyip Erdo\u011fan of Turkey", ["recep tayyip erdogan turkey"]),
        ("Syria's President Bashar al-Assad meets Mr. Lavrov", ["syria bashar assad", "lavrov"]),
        ("J. K. Rowling signs books for Mrs. Smith in Edinburgh", ["rowling", "smith", "edinburgh"]),
        ("NATO troops near the U.S. border in May.", ["nato"]),
        ("\u201cHamilton\u201d opens on Broadway in March (Reuters)", ["broadway"]),
        ("Jean-Claude Juncker's speech", ["jean claude juncker"]),  # at a sentence's start, but plainly no common word
        (
            "Senator Elizabeth Warren in Iowa City. Credit: Doug Mills/EPA",
            ["elizabeth warren", "iowa city", "doug mills"],
        ),
        ("A villa at Lake Como, in Los Angeles or in Le Mans", ["lake como", "los angeles", "mans"]),
        ("The president speaks on Monday.", []),
        ("lord bertram of valmont on horse", []),
        ("ANGELA MERKEL VISITS PARIS", []),
        ("默克尔在柏林讲话", []),
        ("", []),
        # where a sentence begins
        ("Queen Elizabeth II visits Ascot.", ["elizabeth ii", "ascot"]),
        ("Supporters of Donald Trump gather in Washington, D.C.", ["donald trump", "washington"]),
        ("Boris Johnson on Monday. Crowds cheer.", ["boris johnson"]),  # the point after a day ends a sentence
        ("Beyonc\u00e9 in Z\u00fcrich on Monday", ["zurich"]),  # alone at the start: could be any word
        ("Fans wait. NATO troops, Gen. Ursula von der Leyen", ["nato", "ursula leyen"]),
        # titles, credits, stop words
        ("Interior Minister G\u00e9rald Darmanin, Imam Hassan Chalghoumi", ["gerald darmanin", "hassan chalghoumi"]),
        ("The Prince of Wales visits St. Andrews", ["wales", "andrews"]),
        ("(Photo by Jane Doe/Getty Images)", ["jane doe"]),
        ("(Photo: Reuters)", []),
        ("After The Beatles broke up, Other bands came", ["beatles"]),
        # days and months
        ("German Chancellor Angela Merkel in Berlin Wednesday", ["german angela merkel", "berlin"]),
        ("Police Wednesday arrest a man in March", []),
        ("April Jones and August Wilson", ["jones", "wilson"]),
        ("Theresa May speaks in Brussels in May", ["theresa", "brussels"]),
        ("Elections May 6 in Paris May 2015", ["paris"]),
        # hyphens, apostrophes, possessives, letters beyond ASCII
        ("Anti-Trump protesters in New York City", ["new york city"]),
        ("President Obama's aide at the University of Oxford", ["obama", "university oxford"]),
        ("Visitors at the Mus\u00e9e d'Orsay", ["musee orsay"]),
        ("Danish artist Bj\u00f8rn N\u00f8rgaard with Lech Wa\u0142\u0119sa", ["bjorn norgaard", "lech walesa"]),
    ],
)
def test_names_are_runs_of_capitals(caption: str, names: list[str]) -> None:
    assert names_in(caption) == {frozenset(name.split()) for name in names}


def test_where_case_tells_names_an_explanation_adds_none() -> None:
    caption = "A portrait of Angela Merkel, the chancellor"
    assert (
        names_in(caption, "A portrait shows the chancellor") == names_in(caption) == {frozenset({"angela", "merkel"})}
    )


@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_without_case_a_name_is_what_the_explanation_repeats(case) -> None:  # type: ignore[no-untyped-def]
    caption = case("Lord of Tartor Calhil received the young queen in the fields in May")
    explanation = "The arms of house Tartor Calhil, shown in May, show a field of white, the border red"
    assert names_in(caption, explanation) == {frozenset({"tartor", "calhil"})}
    assert names_in(caption) == names_in(caption, "") == set()


def test_other_scripts_have_no_case() -> None:
    assert names_in("سيارة في دمشق", "دمشق هي عاصمة سوريا") == {frozenset({"دمشق"})}
