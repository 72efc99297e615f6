"""The judge's rules on captions and answers as news and LLMs give them."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import pipeline.judge.rules
from entityclip.contract.status import Status
from entityclip.contract.words import words
from pipeline.engines.base import Completion, Request
from pipeline.generation.reclean import reclean
from pipeline.generation.redo import Redo
from pipeline.job import open_job
from pipeline.judge.cleaning import clean
from pipeline.judge.refusals import is_refusal
from pipeline.judge.rules import Judge, is_copied, is_off_language, misses_entities
from pipeline.manifest.generation import Judging
from pipeline.shards.shard import count_statuses
from tests.support.dataset import save_records, write_manifest, write_pairs
from tests.support.generation import all_rows, find_shards, generate, read_provenance
from tests.support.scripted_engine import ScriptedEngine

MERKEL = "German Chancellor Angela Merkel speaks in the Bundestag in Berlin on Wednesday."
EXPLAINED = (
    "Angela Merkel led the German government from 2005 to 2021; she has short blonde hair and mostly wears a plain, "
    "coloured blazer. The Bundestag is the parliament, with blue seats below a large silver eagle."
)
ERKLAERT = (
    "Angela Merkel war von 2005 bis 2021 die Bundeskanzlerin und trägt meist einen farbigen Blazer. Der Bundestag ist "
    "das deutsche Parlament; im Plenarsaal sind blaue Sitze und ein großer silberner Adler zu sehen."
)
EXPLIQUE = (
    "Angela Merkel a été la chancelière de l'Allemagne pendant seize ans; elle porte le plus souvent une veste de "
    "couleur. Le Bundestag est le parlement, avec des sièges bleus et un grand aigle dans la salle."
)
EXPLICADO = (
    "Angela Merkel fue la canciller de Alemania durante dieciséis años y casi siempre lleva una chaqueta de color. El "
    "Bundestag es el parlamento, con los asientos azules y una gran águila en la pared."
)
EXPLICADO_PT = (
    "Angela Merkel foi a chanceler da Alemanha durante dezasseis anos e usa quase sempre um casaco colorido. O "
    "Bundestag é o parlamento, com assentos azuis e uma grande águia na parede."
)
UITGELEGD = (
    "Angela Merkel was van 2005 tot 2021 de bondskanselier van Duitsland en draagt meestal een effen gekleurd jasje. "
    "De Bondsdag is het parlement, met blauwe stoelen en een grote zilveren adelaar aan de muur."
)
WYJASNIONE = (
    "Angela Merkel przez szesnaście lat stała na czele niemieckiego rządu i zwykle nosi kolorowy żakiet. Bundestag to "
    "niemiecki parlament, gdzie nad niebieskimi fotelami wisi wielki srebrny orzeł."
)
CHINESE = (
    "安格拉·默克尔(Angela Merkel)于2005年至2021年担任德国总理，通常穿着纯色外套。联邦议院是德国议会，大厅里有蓝色座椅。"  # noqa: RUF001
)
RUSSIAN = "Ангела Меркель возглавляла правительство Германии; Бундестаг — парламент с синими креслами и большим орлом."  # noqa: RUF001

JUDGE = Judge(Judging(), lambda text: len(text.split()) + 2)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, but I cannot identify people in images.",
        "I am sorry, I don't have enough information about the entities in this caption.",
        "I'm really sorry. As the caption is about a minor, I won't describe her.",
        "I apologize, but I cannot fulfill your request.",
        "I apologize for any confusion, but as a text model I'm not able to see photographs.",
        "Sorry, as an AI model I am unable to browse the news.",
        "Sorry, I can't provide details about private individuals.",
        "Unfortunately, I do not have any information on this person.",
        "As an AI language model, I don't have access to images or current events.",
        "As a large language model, I have no knowledge of events after 2021.",
        "As a helpful and respectful assistant, I must point out that this caption is offensive.",
        "I'm just an AI, it's not within my programming to discuss this.",
        "I am a language model and cannot see the photograph.",
        "I cannot create content that depicts violence.",
        "I can't provide information or guidance on illegal or harmful activities.",
        "I can't do that.",
        "I'm unable to verify who is shown.",
        "I'm not able to provide a visual description of a minor.",
        "I do not have real-time information about this event.",
        "I must respectfully decline.",
        "Please provide the caption you would like me to explain.",
        "Sure! Please provide the caption.",
        "Es tut mir leid, aber ich kann diese Anfrage nicht beantworten.",
        "Als KI-Sprachmodell kann ich keine Bilder sehen.",
        "Leider kann ich dazu keine Angaben machen.",
        "Je suis désolé, mais je ne peux pas répondre à cette demande.",
        "En tant que modèle de langage, je n'ai pas accès aux images.",
        "Lo siento, pero no puedo ayudar con eso.",
        "Como modelo de lenguaje, no tengo acceso a imágenes.",
        "抱歉，我无法提供相关信息。",  # noqa: RUF001
        "作为一个人工智能语言模型，我无法查看图片。",  # noqa: RUF001
    ],
)
def test_refused(text: str) -> None:
    assert is_refusal(text)
    assert JUDGE.judge(MERKEL, f" Explanation: {text}\n", "stop") == pipeline.judge.rules.Judgement(
        Status.REFUSED, None, None
    )
    assert JUDGE.judge(MERKEL, text, "length").status == "refused"  # a larger budget mends no refusal


@pytest.mark.parametrize(
    "text",
    [
        EXPLAINED,
        "Boris Johnson, who told Parliament \u201cI'm sorry\u201d, has messy blond hair and wears a dark suit.",
        '"I cannot accept this deal", said Merkel, who wears a red blazer at the lectern.',
        "I Can't Breathe is a slogan of Black Lives Matter; protesters carry it on signs.",
        "I Can't Explain is the first single of The Who, four men with guitars and a drum kit.",
        "I'm Sorry is a song by Brenda Lee, a singer with a bouffant hairstyle.",
        "Sorry We Missed You is a film by Ken Loach; in I, Daniel Blake he cannot find work.",
        "Unfortunately for Custer, whom I Company could not reach, thousands of Sioux warriors on horses met him.",
        "Sorry is a board game with a square board and coloured pawns.",
        "Kevin Rudd, who said sorry to the Stolen Generations, cannot be missed for his glasses and grey hair.",
        "As an AI researcher, Yoshua Bengio is mostly seen at lecterns; he has curly grey hair.",
        "I, Tonya is a film about Tonya Harding, a figure skater in a blue costume.",
        "AI Weiwei is a stocky Chinese artist with a grey beard.",
        "As a Conservative, Theresa May could not win a majority; she has short grey hair.",
        "Please Please Me is the first album of the Beatles, who look down a stairwell on its cover.",
        "Lo Siento is a mural in Madrid with large red letters.",
    ],
)
def test_not_refused_for_saying_sorry_or_cannot(text: str) -> None:
    assert not is_refusal(text)


@pytest.mark.parametrize(
    ("text", "copied"),
    [
        (MERKEL, True),
        (MERKEL.upper(), True),
        (f"{MERKEL} {MERKEL}", True),
        ("Angela Merkel, the Chancellor, is speaking at the Bundestag in Berlin.", True),
        ("This is Chancellor Angela Merkel's speech in the German Bundestag, Berlin, on Wednesday.", True),
        (EXPLAINED, False),
        ("Angela Merkel, the German chancellor, wears a blue blazer at the lectern of the Bundestag.", False),
        ("", False),
    ],
)
def test_copied(text: str, copied: bool) -> None:
    assert is_copied(words(text), words(MERKEL), 0.8) is copied


def test_copied_in_other_scripts() -> None:
    assert is_copied(words("德国总理默克尔在柏林"), words("德国总理默克尔周三在柏林联邦议院讲话"), 0.8)
    assert not is_copied(words(CHINESE), words("德国总理默克尔周三在柏林联邦议院讲话"), 0.8)


LATIN = {
    "en": EXPLAINED,
    "de": ERKLAERT,
    "fr": EXPLIQUE,
    "es": EXPLICADO,
    "pt": EXPLICADO_PT,
    "nl": UITGELEGD,
    "pl": WYJASNIONE,
    "zh": CHINESE,
    "ru": RUSSIAN,
}


@pytest.mark.parametrize("asked", ["en", "de", "fr", "es", "pt", "nl", "it", "zh", "ru", "ar"])
@pytest.mark.parametrize("written", LATIN)
def test_off_language(asked: str, written: str) -> None:
    text = LATIN[written]
    assert is_off_language(text, words(text), asked, 0.5) is (asked != written)


def test_quotations_may_be_in_any_language() -> None:
    quoting = 'It is about a song of the band. Its chorus is "Ein Kompliment ist es, das wir dir nicht machen werden".'
    assert not is_off_language(quoting, words(quoting), "en", 0.5)
    assert is_off_language(quoting, words(quoting), "de", 0.5)
    assert is_off_language(f'"{ERKLAERT}"', words(ERKLAERT), "en", 0.5)


def test_a_language_needs_evidence() -> None:
    for text in ("Angela Merkel.", "", "2005-2021", "Champs-Élysées, Sacré-Cœur, Notre-Dame de Paris"):
        assert not is_off_language(text, words(text), "en", 0.5)
    named = f"{EXPLAINED} It hangs in the Museo Nacional Centro de Arte Reina Sofía, on the Calle de Santa Isabel."
    assert not is_off_language(named, words(named), "en", 0.5)


@pytest.mark.parametrize(
    ("caption", "text", "missing"),
    [
        (MERKEL, EXPLAINED, False),
        (MERKEL, "A head of government at a lectern in a large hall with blue seats.", True),
        (MERKEL, CHINESE, False),  # names are looked up where the script is the caption's
        ("Fighters near Raqqa in Syria", "Syrian fighters wear camouflage in a desert.", False),
        ("The wife of Erdo\u011fan in Ankara", "Emine Erdogan wears a headscarf.", False),
        ("Barack Obama and Joe Biden", "OBAMA is tall and slim.", False),
        ("Li Na at Wimbledon", "A tennis player likes grass.", True),
        ("Barack Obama, Joe Biden, John Kerry and Susan Rice", "Obama is tall and slim.", True),  # 1 of 4
        ("a dog on the beach", "A dog runs.", False),
    ],
)
def test_entity_missing(caption: str, text: str, missing: bool) -> None:
    assert misses_entities(text, words(text), caption, 0.3) is missing
    assert not misses_entities(text, words(text), caption, 0)


@pytest.mark.parametrize(
    ("raw_text", "finish_reason", "status"),
    [
        (" \u201c\u2026\u201d ", "stop", "empty"),
        ("\u200b\n", "length", "empty"),
        (MERKEL, "length", "truncated"),
        (MERKEL, "stop", "copied"),
        (EXPLIQUE, "stop", "off_language"),
        ("Un homme politique est dans la salle avec une veste bleue", "stop", "off_language"),
        ("A politician in a hall with blue seats", "stop", "entity_missing"),
        (f"Angela Merkel in the Bundestag {'and a blue seat ' * 40}", "stop", "over_context"),
        (f"A woman in a hall {'and a blue seat ' * 40}", "stop", "entity_missing"),
        (EXPLAINED, "stop", "ok"),
        (EXPLAINED, None, "ok"),
    ],
)
def test_the_first_rule_that_fires_wins(raw_text: str, finish_reason: str | None, status: str) -> None:
    found = Judge(Judging(language="en"), JUDGE.count_tokens).judge(MERKEL, raw_text, finish_reason)
    assert found.status == status
    assert found.explanation == (None if status == "empty" else clean(raw_text))


def test_thresholds_are_the_manifests() -> None:
    assert JUDGE.judge(MERKEL, EXPLIQUE, "stop").status == "ok"  # no language is asked for
    tokens = JUDGE.judge(MERKEL, EXPLAINED, "stop").clip_tokens
    assert tokens is not None
    for length, status in ((tokens, "ok"), (tokens - 1, "over_context")):
        settings = Judging(clip_context_length=length)
        assert Judge(settings, JUDGE.count_tokens).judge(MERKEL, EXPLAINED, "stop").status == status
    strict = Judging(min_entities_share=1.0)
    assert Judge(strict, JUDGE.count_tokens).judge(MERKEL, EXPLAINED, "stop").status == "entity_missing"  # no Berlin


def test_the_table_names_every_status_in_order() -> None:
    table = re.findall(r"^`(\w+)` +\|", pipeline.judge.rules.__doc__ or "", re.MULTILINE)
    assert table == ["empty", "refused", "truncated", "copied", "off_language", "entity_missing", "over_context"]
    sent = set(Status) - {Status.EMPTY_CAPTION, Status.TOO_LONG, Status.BAD_IMAGE, Status.ERROR}
    assert {*table, "ok"} == sent


_TEXT = st.one_of(
    st.text(),
    st.lists(st.sampled_from([*EXPLAINED.split(), *MERKEL.split(), *CHINESE, "I'm sorry,", "\n", "\ud800"])).map(
        " ".join
    ),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first draw builds tables of characters
@given(
    caption=_TEXT,
    raw_text=_TEXT,
    finish_reason=st.sampled_from(["stop", "length", None]),
    language=st.sampled_from([None, "en", "zh"]),
)
def test_any_text_gets_one_status_and_judging_again_changes_nothing(
    caption: str, raw_text: str, finish_reason: str | None, language: str | None
) -> None:
    judge = Judge(Judging.model_validate({"language": language}), JUDGE.count_tokens)
    found = judge.judge(caption, raw_text, finish_reason)
    assert isinstance(found.status, Status)
    assert (found.explanation is None) == (found.clip_tokens is None) == (found.status in ("empty", "refused"))
    assert judge.judge(caption, clean(raw_text), finish_reason) == found


class _Reporter(ScriptedEngine):
    """Answers with the text and finish_reason given for the caption in the prompt."""

    def __init__(self, answers: dict[str, tuple[str, str]]) -> None:
        super().__init__()
        self._answers = answers

    def complete(self, requests: Iterable[Request]) -> Iterator[Completion]:
        for request in requests:
            self.asked.append(request.key)
            prompt = request.messages[-1]["content"]
            text, finish_reason = next(answer for caption, answer in self._answers.items() if caption in prompt)
            yield Completion(request.key, text, finish_reason, request.prompt_tokens, 2)


def test_every_status_reaches_the_shards_and_their_counts(tmp_path: Path, tiny_llama: Path) -> None:
    long = f"Angela Merkel in the Bundestag {'and a blue seat ' * 30}"
    answers = {
        "ok": (EXPLAINED, "stop"),
        "truncated": (EXPLAINED, "length"),
        "copied": (MERKEL, "stop"),
        "off_language": (ERKLAERT, "stop"),
        "entity_missing": ("A politician in a hall with blue seats", "stop"),
        "over_context": (long, "stop"),
        "refused": ("I'm sorry, but I can't help with that.", "stop"),
        "empty": ("...", "stop"),
    }
    by_caption = {f"{i}. {MERKEL}": answer for i, answer in enumerate(answers.values())}
    write_pairs(tmp_path, len(answers))
    save_records(
        tmp_path,
        [
            {"id": status, "split": "train", "image": "0.png", "caption": caption}
            for status, caption in zip(answers, by_caption, strict=True)
        ],
    )
    changes = {"num_shards": 1, "generation__judge": {"language": "en"}}
    job = open_job(write_manifest(tmp_path, tiny_llama, **changes))
    generate(job, _Reporter(by_caption))
    rows = all_rows(job.output)
    assert {row.id: row.status for row in rows.values()} == {status: status for status in answers}
    for status, (raw_text, _) in answers.items():
        kept = status not in ("refused", "empty")
        assert (rows[status].raw_text, rows[status].explanation) == (raw_text, clean(raw_text) if kept else None)
        assert (rows[status].clip_tokens is not None) == kept
    assert rows["over_context"].clip_tokens == len(long.split()) + 3  # Bundestag is two tokens; start and end
    (path,) = find_shards(job.output)
    assert read_provenance(path)["counts"] == count_statuses(list(rows.values())) == dict.fromkeys(answers, 1)
    assert not reclean(job)

    redo = frozenset({Status.REFUSED, Status.OFF_LANGUAGE})
    again = _Reporter(by_caption)
    generate(job, again, redo=Redo(redo))
    assert set(again.asked) == {rows[status].key for status in redo}

    relaxed = open_job(write_manifest(tmp_path, tiny_llama, num_shards=1))  # other thresholds: no key changes
    idle = _Reporter(by_caption)
    generate(relaxed, idle)
    assert not idle.asked
    assert reclean(relaxed) == {"ok": 1}
    assert all_rows(job.output)["off_language"].status == "ok"
    assert read_provenance(path)["judge"]["language"] is None
