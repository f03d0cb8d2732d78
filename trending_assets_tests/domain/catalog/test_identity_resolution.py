"""A record is matched by ids, then by name, kind and year; ids of titles last; a match can be undone."""

import random
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.catalog.identity import KnownTitles, is_imdb_id, keys_of, resolve
from trending_assets_tests.domain.catalog.identity_rows import Row, found, resolve_days, review, signal, stored, title

_TT1, _TT2, _TT9 = "tt0000001", "tt0000002", "tt0000009"


def _how(rows: list[Row], pair: str) -> tuple[str, str, float]:
    (row,) = [row for row in rows if f"{row['source']}:{row['source_id']}" == pair]
    return row["title_id"], row["method"], row["confidence"]


def identify(parsed: list[Row]) -> list[Row]:
    """The titles of a first day's records."""
    return resolve(parsed, KnownTitles())


def test_a_match_that_a_source_states_is_an_alias_with_its_method_and_confidence() -> None:
    match = {"source_id": "moviebox-7", "method": "name and genre", "confidence": 0.9}
    rows = identify([title("sample:omdb-1", imdb=_TT1, matches=[match])])
    assert _how(rows, "sample:moviebox-7") == (_TT1, "name and genre", 0.9)
    assert _how(rows, "sample:omdb-1") == (_TT1, "imdb id", 1.0)


def test_a_title_without_an_external_id_is_named_at_first_sight() -> None:
    assert _how(identify([title("sample:show-24", kind="show")]), "sample:show-24") == (
        "sample:show-24", "first seen", 1.0,
    )  # fmt: skip


def test_what_was_seen_first_on_a_day_stays() -> None:
    early, late = title("a:1", imdb=_TT1, hour=1), title("a:1", imdb=_TT2, hour=2)
    assert found(identify([late, early]))["a:1"] == _TT1


@pytest.mark.parametrize("make", [review, signal])
def test_a_review_or_signal_alone_names_its_title(make: Any) -> None:
    rows = identify([make("a:2", _TT2), make("a:3")])
    assert _how(rows, "a:2") == (_TT2, "first seen", 1.0)
    assert _how(rows, "a:3") == ("a:3", "first seen", 1.0)


@pytest.mark.parametrize("make", [review, signal])
def test_a_review_or_signal_finds_a_known_title(make: Any) -> None:
    _, rows = resolve_days(
        [
            [title("a:1", imdb=_TT1), title("b:7", year=1996, name="Fargo")],
            [make("c:5", _TT1, day=1), make("b:7", day=1), make("a:1", day=1)],
        ]
    )
    assert found(rows) == {"a:1": _TT1, "b:7": "b:7", "c:5": _TT1}


def test_ids_of_other_catalogues_match_and_a_source_is_a_catalogue_too() -> None:
    _, rows = resolve_days(
        [
            [title("a:1", "Heat", ids={"tmdb": "949"}), title("tvmaze:82", "Sherlock", 2010, kind="show")],
            [
                title("b:1", "Hitze", ids={"tmdb": "949"}, day=1),
                title("b:2", "Шерлок", 2010, kind="show", ids={"tvmaze": "82"}, day=1),
                # TMDB counts films and shows apart.
                title("b:3", "Another", kind="show", ids={"tmdb": "949"}, day=1),
            ],
        ]
    )
    assert found(rows) == {"b:1": "a:1", "b:2": "tvmaze:82", "b:3": "b:3"}
    assert _how(rows, "b:1") == ("a:1", "external id", 1.0)


