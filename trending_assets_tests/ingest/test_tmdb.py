"""TMDB: lists say what to ask for, without the key; recorded details are read, and placeholders never as data."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.ingest.documents import Document, MalformedRecordError
from trending_assets.ingest.fields import UnknownPageError, UnreadableListError
from trending_assets.ingest.tmdb import SOURCE, crawl, parse, visit
from trending_assets.ingest.tmdb_labels import GENRE_NAMES, LABEL_MAPS, MOVIES, SHOWS
from trending_assets_tests.ingest.fake_fetcher import (
    DAY,
    NOW,
    FakeFetcher,
    crawled,
    fixtures,
    goes_on_from_any_point,
    junk,
    read_or_named,
    recorded,
)

_API = "https://api.themoviedb.org/3"


def _details(medium: str, number: int) -> str:
    return f"{_API}/{medium}/{number}?language=en-US&append_to_response=external_ids,keywords,reviews"


def _changes(medium: str, page: int = 1) -> str:
    return f"{_API}/{medium}/changes?start_date=2025-06-03&end_date=2025-06-04&page={page}"


def _discover(medium: str, page: int = 1) -> str:
    dated = {"movie": "primary_release_date", "tv": "first_air_date"}[medium]
    return (
        f"{_API}/discover/{medium}?{dated}.gte=2025-06-03&{dated}.lte=2025-06-03"
        f"&include_adult=false&language=en-US&sort_by=popularity.desc&page={page}"
    )


def _trending(medium: str, page: int = 1) -> str:
    return f"{_API}/trending/{medium}/day?language=en-US&page={page}"


def _list(*numbers: int, page: int = 1, pages: int = 1) -> dict[str, Any]:
    return {"page": page, "results": [{"id": n, "adult": False} for n in numbers], "total_pages": pages}


def _answers() -> dict[str, object]:
    return {
        _changes("movie"): _list(1, 2, pages=2),
        _changes("movie", 2): _list(3, page=2, pages=2),
        _discover("movie"): _list(2, 4),
        _trending("movie"): _list(5, 1),
        _changes("tv"): {"results": [{"id": 8, "adult": True}, {"id": 7, "adult": None}], "total_pages": 1},
        _discover("tv"): _list(pages=0),
        _trending("tv"): _list(1),
        **{_details("movie", n): {} for n in (1, 2, 3, 4)},
        _details("movie", 5): {"reviews": {"total_pages": 3}},
        **{f"{_API}/movie/5/reviews?language=en-US&page={page}": {} for page in (2, 3)},
        **{_details("tv", n): {} for n in (1, 7)},
    }


def _document(payload: object, document_type: str = "movie") -> Document:
    return Document("tmdb", document_type, "x", _details("movie", 1), NOW, json.dumps(payload).encode())


def _show() -> dict[str, Any]:
    return {
        "id": 1399,
        "name": "Game of Thrones",
        "original_name": "Game of Thrones",
        "first_air_date": "2011-04-17",
        "genres": [{"id": 10765, "name": "Sci-Fi & Fantasy"}, {"id": 18, "name": "Drama"}, {"id": 10759, "name": "?"}],
        "episode_run_time": [50, 70],
        "origin_country": ["US"],
        "original_language": "en",
        "overview": "Seven noble families fight.",
        "popularity": 346.1,
        "vote_count": 21390,
        "vote_average": 8.4,
        "external_ids": {"imdb_id": "tt0944947", "tvdb_id": 121361, "wikidata_id": "Q23572"},
        "reviews": {
            "results": [
                {
                    "author": "Jane Doe",
                    "author_details": {"username": "jane", "rating": 9.0},
                    "content": "Good until the end.",
                    "created_at": "2017-02-20T05:47:28.872Z",
                },
                {"author": "Jo", "author_details": {"username": "", "rating": None}, "content": "Fine."},
            ],
            "total_pages": 1,
        },
    }


def test_a_crawl_asks_for_what_trends_comes_out_or_was_changed_each_once() -> None:
    fetcher = FakeFetcher("tmdb", _answers())
    asked = crawled(crawl, fetcher)
    assert sorted(asked) == sorted(_answers())
    # What trends comes first, so that a crawl cut short has what matters most.
    details = [url for url in asked if "append_to_response" in url]
    movies = [_details("movie", n) for n in (5, 1, 2, 4, 3)]
    assert details == [*movies, _details("tv", 1), _details("tv", 7)]
    assert fetcher.kept[_details("tv", 7)].source_id == "tv-7"
    assert {d.document_type for d in fetcher.kept.values()} < SOURCE.card.documents.keys()


def test_what_trends_is_not_asked_about_a_day_that_is_over() -> None:
    asked = crawled(crawl, FakeFetcher("tmdb", _answers(), now=NOW + timedelta(days=1)))
    assert [url for url in asked if "trending" in url] == []
    assert _changes("movie") in asked


def test_no_more_than_the_first_pages_of_a_list_are_read() -> None:
    endless = {_changes("movie", page): _list(page=page, pages=57) for page in range(1, 58)}
    asked = crawled(crawl, FakeFetcher("tmdb", _answers() | endless))
    assert [url for url in asked if "/movie/changes" in url] == [_changes("movie", page) for page in range(1, 6)]


def test_a_crawl_goes_on_where_it_was_stopped() -> None:
    goes_on_from_any_point(crawl, lambda **more: FakeFetcher("tmdb", _answers(), **more))


def test_the_key_is_in_no_url_and_goes_to_tmdb_only() -> None:
    fetcher = FakeFetcher("tmdb", _answers())
    crawled(crawl, fetcher, options={"api_key": "0123456789abcdef"})
    assert not [url for url in fetcher.asked if "0123456789abcdef" in url or "api_key" in url]
    assert SOURCE.credentials is not None
    assert SOURCE.required == {"api_key"}
    (host, given), *others = SOURCE.credentials({"api_key": " 0123456789abcdef\n"}).items()
    assert (host, dict(given.params), dict(given.headers), others) == (
        "api.themoviedb.org",
        {"api_key": "0123456789abcdef"},
        {},
        [],
    )
    token = SOURCE.credentials({"api_key": "aaa.bbb.ccc"})["api.themoviedb.org"]
    assert (dict(token.params), dict(token.headers)) == ({}, {"Authorization": "Bearer aaa.bbb.ccc"})


def test_details_that_are_gone_or_cannot_be_read_stop_nothing() -> None:
    spoilt: dict[str, object] = {_details("movie", 5): b"<html>", _details("movie", 1): None}
    asked = crawled(crawl, FakeFetcher("tmdb", _answers() | spoilt))
    assert asked[-1] == _details("tv", 7)
    assert not [url for url in asked if "/movie/5/reviews" in url]


@pytest.mark.parametrize("payload", [b"<html>", [], {"results": [{"id": "one"}]}, {"results": {}}])
def test_a_list_that_cannot_be_read_stops_the_crawl_by_name(payload: object) -> None:
    with pytest.raises(UnreadableListError, match=r"api\.themoviedb\.org/3/movie/changes\S+: \S+"):
        crawled(crawl, FakeFetcher("tmdb", _answers() | {_changes("movie"): payload}))


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://www.themoviedb.org/movie/550-fight-club", _details("movie", 550)),
        ("https://www.themoviedb.org/tv/1399-game-of-thrones/reviews?language=de", _details("tv", 1399)),
        ("https://api.themoviedb.org/3/movie/550", _details("movie", 550)),
    ],
)
def test_a_visit_asks_the_api_for_the_title(url: str, asked: str) -> None:
    fetcher = FakeFetcher("tmdb", {asked: {}})
    asyncio.run(visit(url, fetcher))
    assert fetcher.asked == [asked]


@pytest.mark.parametrize(
    "url",
    ["https://www.themoviedb.org/person/287", "https://www.themoviedb.org.evil.example/movie/550", "movie/550", ""],
)
def test_a_visit_of_anything_else_asks_for_nothing(url: str) -> None:
    with pytest.raises(UnknownPageError, match="not the page of a film or show"):
        asyncio.run(visit(url, FakeFetcher("tmdb", {})))


def test_a_show_becomes_a_title_with_its_own_label_map() -> None:
    (title,) = parse(_document(_show(), "tv")).titles
    wanted = {
        "source_id": "tv-1399",
        "kind": "show",
        "title": "Game of Thrones",
        "original_title": None,
        "released": date(2011, 4, 17),
        "language": "en",
        "countries": ["US"],
        # One of a pair is not known to be the second of it.
        "genres": ["action", "drama", "science-fiction"],
        "plot": "Seven noble families fight.",
        "runtime_minutes": 60,
        "imdb_id": "tt0944947",
        "external_ids": [
            {"catalogue": "thetvdb", "id": "121361"},
            {"catalogue": "tmdb_tv", "id": "1399"},
            {"catalogue": "wikidata", "id": "Q23572"},
        ],
    }
    assert {key: title[key] for key in wanted} == wanted
    assert set(title["label_coverage"]) == SHOWS.coverage
    assert not SHOWS.coverage & {"adventure", "fantasy", "war", "horror"}


def test_its_reviews_keep_rating_time_and_words() -> None:
    first, second = parse(_document(_show(), "tv")).reviews
    assert (first["source_title_id"], first["imdb_id"]) == ("tv-1399", "tt0944947")
    assert (first["text"], first["author"]) == ("Good until the end.", "jane")
    assert (first["rating_raw"], first["rating_scale"]) == ("9", 10.0)
    assert first["event_time"] == datetime(2017, 2, 20, 5, 47, 28, 872000, tzinfo=UTC)
    assert (second["author"], second["rating_raw"]) == ("Jo", None)


def test_counts_become_signals_and_a_mean_of_no_votes_none() -> None:
    parsed = parse(_document(_show(), "tv"))
    assert {s["name"]: s["value"] for s in parsed.signals} == {"popularity": 346.1, "votes": 21390.0, "rating": 8.4}
    unrated = parse(_document(_show() | {"vote_count": 0, "vote_average": 0}, "tv"))
    assert {s["name"]: s["value"] for s in unrated.signals} == {"popularity": 346.1, "votes": 0.0}


def test_what_trends_becomes_ranks_that_count_over_pages() -> None:
    parsed = parse(_document(_list(5, 1, page=2), "movie_trending"))
    assert [(s["source_title_id"], s["name"], s["value"]) for s in parsed.signals] == [
        ("movie-5", "trending_rank", 21.0),
        ("movie-1", "trending_rank", 22.0),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, "id is missing"),
        ({"name": None}, "name is missing"),
        ({"first_air_date": "release date"}, "first_air_date: 'release date' is not a date"),
        ({"genres": [{"name": "Drama"}]}, r"genres\[0\]\.id is missing"),
        ({"episode_run_time": ["60"]}, "episode_run_time: "),
        ({"external_ids": {"wikidata_id": "wikidata"}}, r"external_ids\.wikidata_id: 'wikidata' is not a Wikidata id"),
        ({"external_ids": {"imdb_id": "imdb"}}, "imdb id: 'imdb'"),
        ({"external_ids": {"tvdb_id": "tvdb"}}, r"external_ids\.tvdb_id: 'tvdb' is not a number"),
        ({"vote_count": "many"}, "vote_count: 'many' is not a number"),
        ({"reviews": {"results": [{"content": None}]}}, r"reviews\.results\[0\]\.content is missing"),
        (
            {"reviews": {"results": [{"content": "x", "author_details": {"rating": [8]}}]}},
            r"reviews\.results\[0\]\.author_details\.rating: \[8\] is not a number",
        ),
        ({"reviews": {"results": [{"content": "x", "created_at": "now"}]}}, r"created_at: 'now' is not a time"),
    ],
)
def test_what_cannot_be_meant_is_named(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(MalformedRecordError, match=reason):
        parse(_document(_show() | change, "tv"))


@pytest.mark.parametrize("document_type", ["person", "movie_credits", "tv_", "", "person_changes"])
def test_an_unknown_document_type_is_named(document_type: str) -> None:
    with pytest.raises(MalformedRecordError, match="unknown document type"):
        parse(_document(_show(), document_type))


@settings(max_examples=200, deadline=None)
@given(junk(_show()) | junk(_list(5, 1, pages=2)), st.sampled_from(sorted(SOURCE.card.documents)))
def test_whatever_comes_is_read_or_named(payload: object, document_type: str) -> None:
    read_or_named(parse, _document(payload, document_type))


def test_recorded_details_of_a_film_are_read() -> None:
    details = recorded("tmdb", "movies/details.json")
    (title,) = (parsed := parse(_document(details))).titles
    assert (title["title"], title["released"], title["imdb_id"]) == ("Fight Club", date(1999, 10, 15), "tt0137523")
    assert (title["genres"], title["runtime_minutes"], title["countries"]) == (
        ["comedy", "drama", "thriller"],
        139,
        ["US"],
    )
    assert set(title["label_coverage"]) == MOVIES.coverage
    assert {s["name"]: s["value"] for s in parsed.signals} == {"popularity": 61.416, "votes": 26280.0, "rating": 8.433}


def test_recorded_details_of_a_show_are_read_with_their_reviews() -> None:
    parsed = parse(_document(recorded("tmdb", "tv_series/details_with_append_to_response.json"), "tv"))
    (title,) = parsed.titles
    assert (title["title"], title["runtime_minutes"]) == ("Game of Thrones", 60)
    assert title["genres"] == ["action", "drama", "science-fiction"]
    assert len(parsed.reviews) == 5
    assert parsed.reviews[0]["rating_raw"] == "2"
    plain = parse(_document(recorded("tmdb", "tv_series/details.json"), "tv")).titles[0]
    assert (plain["title"], plain["imdb_id"]) == ("Game of Thrones", None)


def test_placeholders_in_recorded_details_never_become_ids() -> None:
    details = recorded("tmdb", "movies/details_with_append_to_response.json")
    with pytest.raises(MalformedRecordError, match=r"external_ids\.wikidata_id: 'wikidata' is not a Wikidata id"):
        parse(_document(details))
    details["external_ids"]["wikidata_id"] = None
    (title,) = (parsed := parse(_document(details))).titles
    assert (title["title"], title["original_title"], title["language"]) == ("Rock Crystal", "Bergkristall", "de")
    assert title["external_ids"] == [{"catalogue": "tmdb", "id": "12313"}]
    assert [review["rating_raw"] for review in parsed.reviews] == ["5"]


def test_a_placeholder_for_a_recorded_rating_is_kept_in_its_own_words() -> None:
    page = recorded("tmdb", "movies/reviews.json")
    rows = parse(_document(page, "movie_reviews")).reviews
    assert len(rows) == 8
    assert {row["source_title_id"] for row in rows} == {"movie-550"}
    assert rows[0]["rating_raw"] == "rating"
    assert all(row["rating_raw"] is None or float(row["rating_raw"]) <= 10 for row in rows[1:])


def test_recorded_reviews_of_a_show_are_read() -> None:
    rows = parse(_document(recorded("tmdb", "tv_series/reviews.json"), "tv_reviews")).reviews
    assert (len(rows), rows[0]["rating_raw"], rows[0]["source_title_id"]) == (11, "9", "tv-1399")


@pytest.mark.parametrize(
    ("name", "document_type", "signals"),
    [
        ("changes/movie_list.json", "movie_changes", 0),
        ("changes/tv_list.json", "tv_changes", 0),
        ("discover/movies.json", "movie_discover", 0),
        ("discover/tv.json", "tv_discover", 0),
        ("trending/movies.json", "movie_trending", 20),
        ("trending/tv.json", "tv_trending", 20),
    ],
)
def test_recorded_lists_are_read(name: str, document_type: str, signals: int) -> None:
    parsed = parse(_document(recorded("tmdb", name), document_type))
    assert [s["value"] for s in parsed.signals] == [float(rank) for rank in range(1, signals + 1)]
    assert (parsed.titles, parsed.reviews) == ([], [])


def test_a_recorded_day_is_crawled() -> None:
    folder = {"movie": "movies", "tv": "tv_series"}
    answers: dict[str, object] = {}
    for medium in ("movie", "tv"):
        changes = recorded("tmdb", f"changes/{medium}_list.json") | {"total_pages": 1}
        discover = recorded("tmdb", f"discover/{'movies' if medium == 'movie' else 'tv'}.json") | {"total_pages": 1}
        trending = recorded("tmdb", f"trending/{'movies' if medium == 'movie' else 'tv'}.json") | {"total_pages": 1}
        answers |= {_changes(medium): changes, _discover(medium): discover, _trending(medium): trending}
        details = recorded("tmdb", f"{folder[medium]}/details.json")
        for row in [*changes["results"], *discover["results"], *trending["results"]]:
            answers[_details(medium, row["id"])] = details | {"id": row["id"]}
    fetcher = FakeFetcher("tmdb", answers)
    crawled(crawl, fetcher, DAY)
    parsed = [parse(document) for document in fetcher.kept.values()]
    adult = sum(row.get("adult") is True for url in answers if "changes" in url for row in answers[url]["results"])  # type: ignore[index]
    assert sum(len(p.titles) for p in parsed) == len(answers) - 6 - adult
    assert sum(s["name"] == "trending_rank" for p in parsed for s in p.signals) == 40


@pytest.mark.parametrize(("kind", "name"), [("movie", "movie_list.json"), ("show", "tv_list.json")])
def test_every_recorded_genre_has_its_place_in_its_kinds_label_map(kind: Any, name: str) -> None:
    numbers = {genre["id"] for genre in recorded("tmdb", f"genres/{name}")["genres"]}
    assert numbers == GENRE_NAMES[kind].keys()
    assert {GENRE_NAMES[kind][number] for number in numbers} == LABEL_MAPS[kind].slugs.keys()


def test_every_genre_that_recorded_lists_use_is_known() -> None:
    used: dict[str, set[int]] = {"movie": set(), "show": set()}
    for path in fixtures("tmdb").glob("**/*.json"):
        for row in json.loads(path.read_text()).get("results", []):
            if "genre_ids" in row:
                used["movie" if "title" in row else "show"] |= set(row["genre_ids"])
    assert used["movie"] <= GENRE_NAMES["movie"].keys()
    assert used["show"] <= GENRE_NAMES["show"].keys()
    assert len(used["movie"]) > 10
