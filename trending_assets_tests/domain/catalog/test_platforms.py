"""A platform has one name, however a source or a caller writes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trending_assets.domain.catalog.platforms import platform, platforms


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("netflix", "netflix"),
        ("Netflix ", "netflix"),
        ("disney", "disney-plus"),
        ("Disney+", "disney-plus"),
        ("disney_plus", "disney-plus"),
        ("amazon_prime", "prime-video"),
        ("Amazon Prime Video", "prime-video"),
        ("Apple TV+", "apple-tv"),
        ("apple", "apple-tv"),
        ("HBO Max", "hbo-max"),
        ("Paramount+", "paramount-plus"),
        ("A Service of its Own", "a-service-of-its-own"),
        ("", None),
        (" - ", None),
    ],
)
def test_a_platform_has_one_name(written: str, name: str | None) -> None:
    assert platform(written) == name


@given(st.text())
def test_a_name_stays_as_it_is(written: str) -> None:
    name = platform(written)
    assert name is None or platform(name) == name


def test_each_is_named_once() -> None:
    assert platforms(["Netflix", "disney", "netflix", "Disney+", ""]) == ["disney-plus", "netflix"]
