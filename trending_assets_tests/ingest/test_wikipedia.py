"""Wikipedia: films and shows are told from everything else that is read, and only those are asked for."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.ingest.documents import Document, MalformedRecordError
from trending_assets.ingest.fields import UnknownPageError, UnreadableListError
from trending_assets.ingest.wikipedia import SOURCE, crawl, parse, visit
from trending_assets.ingest.wikipedia_titles import LABELS, genre_words, kind_and_year, name_of
from trending_assets_tests.ingest.fake_fetcher import (
    NOW,
    FakeFetcher,
    crawled,
    goes_on_from_any_point,
    junk,
    read_or_named,
)

_TOP = "https://wikimedia.org/api/rest_v1/metrics/pageviews/top/en.wikipedia/all-access/2025/06/03"
_PARASITE = "2019 film by Bong Joon-ho"


def _api(titles: str, **parameters: str) -> str:
    query = {
        "action": "query",
        "format": "json",
        "formatversion": "2",
        "redirects": "1",
        **parameters,
        "titles": titles,
    }
    return f"https://en.wikipedia.org/w/api.php?{urlencode(query)}"


def _descriptions(*titles: str) -> str:
    return _api("|".join(titles), prop="description")


def _extracts(*titles: str) -> str:
    more = {"exintro": "1", "explaintext": "1", "ppprop": "wikibase_item"}
    return _api("|".join(titles), prop="extracts|description|pageprops", **more)


def _views(article: str) -> str:
    root = "https://wikimedia.org/api/rest_v1/metrics/pageviews/per-article/en.wikipedia/all-access/user"
    return f"{root}/{article}/daily/20250603/20250603"


def _top(*articles: str) -> dict[str, Any]:
    rows = [{"article": name, "views": 1000 - rank, "rank": rank} for rank, name in enumerate(articles, start=1)]
    return {"items": [{"project": "en.wikipedia", "articles": rows}]}


def _described(**pages: str | None) -> dict[str, Any]:
    rows = [{"pageid": n, "title": t, **({"description": d} if d else {})} for n, (t, d) in enumerate(pages.items())]
    return {"batchcomplete": True, "query": {"pages": rows}}


def _page() -> dict[str, Any]:
    return {
        "pageid": 57122042,
        "ns": 0,
        "title": "Parasite (2019 film)",
        "extract": (
            "Parasite (Korean: 기생충) is a 2019 South Korean black comedy thriller film directed by Bong Joon-ho. "
            "A poor family schemes to become employed by a wealthy one. It was called a horror film."
        ),
        "description": _PARASITE,
        "pageprops": {"wikibase_item": "Q61448040"},
    }


def _count() -> dict[str, Any]:
    return {"items": [{"article": "Parasite_(2019_film)", "timestamp": "2025060300", "views": 12345}]}


def _document(payload: object, document_type: str = "pages") -> Document:
    return Document("wikipedia", document_type, "x", _extracts("x"), NOW, json.dumps(payload).encode())


def _answers() -> dict[str, object]:
    return {
        _TOP: _top(
            "Main_Page", "Special:Search", "Parasite_(2019_film)", "Elvis_Presley", "Wikipedia:About", "Severance"
        ),
        _descriptions("Parasite_(2019_film)", "Elvis_Presley", "Severance"): _described(
            **{"Parasite (2019 film)": _PARASITE, "Elvis Presley": "American singer and actor (1935-1977)"},
            **{"Severance (TV series)": "American television series"},
        ),
        _extracts("Parasite (2019 film)", "Severance (TV series)"): {"query": {"pages": [_page()]}},
        _views("Parasite_%282019_film%29"): _count(),
        _views("Severance_%28TV_series%29"): None,
    }


def test_a_crawl_asks_for_the_introductions_and_views_of_films_and_shows_only() -> None:
    fetcher = FakeFetcher("wikipedia", _answers())
    assert crawled(crawl, fetcher) == list(_answers())
    assert {d.document_type for d in fetcher.kept.values()} == SOURCE.card.documents.keys()


def test_a_day_without_counts_yet_asks_for_nothing_more() -> None:
    assert crawled(crawl, FakeFetcher("wikipedia", {_TOP: None})) == [_TOP]


def test_a_thousand_articles_are_asked_about_in_batches_that_the_api_allows() -> None:
    names = [f"Film_{number}" for number in range(1000)]

    class Everything(FakeFetcher):
        async def get(self, url: str, *, document_type: str, source_id: str) -> Document | None:
            titles = parse_qs(urlsplit(url).query).get("titles", [""])[0].split("|")
            pages = _described(**{t.replace("_", " "): "2019 film by X" for t in titles})
            answer = {"items": []} if document_type == "views" else pages
            self.answers = {_TOP: _top(*names)} if url == _TOP else {url: answer}
            return await super().get(url, document_type=document_type, source_id=source_id)

    asked = crawled(crawl, Everything("wikipedia", {}))
    sizes = [len(parse_qs(urlsplit(url).query)["titles"][0].split("|")) for url in asked if "/w/api.php" in url]
    assert sizes == [50] * 20 + [20] * 50
    assert sum("per-article" in url for url in asked) == 1000


def test_a_crawl_goes_on_where_it_was_stopped() -> None:
    goes_on_from_any_point(crawl, lambda **more: FakeFetcher("wikipedia", _answers(), **more))


@pytest.mark.parametrize("payload", [b"<html>", [], {"items": [{"articles": [{"article": 1}]}]}])
def test_a_list_that_cannot_be_read_stops_the_crawl_by_name(payload: object) -> None:
    with pytest.raises(UnreadableListError, match=r"wikimedia\.org/\S+: \S+"):
        crawled(crawl, FakeFetcher("wikipedia", {_TOP: payload}))


def test_an_error_that_the_api_tells_with_status_200_stops_the_crawl_by_name() -> None:
    answers = _answers()
    answers[list(answers)[1]] = {"error": {"code": "ratelimited", "info": "…"}}
    with pytest.raises(UnreadableListError, match="the API answered with the error 'ratelimited'"):
        crawled(crawl, FakeFetcher("wikipedia", answers))


@pytest.mark.parametrize(
    ("url", "title"),
    [
        ("https://en.wikipedia.org/wiki/Parasite_(2019_film)", "Parasite (2019 film)"),
        ("https://en.m.wikipedia.org/wiki/Am%C3%A9lie?action=raw#Plot", "Amélie"),
        ("https://en.wikipedia.org/wiki/Mission:_Impossible_(film)", "Mission: Impossible (film)"),
    ],
)
def test_a_visit_asks_for_the_introduction(url: str, title: str) -> None:
    fetcher = FakeFetcher("wikipedia", {_extracts(title): {}})
    asyncio.run(visit(url, fetcher))
    assert fetcher.asked == [_extracts(title)]


@pytest.mark.parametrize(
    "url",
    [
        "https://de.wikipedia.org/wiki/Parasite",
        "https://en.wikipedia.org/w/index.php?title=Parasite",
        "https://en.wikipedia.org/wiki/Talk:Parasite",
        "https://en.wikipedia.org/wiki/User_talk:Somebody",
        "https://en.wikipedia.org/wiki/Main_Page",
        "https://en.wikipedia.org/wiki/A%7CB",
        "https://en.wikipedia.org/wiki/",
    ],
)
def test_a_visit_of_anything_else_asks_for_nothing(url: str) -> None:
    with pytest.raises(UnknownPageError, match="not an article"):
        asyncio.run(visit(url, FakeFetcher("wikipedia", {})))


@pytest.mark.parametrize(
    ("description", "found"),
    [
        ("2019 film by Bong Joon-ho", ("movie", 2019)),
        ("1994 American crime film", ("movie", 1994)),
        ("Upcoming film by Christopher Nolan", ("movie", None)),
        ("Upcoming American superhero film", ("movie", None)),
        ("1977 film in the Star Wars franchise", ("movie", 1977)),
        ("2008 short film", ("movie", 2008)),
        ("2020 documentary by Jane Doe", ("movie", 2020)),
        ("British television series (2013\u20132022)", ("show", 2013)),
        ("American TV series (2019\u2013present)", ("show", 2019)),
        ("2021 South Korean television series", ("show", 2021)),
        ("Japanese anime television series", ("show", None)),
        ("2019 American television miniseries", ("show", 2019)),
        ("American miniseries", ("show", None)),
        ("American animated sitcom", ("show", None)),
        ("British soap opera", ("show", None)),
        ("American late-night talk show", ("show", None)),
        ("Film genre", None),
        ("Film series", None),
        ("Video game series", None),
        ("American film director", None),
        ("American actress (born 1990)", None),
        ("Season of television series", None),
        ("Second season of American television series", None),
        ("Episode of the television series Lost", None),
        ("Fictional character in the 1977 film", None),
        ("2022 soundtrack album", None),
        ("Film with full-length running time", None),
        ("List of films", None),
        ("American radio drama series", None),
        ("Documentary film series", None),
        ("Television channel", None),
        ("film", None),
        ("", None),
    ],
)
def test_a_short_description_tells_films_and_shows_from_everything_else(description: str, found: object) -> None:
    assert kind_and_year(description) == found


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Dune (2021 film)", ("Dune", 2021)),
        ("It (miniseries)", ("It", None)),
        ("The Office (American TV series)", ("The Office", None)),
        ("Scream (franchise)", ("Scream (franchise)", None)),
        ("(500) Days of Summer", ("(500) Days of Summer", None)),
    ],
)
def test_a_name_is_freed_of_what_tells_it_from_others(title: str, name: object) -> None:
    assert name_of(title) == name


@pytest.mark.parametrize(
    ("extract", "genres"),
    [
        ("Parasite is a 2019 South Korean black comedy thriller film directed by X. It is a horror film.", ["comedy"]),
        ("Alien is a 1979 science-fiction horror film.", ["horror", "science-fiction"]),
        ("WALL-E is a 2008 American animated romantic science fiction film.", ["animation", "science-fiction"]),
        ("Rocky is a 1976 American sports drama film.", ["sport"]),
        ("The Simpsons is an American animated sitcom created by X.", ["animation", "comedy"]),
        ("Heat is a 1995 American crime film.", []),
        ("Horror is what it is about. The comedy film came later.", []),
    ],
)
def test_genres_are_those_of_the_first_sentence_that_it_states_reliably(extract: str, genres: list[str]) -> None:
    assert LABELS.genres(genre_words(extract, "1979 film by X")) == genres


def test_an_article_becomes_a_title() -> None:
    origin = _document({"query": {"pages": [_page(), {"title": "Gone", "missing": True}]}})
    (title,) = parse(origin).titles
    wanted = {
        "source_id": "Parasite_(2019_film)",
        "kind": "movie",
        "title": "Parasite",
        "year": 2019,
        "genres": ["comedy"],
        "label_coverage": ["animation", "comedy", "horror", "science-fiction", "sport", "western"],
        "labels_complete": False,
        "plot": _page()["extract"],
        "external_ids": [
            {"catalogue": "wikidata", "id": "Q61448040"},
            {"catalogue": "wikipedia", "id": "Parasite_(2019_film)"},
        ],
    }
    assert {key: title[key] for key in wanted} == wanted


def test_views_become_a_signal_of_their_day() -> None:
    (signal,) = parse(_document(_count(), "views")).signals
    assert (signal["source_title_id"], signal["name"], signal["value"]) == ("Parasite_(2019_film)", "views", 12345.0)
    assert signal["event_time"] == datetime(2025, 6, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("payload", "document_type", "reason"),
    [
        ({}, "pages", "query is missing"),
        ({"error": {"code": "badvalue"}}, "pages", "the API answered with the error 'badvalue'"),
        ({"query": {"pages": [_page() | {"title": None}]}}, "pages", r"query\.pages\[0\]\.title is missing"),
        ({"query": {"pages": [_page() | {"pageprops": {"wikibase_item": "P1"}}]}}, "pages", "wikibase_item: 'P1'"),
        ({"items": [{"article": "A", "timestamp": "2025"}]}, "views", r"items\[0\]\.timestamp: '2025'"),
        ({"items": [{"article": "A", "timestamp": "2025060300"}]}, "views", r"items\[0\]\.views is missing"),
        ({}, "talk", "unknown document type 'talk'"),
    ],
)
def test_what_cannot_be_meant_is_named(payload: object, document_type: str, reason: str) -> None:
    with pytest.raises(MalformedRecordError, match=reason):
        parse(_document(payload, document_type))


@settings(max_examples=200, deadline=None)
@given(
    junk({"query": {"pages": [_page()]}}) | junk(_count()) | junk(_top("A")),
    st.sampled_from(sorted(SOURCE.card.documents)),
)
def test_whatever_comes_is_read_or_named(payload: object, document_type: str) -> None:
    read_or_named(parse, _document(payload, document_type))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=600), st.text(max_size=60))
def test_any_text_has_genres_of_the_label_map(extract: str, description: str) -> None:
    assert set(genre_words(f"It is a {extract} film", description)) <= LABELS.slugs.keys()
    assert kind_and_year(description) is None or kind_and_year(description)[0] in ("movie", "show")  # type: ignore[index]
