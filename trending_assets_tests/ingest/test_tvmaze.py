"""TVmaze: a day's updated shows are asked for and no others; every recorded show is read whole."""

import asyncio
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.ingest.documents import Document, MalformedRecordError, parse_documents
from trending_assets.ingest.fields import UnknownPageError, UnreadableListError
from trending_assets.ingest.tvmaze import LABELS, SOURCE, crawl, parse, visit
from trending_assets_tests.ingest.fake_fetcher import (
    NOW,
    FakeFetcher,
    crawled,
    goes_on_from_any_point,
    junk,
    read_or_named,
    recorded,
)

_UPDATES = "https://api.tvmaze.com/updates/shows"
_START = int(datetime(2025, 6, 3, tzinfo=UTC).timestamp())


def _url(show: int) -> str:
    return f"https://api.tvmaze.com/shows/{show}?embed=episodes"


def _payload() -> dict[str, Any]:
    return {
        "id": 82,
        "name": "Game of Thrones",
        "type": "Scripted",
        "language": "English",
        "genres": ["Drama", "Adventure", "Fantasy"],
        "runtime": 60,
        "averageRuntime": 61,
        "premiered": "2011-04-17",
        "rating": {"average": 8.9},
        "weight": 99,
        "network": {"id": 8, "country": {"code": "US"}},
        "webChannel": None,
        "externals": {"tvrage": 24493, "thetvdb": 121361, "imdb": "tt0944947"},
        "summary": "<p>Seven <b>noble</b> families fight.</p>",
        "_embedded": {
            "episodes": [
                {"id": 4952, "airstamp": "2011-04-18T01:00:00+00:00"},
                {"id": 4953, "airstamp": "2025-06-03T20:30:00+00:00"},
                {"id": 4954, "airstamp": "2025-06-03T22:31:00+02:00"},
                {"id": 4955, "airstamp": None},
            ]
        },
    }


def _document(payload: object, document_type: str = "show") -> Document:
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Document("tvmaze", document_type, "82", _url(82), NOW, content)


def test_a_crawl_asks_for_the_shows_whose_last_update_is_of_the_day() -> None:
    updates = {"1": _START - 1, "250": _START, "30": _START + 86_399, "4": _START + 86_400}
    answers = {f"{_UPDATES}?since=week": updates, _url(250): {}, _url(30): {}}
    fetcher = FakeFetcher("tvmaze", answers)
    assert crawled(crawl, fetcher) == [f"{_UPDATES}?since=week", _url(30), _url(250)]
    assert {d.document_type for d in fetcher.kept.values()} == {"updates", "show"}
    assert fetcher.kept[_url(30)].source_id == "30"


@pytest.mark.parametrize(
    ("age", "windows"),
    [
        (0, ["?since=week"]),
        (6, ["?since=week"]),
        (7, ["?since=week", "?since=month"]),
        (27, ["?since=week", "?since=month"]),
        (28, ["?since=week", "?since=month", ""]),
        (4000, ["?since=week", "?since=month", ""]),
    ],
)
def test_the_shortest_list_that_reaches_the_day_is_asked_for(age: int, windows: list[str]) -> None:
    answers: dict[str, object] = {f"{_UPDATES}{window}": {} for window in ("?since=week", "?since=month", "")}
    fetcher = FakeFetcher("tvmaze", answers, now=NOW + timedelta(days=age))
    assert crawled(crawl, fetcher) == [f"{_UPDATES}{window}" for window in windows]


def test_a_crawl_goes_on_where_it_was_stopped() -> None:
    answers: dict[str, object] = {f"{_UPDATES}?since=week": {"1": _START, "2": _START, "3": _START}}
    answers |= {_url(n): {} for n in (1, 2, 3)}
    goes_on_from_any_point(crawl, lambda **more: FakeFetcher("tvmaze", answers, **more))


def test_a_show_that_is_gone_stops_nothing() -> None:
    answers: dict[str, object] = {f"{_UPDATES}?since=week": {"1": _START, "2": _START}, _url(1): None, _url(2): {}}
    assert crawled(crawl, FakeFetcher("tvmaze", answers))[-1] == _url(2)


@pytest.mark.parametrize("updates", [b"<html>", [], {"x": 1}, {"9" * 5000: 1}, {"1": "yesterday"}, {"1": None}])
def test_a_list_of_updates_that_cannot_be_read_stops_the_crawl_by_name(updates: object) -> None:
    with pytest.raises(UnreadableListError, match=r"api\.tvmaze\.com/updates/shows\?since=week: \S+"):
        crawled(crawl, FakeFetcher("tvmaze", {f"{_UPDATES}?since=week": updates}))


@pytest.mark.parametrize(
    "url",
    [
        "https://www.tvmaze.com/shows/82/game-of-thrones",
        "http://www.tvmaze.com/shows/82",
        "https://api.tvmaze.com/shows/82?embed=cast",
        "https://api.tvmaze.com/shows/82/episodes",
    ],
)
def test_a_visit_asks_the_api_for_the_show(url: str) -> None:
    fetcher = FakeFetcher("tvmaze", {_url(82): _payload()})
    asyncio.run(visit(url, fetcher))
    assert fetcher.asked == [_url(82)]


