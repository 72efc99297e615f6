"""Captions as newspapers print them."""

import pytest

from pipeline.judge.languages import language_of


@pytest.mark.parametrize(
    ("caption", "language"),
    [
        ("Angela Merkel with her husband at the opera festival in Bayreuth, where they had arrived late.", "en"),
        ("Bundeskanzlerin Angela Merkel ist mit ihrem Mann bei der Eröffnung der Festspiele und wird begrüßt.", "de"),
        ("La chancelière allemande avec son mari dans la loge, pendant que les chanteurs sont sur scène.", "fr"),
        ("La canciller alemana y su marido en el palco, donde fueron recibidos por los cantantes.", "es"),
        ("La cancelliera con il marito nella loggia della città, dove è stata accolta dagli altri ospiti.", "it"),
        ("De bondskanselier met haar man bij het festival, waar zij door de zangers werd ontvangen.", "nl"),
        ("A chanceler alemã com o marido no festival, onde não foi recebida pelos cantores ao chegar.", "pt"),
        ("Канцлер Ангела Меркель на фестивале в Байройте", "ru"),
        ("Η καγκελάριος Μέρκελ στο φεστιβάλ", "el"),  # noqa: RUF001
        ("המרקל בפסטיבל", "he"),
        ("المستشارة ميركل في المهرجان", "ar"),
        ("चांसलर मर्केल समारोह में", "hi"),
        ("메르켈 총리가 축제에서", "ko"),
        ("メルケル首相が音楽祭に到着", "ja"),
        ("默克尔总理抵达音乐节", "zh"),
        ("นายกรัฐมนตรีแมร์เคิลในเทศกาล", "th"),
        ("Angela Merkel, Bayreuth, 2019", None),
        ("Los Angeles", None),
        ("1999 - 2004!", None),
        ("", None),
        ("Kanclerz Merkel na festiwalu z mężem", None),  # a language that the judge does not know
    ],
)
def test_language(caption: str, language: str | None) -> None:
    assert language_of(caption) == language