@pytest.mark.parametrize(
    ("record", "matched"),
    [
        ({"name": "heat", "year": 1995}, ("name and year", 0.99)),
        ({"name": "Other", "original": "Heat", "year": 1995}, ("name and year", 0.99)),
        ({"name": "Heat", "year": 1996, "runtime": 172}, ("name, near year and runtime", 0.95)),
        ({"name": "Heat", "year": 1994, "runtime": 165}, ("name, near year and runtime", 0.95)),
        ({"name": "Heat", "year": 1996, "runtime": 110}, None),
        ({"name": "Heat", "year": 1996}, None),
        ({"name": "Heat", "year": 1997, "runtime": 170}, None),
        ({"name": "Heat", "year": None, "runtime": 170}, None),
        ({"name": "Heat", "year": 1995, "kind": "show"}, None),
        ({"name": "Heat", "year": 1995, "imdb": _TT2}, None),
        ({"name": "Heat", "year": 1995, "ids": {"tmdb": "2"}}, None),
        ({"name": "Heat 2", "year": 1995}, None),
    ],
)
def test_what_matches_by_name(record: dict[str, Any], matched: tuple[str, float] | None) -> None:
    known = title("a:1", "Heat", 1995, runtime=170, imdb=_TT1, ids={"tmdb": "1"})
    _, rows = resolve_days([[known], [title("b:1", **record, day=1)]])
    if matched:
        assert _how(rows, "b:1") == (_TT1, *matched)
    else:
        assert found(rows)["b:1"] in {"b:1", _TT2}


def test_a_name_that_two_titles_have_matches_neither() -> None:
    first = [title("a:1", imdb=_TT1), title("a:2", imdb=_TT2)]
    assert found(resolve_days([first, [title("b:1", day=1)]])[1]) == {"b:1": "b:1"}


def test_a_near_year_counts_only_where_the_name_is_the_only_one_around() -> None:
    first = [title("a:1", year=1994, runtime=170), title("a:2", year=1996, runtime=170)]
    assert found(resolve_days([first, [title("b:1", year=1995, runtime=170, day=1)]])[1]) == {"b:1": "b:1"}


def test_records_of_one_source_are_told_apart_by_it() -> None:
    rows = identify([title("a:1"), title("a:2"), title("a:3", imdb=_TT1)])
    assert found(rows) == {"a:1": "a:1", "a:2": "a:2", "a:3": _TT1}


def test_an_imdb_id_learned_later_leads_to_the_title_that_is_there() -> None:
    days = resolve_days(
        [
            [title("a:1")],
            [title("a:1", imdb=_TT1, day=1)],
            [title("b:1", "Hitze", imdb=_TT1, day=2), review("c:1", _TT1)],
        ]
    )
    assert found(days[1]) == {"a:1": "a:1", f"imdb:{_TT1}": "a:1"}
    assert _how(days[1], f"imdb:{_TT1}") == ("a:1", "imdb id", 1.0)
    assert found(days[2]) == {"b:1": "a:1", "c:1": "a:1"}


def test_two_titles_that_turn_out_to_be_one_lead_to_the_older() -> None:
    older_by_source = [
        [title("a:1", "Hitze")],
        [title("b:1", imdb=_TT1, day=1)],
        [title("a:1", "Hitze", imdb=_TT1, day=2)],
    ]
    older_by_imdb = [[title("b:1", imdb=_TT1)], [title("a:1", "Hitze", day=1)], [title("a:1", imdb=_TT1, day=2)]]
    first, second = resolve_days(older_by_source), resolve_days(older_by_imdb)
    assert found(first[2]) == {"a:1": "a:1", f"imdb:{_TT1}": "a:1"}
    assert found(second[2]) == {"a:1": _TT1, "title:a:1": _TT1}
    known = KnownTitles([row for day in second for row in day])
    assert known.current("a:1") == _TT1


def test_a_title_has_the_ids_of_all_that_lead_to_it() -> None:
    days = resolve_days(
        [
            [title("a:1", "Hitze")],
            [title("b:1", "Fargo")],
            [title("c:1", "Jack", ids={"tmdb": "7"})],
            [title("b:1", "Fargo", ids={"c": "1"}, day=3)],
            [title("b:1", "Fargo", ids={"a": "1"}, day=4)],
            [title("d:1", "Hitze", ids={"tmdb": "8"}, day=5), title("d:2", "Other", ids={"tmdb": "7"}, day=5)],
        ]
    )
    known = KnownTitles([row for day in days for row in day])
    assert {known.current(pair) for pair in ("a:1", "b:1", "c:1")} == {"a:1"}
    assert known.ids("a:1")["tmdb"] == {"movie:7"}
    assert found(days[5]) == {"d:1": "d:1", "d:2": "a:1"}


