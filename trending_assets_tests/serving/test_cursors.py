import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.cursors import decode_cursor, encode_cursor
from serving.problems import ProblemError

QUERY = {"list": "titles", "kind": None, "year_from": 1990}


@given(st.integers(-(2**40), 2**40), st.text(st.characters(codec="utf-8")))
def test_a_cursor_brings_its_key_back(rank: int, title_id: str) -> None:
    cursor = encode_cursor(QUERY, (rank, title_id))
    assert decode_cursor(cursor, QUERY, tuple[int, str]) == (rank, title_id)


def test_a_cursor_belongs_to_its_query() -> None:
    cursor = encode_cursor(QUERY, (0, "tt1"))
    with pytest.raises(ProblemError) as refused:
        decode_cursor(cursor, {**QUERY, "kind": "show"}, tuple[int, str])
    assert refused.value.status == 422
    assert "another query" in refused.value.errors[0].message


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(ProblemError) as refused:
        decode_cursor(cursor, QUERY, tuple[int, str])
    assert refused.value.status == 422


@pytest.mark.parametrize("key", [[], [0], ["0", "tt1"], [0, 1], [0, "tt1", "tt2"], [True, "tt1"], [0.5, "tt1"]])
def test_a_key_of_another_shape_is_refused(key: list[object]) -> None:
    digest = json.loads(base64.urlsafe_b64decode(encode_cursor(QUERY, (0, "")) + "=="))[0]
    forged = base64.urlsafe_b64encode(json.dumps([digest, *key]).encode()).decode()
    with pytest.raises(ProblemError):
        decode_cursor(forged, QUERY, tuple[int, str])


def test_a_deeply_nested_cursor_is_refused() -> None:
    nested = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    with pytest.raises(ProblemError):
        decode_cursor(nested, QUERY, tuple[int, str])
