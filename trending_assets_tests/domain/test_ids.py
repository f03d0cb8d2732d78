import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.ids import moment_of, uuid7

# RFC 9562, appendix A.6: 2022-02-22 19:22:22 UTC.
_MILLISECONDS = 0x017F22E279B0


@settings(deadline=None)
@given(st.integers(0, (1 << 48) * 1_000_000 - 1), st.binary(min_size=8, max_size=8))
def test_a_uuid7_carries_its_time_and_its_randomness(nanoseconds: int, randomness: bytes) -> None:
    made = uuid.UUID(uuid7(nanoseconds, randomness))
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert made.int >> 80 == nanoseconds // 1_000_000
    assert made.int & (1 << 62) - 1 == int.from_bytes(randomness, "big") & (1 << 62) - 1


def test_the_time_of_the_rfc_example() -> None:
    assert uuid7(_MILLISECONDS * 1_000_000, bytes(8)).startswith("017f22e2-79b0-7000-8")


@settings(deadline=None)
@given(st.integers(0, 1 << 60), st.integers(0, 1 << 60), st.binary(min_size=8, max_size=8))
def test_ids_sort_by_time_to_a_quarter_of_a_microsecond(first: int, second: int, randomness: bytes) -> None:
    if second - first >= 250:
        assert uuid7(first, b"\xff" * 8) < uuid7(second, randomness)


def test_ids_made_one_after_the_other_are_in_order() -> None:
    made = [uuid7() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


@pytest.mark.parametrize(("nanoseconds", "randomness"), [(-1, bytes(8)), ((1 << 48) * 1_000_000, bytes(8)), (0, b"x")])
def test_what_cannot_be_an_id_is_refused(nanoseconds: int, randomness: bytes) -> None:
    with pytest.raises(ValueError, match=r"UUID|bytes"):
        uuid7(nanoseconds, randomness)


@settings(deadline=None)
@given(st.integers(0, 253_402_300_799_999_999), st.binary(min_size=8, max_size=8))
def test_the_moment_of_an_id_is_that_of_its_making(microseconds: int, randomness: bytes) -> None:
    made = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    assert made - moment_of(uuid7(microseconds * 1000, randomness)) in (timedelta(0), timedelta(microseconds=1))


@pytest.mark.parametrize("identifier", ["", "x", str(uuid.UUID(int=0)), uuid7(((1 << 48) - 1) * 1_000_000, bytes(8))])
def test_what_has_no_moment_is_refused(identifier: str) -> None:
    with pytest.raises(ValueError, match=r"UUID|year|badly formed"):
        moment_of(identifier)