def test_what_turns_out_late_on_a_day_counts_for_the_whole_day() -> None:
    days = resolve_days(
        [
            [title("a:1", "Hitze"), title("b:1", "Fargo", ids={"tmdb": "1"})],
            [title("b:1", "Fargo", ids={"tmdb": "1"}, day=1), title("c:1", ids={"tmdb": "1", "a": "1"}, day=1)],
            [review("b:1", day=2)],
        ]
    )
    assert found(days[1]) == {"b:1": "a:1", "c:1": "a:1", "title:b:1": "a:1"}
    assert found(days[2]) == {"b:1": "a:1"}


def test_a_wrong_match_by_name_gives_way_to_an_id_and_joins_nothing() -> None:
    days = resolve_days(
        [[title("a:1", imdb=_TT1), title("b:1")], [title("b:1", imdb=_TT2, day=1)], [title("b:1", day=2)]]
    )
    assert [found(day)["b:1"] for day in days] == [_TT1, _TT2, _TT2]
    assert not [row for day in days for row in day if row["source"] in {"imdb", "title"}]


def test_a_title_that_was_only_reviewed_is_matched_when_it_is_described() -> None:
    days = resolve_days([[review("b:1")], [title("a:1", imdb=_TT1, day=1)], [title("b:1", day=2)]])
    assert found(days[0]) == {"b:1": "b:1"}
    assert found(days[2]) == {"b:1": "b:1", f"imdb:{_TT1}": "b:1"}
    assert _how(days[2], f"imdb:{_TT1}") == ("b:1", "name and year", 0.99)


def test_a_match_can_be_undone() -> None:
    days = [[title("a:1", imdb=_TT1)], [title("b:1", day=1)], [title("b:1", day=2), title("c:1", day=2)]]
    assert [found(day) for day in resolve_days(days)] == [{"a:1": _TT1}, {"b:1": _TT1}, {"b:1": _TT1, "c:1": _TT1}]
    undone = frozenset({("b", "1", _TT1)})
    # The name is now that of two titles.
    assert found(resolve_days(days, undone)[2]) == {"b:1": "b:1", "c:1": "c:1"}
    # What was written before it was undone stays written, and is not listened to.
    written = [row for day in resolve_days(days)[:2] for row in stored(day)]
    assert found(resolve(days[2], KnownTitles(written, undone)))["b:1"] == "b:1"


def test_an_id_that_is_wrong_can_be_undone() -> None:
    undone = frozenset({("b", "1", _TT1)})
    days = [[title("a:1", imdb=_TT1)], [title("b:1", "Fargo", imdb=_TT1, day=1)]]
    rows = resolve_days(days, undone)[1]
    assert found(rows) == {"b:1": "b:1"}
    assert found(resolve_days(days[1:], undone)[0]) == {"b:1": "b:1"}


def test_titles_that_were_joined_wrongly_can_be_parted() -> None:
    days = [[title("a:1", imdb=_TT1)], [title("b:1", "Fargo", day=1)], [title("b:1", "Fargo", imdb=_TT1, day=2)]]
    written = [row for day in resolve_days(days) for row in stored(day)]
    known = KnownTitles(written, frozenset({("b", "1", _TT1)}))
    assert known.current("b:1") == "b:1"
    assert found(resolve([title("b:1", "Fargo", day=3)], known)) == {"b:1": "b:1"}


