"""Names are reduced to what catalogues agree on, and identity depends on the records alone, not on their order."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.catalog.identity import identify, is_imdb_id, normalise_title, title_id
from trending_assets.domain.catalog.records import IDENTITY

_START = datetime(2025, 6, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "reduced"),
    [
        ("The Hours", "hours"),
        ("Hours, The", "hours"),
        ("hours_the", "hours"),
        ("hours_the".replace("_", " "), "hours"),
        ("A Beautiful Mind", "beautifulmind"),
        ("beautiful_mind_a", "beautifulmind"),
        ("An Education", "education"),
        ("Amélie", "amelie"),
        ("AME\u0301LIE", "amelie"),
        ("Lilo & Stitch", "liloandstitch"),
        ("Lilo and Stitch", "liloandstitch"),
        ("Se7en", "se7en"),
        ("  Spider-Man:   2 ", "spiderman2"),
        ("About a Boy", "aboutaboy"),
        ("Theremin", "theremin"),
        ("Bathe", "bathe"),
        ("A", "a"),
        ("七人の侍", ""),
        ("!?", ""),
        ("", ""),
    ],
)
def test_a_name_is_reduced_to_what_catalogues_agree_on(name: str, reduced: str) -> None:
    assert normalise_title(name) == reduced


@settings(deadline=None)
@given(st.text())
def test_a_reduced_name_is_plain_and_reducing_it_again_changes_nothing(name: str) -> None:
    reduced = normalise_title(name)
    assert reduced == "" or (reduced.isascii() and reduced.isalnum() and reduced == reduced.lower())
    assert normalise_title(reduced) == reduced


_WORD = st.text("bcdefgh0189", min_size=1, max_size=6)


@settings(deadline=None)
@given(st.lists(_WORD, min_size=1, max_size=4), st.sampled_from(["the", "a", "an"]), st.sampled_from([" ", "_", "-"]))
def test_case_separators_and_where_the_article_stands_do_not_matter(words: list[str], article: str, gap: str) -> None:
    plain = normalise_title(" ".join(words))
    assert plain == "".join(words)
    assert normalise_title(gap.join([article, *words]).upper()) == plain
    assert normalise_title(gap.join([*words, article]).title()) == plain
    assert normalise_title(f"{' '.join(words)}, {article.title()}") == plain


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("tt0111161", True),
        ("tt10872600", True),
        ("tt011116", False),
        ("tt111111111", False),
        ("TT0111161", False),
        (" tt0111161", False),
        ("tt0111161\n", False),
        ("0111161", False),
        ("", False),
        # Digits of another script are not IMDb's.
        ("tt\u0660\u0661\u0661\u0661\u0661\u0666\u0661", False),
    ],
)
def test_an_imdb_id_is_tt_and_seven_or_eight_digits(value: str, valid: bool) -> None:
    assert is_imdb_id(value) is valid


def test_a_title_is_named_by_its_imdb_id_or_else_by_its_source() -> None:
    assert title_id("sample", "omdb-1", "tt0111161") == "tt0111161"
    assert title_id("sample", "show-24", None) == "sample:show-24"


def _title(source_id: str, imdb: str | None, hour: int, matches: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    arrived = _START + timedelta(hours=hour)
    row = {"source": "sample", "source_id": source_id, "imdb_id": imdb, "matches": matches or []}
    return _document(titles=[row], arrived=arrived, sha=f"title-{source_id}-{imdb}-{hour}")


def _review(source_id: str, imdb: str | None, hour: int) -> dict[str, Any]:
    row = {"source": "sample", "source_title_id": source_id, "imdb_id": imdb}
    return _document(reviews=[row], arrived=_START + timedelta(hours=hour), sha=f"review-{source_id}-{imdb}-{hour}")


def _signal(source_id: str, imdb: str | None, hour: int) -> dict[str, Any]:
    row = {"source": "sample", "source_title_id": source_id, "imdb_id": imdb}
    return _document(signals=[row], arrived=_START + timedelta(hours=hour), sha=f"signal-{source_id}-{imdb}-{hour}")


def _document(*, arrived: datetime, sha: str, **rows: list[dict[str, Any]]) -> dict[str, Any]:
    origin = {"arrived_at": arrived, "document_sha256": sha}
    return {
        name: [row | origin for row in rows.get(name, [])] for name in ("titles", "reviews", "signals")
    }  # fmt: skip


def test_a_match_by_name_is_an_alias_with_its_method_and_confidence() -> None:
    match = {"source_id": "moviebox-7", "method": "name and genre", "confidence": 0.9}
    found = {row["source_id"]: row for row in identify([_title("omdb-1", "tt0000001", 1, [match])])}
    assert found["moviebox-7"]["title_id"] == found["omdb-1"]["title_id"] == "tt0000001"
    assert (found["moviebox-7"]["method"], found["moviebox-7"]["confidence"]) == ("name and genre", 0.9)
    assert (found["omdb-1"]["method"], found["omdb-1"]["confidence"]) == ("imdb id", 1.0)


def test_a_title_without_an_external_id_is_named_at_first_sight() -> None:
    (row,) = identify([_title("show-24", None, 1)])
    assert (row["title_id"], row["method"], row["confidence"]) == ("sample:show-24", "first seen", 1.0)


def test_what_was_seen_first_stays() -> None:
    early, late = _title("omdb-1", "tt0000001", 1), _title("omdb-1", "tt0000002", 2)
    assert [row["title_id"] for row in identify([late, early])] == ["tt0000001"]


def test_a_review_or_signal_alone_names_its_title() -> None:
    found = identify([_review("omdb-2", "tt0000002", 1), _signal("omdb-3", None, 1)])
    assert [(row["source_id"], row["title_id"]) for row in found] == [
        ("omdb-2", "tt0000002"),
        ("omdb-3", "sample:omdb-3"),
    ]


_RECORDS = st.lists(
    st.tuples(
        st.sampled_from([_title, _review, _signal]),
        st.sampled_from(["omdb-1", "omdb-2", "show-1", "moviebox-1"]),
        st.sampled_from([None, "tt0000001", "tt0000002"]),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(_RECORDS, st.randoms(use_true_random=False))
def test_identity_does_not_depend_on_the_order_of_the_records(
    drawn: list[tuple[Any, str, str | None, bool]], chance: random.Random
) -> None:
    parsed = []
    for hour, (make, source_id, imdb, matched) in enumerate(drawn):
        if make is _title and matched:
            match = {"source_id": "moviebox-1", "method": "name and genre", "confidence": 0.5 + hour / 100}
            parsed.append(_title(source_id, imdb, hour, [match]))
        else:
            # Pairs arrive in the same moment, so that the document's hash has to decide.
            parsed.append(make(source_id, imdb, hour // 2))
    found = identify(parsed)
    chance.shuffle(parsed)
    assert identify(parsed) == found
    keys = [(row["source"], row["source_id"]) for row in found]
    assert keys == sorted(set(keys))
    assert all(0 <= row["confidence"] <= 1 for row in found)
    pa.Table.from_pylist(found, schema=IDENTITY.schema).validate(full=True)
