"""Flags are sure: what people write about films has none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trending_assets.domain.text.spam import flags


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["empty"]),
        (" … ?! --", ["empty"]),
        ("https://example.com/review", ["link_only"]),
        ("www.a.org, https://b.org/x", ["link_only"]),
        ("Watch full movie here: https://example.com", ["spam"]),
        ("Best online casino with bonus", ["spam"]),
        ("THIS IS THE WORST FILM THAT I HAVE EVER SEEN IN MY WHOLE LIFE!!!", ["shouting"]),
        (
            "GREAT! GREAT! GREAT! GREAT! GREAT! GREAT! GREAT! GREAT! GREAT! GREAT! GREAT! GREAT!",
            ["shouting", "repeated"],
        ),
        ("nooooooooooooooooooo", ["repeated"]),
        ("bad " * 12, ["repeated"]),
    ],
)
def test_what_is_flagged(text: str, expected: list[str]) -> None:
    assert flags(text.strip()) == expected


@pytest.mark.parametrize(
    "text",
    [
        "A", "10/10", "👍", "★★★★", "好き", "Great movie!", "I watched it for free and want my money back.",
        "The full movie is two hours long. See https://example.com/review for more.", "WOW!", "E.T. AND M*A*S*H",
        "Casino is a film about an honest casino.", "Zzzzzzzzzzzz. This one came directly from the mould.",
        "The film, the plot, the cast and the music: the best of the year, the decade and the century.",
    ],
)  # fmt: skip
def test_what_is_not(text: str) -> None:
    assert flags(text) == []


@given(st.text())
def test_flags_are_of_a_closed_set_and_each_once(text: str) -> None:
    order = ["empty", "link_only", "spam", "shouting", "repeated"]
    assert flags(text) == [flag for flag in order if flag in flags(text)]