def test_a_record_whose_match_is_undone_is_found_anew_on_a_day_without_it() -> None:
    days = [[title("a:1", imdb=_TT1)], [title("b:1", day=1)]]
    written = [row for day in resolve_days(days) for row in stored(day)]
    undone = frozenset({("b", "1", _TT1)})
    (parted,) = resolve([], KnownTitles(written, undone), [written[-1]])
    assert (parted["source"], parted["source_id"], parted["title_id"]) == ("b", "1", "b:1")
    assert {name: parted[name] for name in ("kind", "year", "keys")} == {
        name: written[-1][name] for name in ("kind", "year", "keys")
    }
    # It is not joined to that title again, and is known under its name and its own id.
    later = KnownTitles([*written, parted], undone)
    assert found(resolve([title("b:1", day=3)], later)) == {"b:1": "b:1"}


def test_a_title_that_led_to_another_stands_by_itself_when_that_is_undone() -> None:
    days = [[title("a:1", imdb=_TT1)], [title("b:1", "Fargo", day=1)], [title("b:1", "Fargo", imdb=_TT1, day=2)]]
    written = [row for day in resolve_days(days) for row in stored(day)]
    undone = frozenset({("b", "1", _TT1)})
    parted = resolve([], KnownTitles(written, undone), written[-2:])
    assert found(parted) == {"b:1": "b:1", "title:b:1": "b:1"}
    assert _how(parted, "title:b:1") == ("b:1", "undone", 1.0)
    assert KnownTitles([*written, *parted], undone).current("b:1") == "b:1"


def test_a_source_must_not_be_named_like_an_alias() -> None:
    with pytest.raises(ValueError, match="imdb"):
        identify([title(f"imdb:{_TT1}")])


_PAIRS = [f"{source}:{number}" for source in "abc" for number in (1, 2)]
_TITLES = st.builds(
    title,
    st.sampled_from(_PAIRS),
    st.sampled_from(["Heat", "Heat 2", "The Heat", "Heat II"]),
    st.sampled_from([None, 1994, 1995, 1996]),
    kind=st.sampled_from(["movie", "movie", "show"]),
    imdb=st.sampled_from([None, None, None, _TT1, _TT2, _TT9]),
    original=st.sampled_from([None, None, "Hitze"]),
    runtime=st.sampled_from([None, 100, 104]),
    ids=st.dictionaries(st.sampled_from(["x", "y", "a"]), st.sampled_from(["1", "2"]), max_size=2),
    matches=st.lists(
        st.builds(
            lambda number: {"source_id": number, "method": "name and genre", "confidence": 0.9},
            st.sampled_from(["2", "3"]),
        ),
        max_size=1,
    ),
)
_MENTIONS = st.builds(
    lambda make, pair, imdb: make(pair, imdb),
    st.sampled_from([review, signal]),
    st.sampled_from(_PAIRS),
    st.sampled_from([None, _TT1, _TT9]),
)


def _on(day: int, hour: int, document: Row) -> Row:
    arrived = title("a:1", day=day, hour=hour)["titles"][0]["arrived_at"]
    return {group: [row | {"arrived_at": arrived} for row in rows] for group, rows in document.items()}


