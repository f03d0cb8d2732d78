"""Languages and countries go by their standard codes, whatever a source calls them, and none is invented."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.catalog.codes import country_code, language_code


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("English", "en"),
        ("english", "en"),
        ("en", "en"),
        ("EN", "en"),
        ("German", "de"),
        ("Mandarin", "zh"),
        ("Standard Chinese", "zh"),
        ("Cantonese", "yue"),
        ("Klingon spoken badly", None),
        ("", None),
    ],
)
def test_a_language_goes_by_its_iso_639_code_or_is_unknown(name: str, code: str | None) -> None:
    assert language_code(name) == code


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("United States", "US"),
        ("United Kingdom", "GB"),
        ("US", "US"),
        ("br", "BR"),
        ("Hong Kong", "HK"),
        ("British Hong Kong", "HK"),
        ("Czech Republic", "CZ"),
        ("Turkey", "TR"),
        # A country that is no more has no code of its own.
        ("Czechoslovakia", "Czechoslovakia"),
        ("West Germany", "West Germany"),
    ],
)
def test_a_country_goes_by_its_iso_3166_code_or_keeps_its_name(name: str, code: str) -> None:
    assert country_code(name) == code


@settings(deadline=None)
@given(st.text(st.characters(), max_size=12))
def test_a_code_of_a_code_is_itself(name: str) -> None:
    assert country_code(country_code(name)) == country_code(name)
    code = language_code(name)
    assert code is None or language_code(code) == code