@pytest.mark.parametrize(
    "url",
    [
        "https://www.tvmaze.com/people/82",
        "https://www.tvmaze.com/shows/0",
        "https://evil.example/?https://www.tvmaze.com/shows/82",
        "https://www.tvmaze.com.evil.example/shows/82",
        "https://www.tvmaze.com/shows/82x",
    ],
)
def test_a_visit_of_anything_else_asks_for_nothing(url: str) -> None:
    with pytest.raises(UnknownPageError, match="not the page of a show"):
        asyncio.run(visit(url, FakeFetcher("tvmaze", {})))


def test_a_show_becomes_a_title() -> None:
    (title,) = parse(_document(_payload())).titles
    wanted = {
        "source": "tvmaze",
        "source_id": "82",
        "kind": "show",
        "title": "Game of Thrones",
        "year": 2011,
        "released": date(2011, 4, 17),
        "language": "en",
        "countries": ["US"],
        "genres": ["adventure", "drama", "fantasy"],
        "label_coverage": list(GENRES),
        "labels_complete": True,
        "plot": "Seven noble families fight.",
        "runtime_minutes": 61,
        "imdb_id": "tt0944947",
        "external_ids": [
            {"catalogue": "thetvdb", "id": "121361"},
            {"catalogue": "tvmaze", "id": "82"},
            {"catalogue": "tvrage", "id": "24493"},
        ],
        "event_time": datetime(2011, 4, 17, tzinfo=UTC),
        "arrived_at": NOW,
    }
    assert {key: title[key] for key in wanted} == wanted


def test_its_rating_weight_and_episodes_so_far_become_signals() -> None:
    signals = parse(_document(_payload())).signals
    assert {s["name"]: s["value"] for s in signals} == {"rating": 8.9, "popularity": 99.0, "episodes": 2.0}
    assert {(s["source_title_id"], s["imdb_id"], s["event_time"]) for s in signals} == {("82", "tt0944947", NOW)}


def test_a_show_without_anything_but_a_name_is_kept_without_plot_and_labels() -> None:
    parsed = parse(_document({"id": 5, "name": "Five", "summary": None, "premiered": None, "genres": []}))
    (title,) = parsed.titles
    assert (title["plot"], title["genres"], title["label_coverage"], title["year"]) == (None, [], [], None)
    assert parsed.signals == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, "id is missing"),
        ({"name": ""}, "name is missing"),
        ({"genres": "Drama"}, "genres: 'Drama' is not a list"),
        ({"genres": [1]}, r"genres\[0\]: 1 is not text"),
        ({"premiered": "soon"}, "premiered: 'soon' is not a date"),
        ({"externals": {"imdb": "0944947"}}, "imdb id: '0944947'"),
        ({"rating": 8.9}, "rating: 8.9 is not an object"),
        ({"rating": {"average": "8.9"}}, "rating.average: '8.9' is not a number"),
        ({"weight": True}, "weight: True is not a number"),
        ({"weight": 10**400}, "weight: .* is not a number that can be meant"),
        ({"_embedded": {"episodes": [{"airstamp": "noon"}]}}, r"_embedded\.episodes\[0\]\.airstamp: 'noon'"),
        ({"_embedded": {"episodes": [{"airstamp": "0001-01-01T00:00:00+14:00"}]}}, "airstamp: .* that can be meant"),
    ],
)
def test_what_cannot_be_meant_is_named(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(MalformedRecordError, match=reason):
        parse(_document(_payload() | change))


def test_an_unknown_document_type_is_named() -> None:
    with pytest.raises(MalformedRecordError, match="unknown document type 'person'"):
        parse(_document({}, "person"))


@settings(max_examples=150, deadline=None)
@given(junk(_payload()) | junk({"1": 1577601053}), st.sampled_from(["show", "updates"]))
def test_whatever_comes_is_read_or_named(payload: object, document_type: str) -> None:
    read_or_named(parse, _document(payload, document_type))


def test_every_recorded_show_is_read() -> None:
    shows = recorded("tvmaze", "shows.json")
    documents = [
        Document("tvmaze", "show", str(show["id"]), _url(show["id"]), NOW, json.dumps(show).encode()) for show in shows
    ]
    rows = parse_documents(documents, parse, lambda source, author: author).to_pylist()
    assert Counter(row["outcome"] for row in rows) == {"kept": 201}
    titles = [title for row in rows for title in row["titles"]]
    assert all(title["plot"] and "<" not in title["plot"] for title in titles)
    assert Counter(genre for title in titles for genre in title["genres"]).most_common(4) == [
        ("drama", 105),
        ("comedy", 53),
        ("crime", 51),
        ("action", 48),
    ]
    assert sum(title["imdb_id"] is not None for title in titles) == 199
    signals = Counter(signal["name"] for row in rows for signal in row["signals"])
    assert signals == {"rating": 201, "popularity": 201}


def test_recorded_episodes_are_counted_once_they_are_broadcast() -> None:
    episodes = recorded("tvmaze", "episodes_show82.json")
    show = next(show for show in recorded("tvmaze", "shows.json") if show["id"] == 82)
    document = _document(show | {"_embedded": {"episodes": episodes}})
    assert [s["value"] for s in parse(document).signals if s["name"] == "episodes"] == [73.0]


def test_every_recorded_genre_and_type_has_its_place_in_the_label_map() -> None:
    shows = recorded("tvmaze", "shows.json")
    assert {label for show in shows for label in [*show["genres"], show["type"]]} <= LABELS.slugs.keys()


def test_only_its_api_is_ever_asked() -> None:
    assert SOURCE.politeness is not None
    assert SOURCE.politeness.hosts == {"api.tvmaze.com"}
    assert SOURCE.politeness.requests_per_second <= 2
