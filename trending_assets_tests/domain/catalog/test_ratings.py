"""Every way of writing a rating ends on one scale, and what is no rating is none."""

# ruff: noqa: RUF001 - letters of the world are what is tested

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trending_assets.domain.catalog.ratings import rating_of


@pytest.mark.parametrize(
    ("raw", "rating"),
    [
        ("A+", 10), ("A", 10), ("A-", 9.1667), ("B+", 8.3333), ("b-", 6.6667), ("C", 5), ("D-", 1.6667), ("F+", 0.8333),
        ("F", 0), ("2/4", 5), ("3.5/5", 7), ("3,5/5", 7), ("3.0/4", 7.5), ("3 1/2 / 5", 7), ("3-1/2/5", 7), ("3½/5", 7),
        ("½/4", 1.25), ("1/2", 5), ("4/6", 6.6667), ("6/8", 7.5), ("7.5/10", 7.5), ("85/100", 8.5), ("85%", 8.5),
        ("０５/１０", 5), ("3 out of 5", 6), ("3 out of 4 stars", 7.5), ("3 stars out of 4", 7.5), ("4 stars", 8),
        ("1 star", 2), ("3½ stars", 7), ("★★★½", 7), ("★★★☆", 7.5), ("★★½☆☆", 5), ("☆☆☆☆☆", 0), ("0/5", 0),
        ("+2 out of -4..+4", 7.5), ("-1 out of -4 to +4", 3.75), ("-1/-1..+4", 0),
    ],
)  # fmt: skip
def test_what_a_rating_says(raw: str, rating: float) -> None:
    assert rating_of(raw) == rating


@pytest.mark.parametrize(
    "raw",
    [
        "",
        " ",
        "Certified Fresh",
        "fresh",
        "rotten",
        "R",
        "N",
        "T",
        "7/5",
        "5/0",
        "0/0",
        "5/4",
        "2.1/2",
        "-1/5",
        "101%",
        "6 stars",
        "1-5",
        "3.5-4/5",
        "8",
        "3 1/2",
        "-5 out of -4..+4",
        "E",
        "A++",
        "5 of",
        "/5",
        "nan",
        "inf/inf",
        "1e3",
    ],
)
def test_what_is_no_rating(raw: str) -> None:
    assert rating_of(raw) is None


@pytest.mark.parametrize(
    ("raw", "scale", "rating"),
    [
        ("8", 10, 8.0),
        ("3 1/2", 5, 7.0),
        ("4.5", 5, 9.0),
        ("11", 10, None),
        ("-1", 10, None),
        ("3/4", 10, 7.5),
        ("B", 10, 7.5),
        ("3 stars", 4, 7.5),
        ("★★★", 4, 7.5),
        ("6 stars", 10, 6.0),
        ("8", 0, None),
        ("good", 10, None),
    ],
)
def test_a_scale_is_for_what_does_not_bring_its_own(raw: str, scale: float, rating: float | None) -> None:
    assert rating_of(raw, scale) == rating


@given(
    st.text(st.sampled_from("0123456789./ ½★☆%ABCDF+-outfsar,")) | st.text(),
    st.none() | st.sampled_from([4, 5, 10, 100]),
)
def test_a_rating_is_from_0_to_10_or_none(raw: str, scale: float | None) -> None:
    rating = rating_of(raw, scale)
    assert rating is None or 0 <= rating <= 10


@given(st.integers(0, 99), st.integers(1, 100))
def test_more_is_better(value: int, best: int) -> None:
    low, high = rating_of(f"{value}/{best}"), rating_of(f"{value + 1}/{best}")
    assert (low is None) == (value > best)
    assert (high is None) == (value + 1 > best)
    if low is not None and high is not None:
        assert low < high


@given(st.integers(0, 40), st.integers(1, 40), st.integers(1, 20))
def test_the_scale_does_not_matter(value: int, best: int, times: int) -> None:
    assert rating_of(f"{value}/{best}") == rating_of(f"{value * times}/{best * times}")
    assert rating_of(f"{value}/{best}") == rating_of(str(value), best)


def test_better_letters_are_better_ratings() -> None:
    grades = [rating_of(letter) for letter in ("F", "D-", "D", "D+", "C-", "C", "C+", "B-", "B", "B+", "A-", "A")]
    assert grades == sorted(set(grades), key=lambda rating: rating or 0)
