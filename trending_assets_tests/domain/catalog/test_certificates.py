import pytest
from hypothesis import given
from hypothesis import strategies as st

from trending_assets.domain.catalog.certificates import CERTIFICATES, certificate


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("PG-13", "PG-13"),
        (" pg13 ", "PG-13"),
        ("NC17", "NC-17"),
        ("tv_ma", "TV-MA"),
        ("TV-Y7-FV", "TV-Y7"),
        ("NR", None),
        ("Unrated", None),
        ("18+", None),
        ("13", None),
        ("R (for violence)", None),
        ("", None),
        (None, None),
    ],
)
def test_a_certificate_is_known_however_it_is_written(written: str | None, meant: str | None) -> None:
    assert certificate(written) == meant


@given(st.text())
def test_anything_else_is_none(written: str) -> None:
    spelled = "".join(sign for sign in written.upper() if sign.isalnum())
    known = {name.replace("-", "") for name in (*CERTIFICATES, "TV-Y7-FV")}
    assert (certificate(written) is None) is (spelled not in known)


@given(st.sampled_from(CERTIFICATES))
def test_a_known_one_stays_as_it_is(name: str) -> None:
    assert certificate(name) == certificate(name.lower()) == name
