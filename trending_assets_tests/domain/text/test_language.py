"""Languages are told where they can be, and only there."""

# ruff: noqa: RUF001 - letters of the world are what is tested

import pytest

from trending_assets.domain.text.language import detect_languages

_TEXTS = {
    "en": "The plot is thin, but the cast and the music make it one of the best films of the year.",
    "de": "The Lord of the Rings ist ein Film, den man gesehen haben muss.",
    "fr": "J'ai adoré The Dark Knight, c'est de loin le meilleur film de super-héros.",
    "es": "La mejor película del año, sin ninguna duda, con un gran reparto.",
    "it": "Non mi è piaciuto per niente, troppo lungo e noioso, peccato davvero.",
    "nl": "Het was een goede film met een geweldig einde, ik heb ervan genoten.",
    "pl": "To jest naprawdę dobry film, który warto zobaczyć z całą rodziną.",
    "ru": "Этот фильм мне очень понравился, актёры играют прекрасно и убедительно.",
    "ja": "この映画は本当に素晴らしかったです。俳優の演技も最高でした。",
    "zh": "这部电影真的很好看，演员的表演也非常精彩，值得一看再看。",
    "ko": "이 영화는 정말 재미있었고 배우들의 연기도 훌륭했습니다.",
}


def test_each_language_is_told() -> None:
    assert detect_languages(list(_TEXTS.values())) == list(_TEXTS)


def test_english_without_its_small_words_is_told_too() -> None:
    assert detect_languages(["Wickedly funny, deeply moving, brilliantly acted throughout"]) == ["en"]


@pytest.mark.parametrize("text", ["", "Wow!", "10/10", "Bravo Bravissimo", "?!? 2001 ...", "[e-mail]"])
def test_what_is_too_short_has_no_language(text: str) -> None:
    assert detect_languages([text]) == [None]


def test_no_text_has_no_language() -> None:
    assert detect_languages([]) == []
