import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.catalog import Catalog, CatalogTitle, EmptyCatalogError, folded, read_catalog
from trending_assets.domain.catalog.taxonomy import Kind
from trending_assets.storage.lake import MissingPartitionError
from trending_assets_tests.serving.world import ACTIVITY_ROWS, TITLES, World, activity_row, catalog_row


@dataclass(frozen=True)
class Wanted:
    q: str | None = None
    kind: Kind | None = None
    genre: str | None = None
    year_from: int | None = None
    year_to: int | None = None


def made(rows: list[dict[str, object]], activity: Sequence[Mapping[str, Any]] = ()) -> Catalog:
    titles = [CatalogTitle(**{k: v for k, v in row.items() if k not in {"source", "source_id"}}) for row in rows]
    return Catalog(titles, activity)


CATALOG = made(TITLES, ACTIVITY_ROWS)


def found(wanted: Wanted) -> list[str]:
    return [title.title for title in CATALOG.search(wanted, 100, None).items]


@pytest.mark.parametrize(
    ("wanted", "titles"),
    [
        (Wanted(q="matrix"), ["The Matrix"]),
        (Wanted(q="AMELIE"), ["Amélie"]),
        (Wanted(q="destin fabuleux"), ["Amélie"]),
        (Wanted(q="the"), ["The Wire", "The Matrix", "Back to the Future"]),
        (Wanted(q="nothing like it"), []),
        (Wanted(kind="show"), ["The Wire"]),
        (Wanted(genre="comedy"), ["Back to the Future"]),
        (Wanted(year_from=2001), ["The Wire", "Amélie"]),
        (Wanted(year_to=1985), ["Back to the Future"]),
        (Wanted(year_from=1999, year_to=1999), ["The Matrix"]),
        (Wanted(q="the", kind="movie", year_to=1990), ["Back to the Future"]),
    ],
)
def test_search(wanted: Wanted, titles: list[str]) -> None:
    assert found(wanted) == titles


def test_exact_names_come_before_beginnings_before_the_rest() -> None:
    names = ["Ali Baba", "Ali", "The Greatest: Ali"]
    catalog = made([catalog_row(f"tt{i}", name) for i, name in enumerate(names)])
    ranked = catalog.search(Wanted(q="ali"), 10, None).items
    assert [title.title for title in ranked] == ["Ali", "Ali Baba", "The Greatest: Ali"]


def test_ids_and_aliases_lead_to_one_title() -> None:
    title = CATALOG.get("tt0133093")
    assert title is not None
    assert CATALOG.get("moviebox:603") is title
    assert CATALOG.get("moviebox:604") is None


def test_an_id_is_stronger_than_another_titles_alias() -> None:
    catalog = made([catalog_row("tt1", "One"), catalog_row("tt2", "Two", aliases=["tt1"])])
    title = catalog.get("tt1")
    assert title is not None
    assert title.title == "One"


def test_trending_ranks_by_score_and_leaves_out_titles_without() -> None:
    week = [trend.title.title for trend in CATALOG.trending("week", Wanted(), 10, None).items]
    day = [trend.title.title for trend in CATALOG.trending("day", Wanted(), 10, None).items]
    assert week == ["The Matrix", "Amélie", "Back to the Future"]
    assert day == ["Back to the Future", "The Matrix"]


def test_a_title_that_was_found_to_be_another_is_ranked_once() -> None:
    rows = [
        activity_row("tt1", (0, 1), (0, 1)),
        activity_row("old:1", (0, 7), (0, 7)),
        activity_row("tt2", (0, 2), (0, 2)),
    ]
    catalog = made([catalog_row("tt1", "One", aliases=["old:1"]), catalog_row("tt2", "Two")], rows)
    found = catalog.trending("week", Wanted(), 10, None).items
    assert [(trend.title.title_id, trend.score) for trend in found] == [("tt1", 7), ("tt2", 2)]


def test_a_replay_is_judged_at_the_end_of_its_newest_partition() -> None:
    assert CATALOG.end() == dt.datetime(2025, 6, 27, tzinfo=dt.UTC)


def test_an_empty_snapshot_is_an_error() -> None:
    with pytest.raises(EmptyCatalogError):
        Catalog([])


def test_the_snapshot_is_read_from_the_lake(world: World) -> None:
    with pytest.raises(MissingPartitionError):
        read_catalog(world.lake)
    world.land_catalog()
    assert [title.title_id for title in read_catalog(world.lake).titles] == sorted(row["title_id"] for row in TITLES)


def test_scores_of_older_code_are_no_ranking_and_leave_the_titles(world: World) -> None:
    world.land_catalog()
    lists = world.lake.days("title_activity")
    day = lists[-1] if lists else "2025-06-27"
    old = pa.table({"title_id": [TITLES[0]["title_id"]], "reviews_1d": [3], "reviews_7d": [9]})
    world.lake.write("title_activity", old, day=day)
    catalog = read_catalog(world.lake)
    assert len(catalog.titles) == len(TITLES)
    assert list(catalog.trending("week", Wanted(), 10, None).items) == []


ROWS = st.lists(
    st.builds(
        lambda number, name, kind, year: catalog_row(f"tt{number}", name, kind=kind, year=year),
        st.integers(0, 500),
        st.sampled_from(["a", "a b", "b a", "Ä b", "c"]),
        st.sampled_from(["movie", "show"]),
        st.none() | st.integers(1990, 1995),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda row: row["title_id"],
)
WANTED = st.builds(
    Wanted,
    q=st.sampled_from([None, "a", "b a"]),
    kind=st.sampled_from([None, "movie"]),
    year_from=st.none() | st.integers(1990, 1995),
)


@given(rows=ROWS, wanted=WANTED, limit=st.integers(1, 7), points=st.lists(st.sampled_from([0.0, 0.1, 0.3, 7.0])))
def test_pages_add_up_to_the_whole_list(
    rows: list[dict[str, object]], wanted: Wanted, limit: int, points: list[float]
) -> None:
    scored = zip(rows, points, strict=False)
    catalog = made(rows, [activity_row(str(row["title_id"]), (0, 0), (score, 0.2)) for row, score in scored])
    for ask, id_of in (
        (lambda size, after: catalog.search(wanted, size, after), lambda item: item.title_id),
        (lambda size, after: catalog.trending("week", wanted, size, after), lambda item: item.title.title_id),
    ):
        pages, after = [], None
        while True:
            page = ask(limit, after)
            pages += page.items
            after = page.next_key
            if after is None:
                break
            assert len(page.items) == limit
        assert pages == list(ask(1000, None).items)
        assert len({id_of(item) for item in pages}) == len(pages)


def test_a_page_goes_on_behind_a_title_that_is_gone() -> None:
    catalog = made([catalog_row("tt1", "One"), catalog_row("tt3", "Three")])
    assert [title.title_id for title in catalog.search(Wanted(), 10, (0, "tt2")).items] == ["tt3"]


@pytest.mark.parametrize(
    ("text", "plain"), [("  The  MATRIX ", "the matrix"), ("Amélie", "amelie"), ("Straße", "strasse")]
)
def test_folded(text: str, plain: str) -> None:
    assert folded(text) == plain