_DAYS = st.lists(st.lists(st.one_of(_TITLES, _TITLES, _MENTIONS), max_size=5), min_size=1, max_size=4).map(
    # Pairs arrive in the same moment, so that the document's hash has to decide.
    lambda days: [[_on(day, hour // 2, d) for hour, d in enumerate(documents)] for day, documents in enumerate(days)]
)


@settings(max_examples=120, deadline=None)
@given(_DAYS, st.randoms(use_true_random=False))
def test_the_order_of_a_days_records_does_not_matter(days: list[list[Row]], chance: random.Random) -> None:
    expected = resolve_days(days)
    for rows in expected:
        stored(rows)
        pairs = [(row["source"], row["source_id"]) for row in rows]
        assert pairs == sorted(set(pairs))
    for documents in days:
        chance.shuffle(documents)
    assert resolve_days(days) == expected


@settings(max_examples=120, deadline=None)
@given(_DAYS, st.randoms(use_true_random=False))
def test_a_day_by_itself_is_found_like_a_day_of_a_range(days: list[list[Row]], chance: random.Random) -> None:
    expected = resolve_days(days)
    written: list[Row] = []
    for documents, rows in zip(days, expected, strict=True):
        assert resolve(documents, KnownTitles(written)) == rows
        assert resolve(documents, KnownTitles(_needed(documents, written))) == rows
        written += chance.sample(stored(rows), len(rows))


def _needed(documents: list[Row], written: list[Row]) -> list[Row]:
    """The rows that ``keys_of`` says are enough."""
    keys = keys_of(documents)
    pairs = set()
    for document in documents:
        for row in document["titles"]:
            pairs |= {(row["source"], other) for other in (row["source_id"], *(m["source_id"] for m in row["matches"]))}
        pairs |= {(row["source"], row["source_title_id"]) for row in (*document["reviews"], *document["signals"])}
    aliases = [row for row in written if row["source"] in {"imdb", "title"}]
    titles = {
        r["title_id"] for r in written if (r["source"], r["source_id"]) in pairs or not keys.isdisjoint(r["keys"])
    }
    size = -1
    while size != len(titles):
        size = len(titles)
        for row in aliases:
            if not titles.isdisjoint(ends := {row["source_id"], row["title_id"]}):
                titles |= ends
    return [row for row in written if row["title_id"] in titles or row in aliases]


@settings(max_examples=120, deadline=None)
@given(_DAYS)
def test_a_title_has_at_most_one_imdb_id_and_every_id_leads_to_a_title_that_stays(days: list[list[Row]]) -> None:
    known = KnownTitles()
    given_ids: set[str] = set()
    for documents in days:
        rows = resolve(documents, known)
        assert all(known.current(row["title_id"]) == row["title_id"] for row in rows if row["source"] in "abc")
        # An id once given is never used up: it leads to itself or to an older title.
        given_ids |= {row["title_id"] for row in rows}
        for title_id in given_ids:
            root = known.current(title_id)
            assert known.current(root) == root
            assert known.age(root) <= known.age(title_id)
            assert len(known.ids(root).get("imdb", ())) <= 1
            assert not is_imdb_id(root) or known.ids(root)["imdb"] == {root}


@settings(max_examples=120, deadline=None)
@given(_DAYS)
def test_matches_by_name_stay_within_a_kind_and_a_year(days: list[list[Row]]) -> None:
    # Without ids and without what sources state, names alone decide.
    for documents in days:
        for row in (row for document in documents for row in document["titles"]):
            row |= {"imdb_id": None, "external_ids": [], "matches": []}
    described: dict[str, set[tuple[str, int | None]]] = defaultdict(set)
    seen: set[tuple[str, str]] = set()
    for rows in resolve_days([[d for d in documents if d["titles"]] for documents in days]):
        for row in sorted(rows, key=lambda row: row["method"] != "first seen"):
            if row["method"].startswith("name") and (row["source"], row["source_id"]) not in seen:
                others = described[row["title_id"]]
                assert row["kind"] in {kind for kind, _ in others}
                assert any(year is not None and abs(year - row["year"]) <= 1 for _, year in others)
            described[row["title_id"]].add((row["kind"], row["year"]))
            seen.add((row["source"], row["source_id"]))


@settings(max_examples=120, deadline=None)
@given(_DAYS, st.data())
def test_what_is_undone_is_found_no_more(days: list[list[Row]], data: st.DataObject) -> None:
    matches = sorted(
        {
            (row["source"], row["source_id"], row["title_id"])
            for rows in resolve_days(days)
            for row in rows
            if row["title_id"] != f"{row['source']}:{row['source_id']}"
        }
    )
    undone = frozenset(data.draw(st.sets(st.sampled_from(matches), max_size=3)) if matches else ())
    for rows in resolve_days(days, undone):
        assert undone.isdisjoint({(row["source"], row["source_id"], row["title_id"]) for row in rows})
        assert all(row["title_id"] for row in rows)
