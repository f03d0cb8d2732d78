"""Pages with schema.org markup: whatever way it is written, what it says of films, shows and reviews is read."""

import asyncio
import gzip
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.ingest.documents import Document, MalformedRecordError, ParsedDocument
from trending_assets.ingest.schema_org import SOURCE, crawl, parse, visit
from trending_assets_tests.ingest.fake_fetcher import (
    NOW,
    FakeFetcher,
    crawled,
    fixtures,
    goes_on_from_any_point,
    junk,
    read_or_named,
)

_URL = "https://films.example/alien"


def _movie() -> dict[str, Any]:
    return {
        "@context": "https://schema.org",
        "@type": "Movie",
        "url": "/alien",
        "name": "Alien",
        "description": "A crew meets <i>something</i> &amp; runs.",
        "genre": ["Horror", "Sci-Fi", "Space"],
        "datePublished": "1979-05-25",
        "duration": "PT1H57M",
        "contentRating": "R",
        "inLanguage": "en-US",
        "countryOfOrigin": {"@type": "Country", "name": "United Kingdom"},
        "sameAs": ["https://www.imdb.com/title/tt0078748/", "https://www.wikidata.org/wiki/Q103569"],
        "aggregateRating": {"@type": "AggregateRating", "ratingValue": "4.25", "ratingCount": 1200},
        "review": {
            "@type": "Review",
            "author": {"@type": "Person", "name": "Jane Doe"},
            "datePublished": "2024-10-31",
            "reviewBody": "In space no one can hear you.",
            "reviewRating": {"@type": "Rating", "ratingValue": 9, "bestRating": "10", "worstRating": 1},
        },
    }


def _block(value: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(value)}</script>'


def _document(html: str | bytes, **headers: str) -> Document:
    content = html if isinstance(html, bytes) else f"<!doctype html><html><body>{html}</body></html>".encode()
    return Document("schema_org", "page", _URL, _URL, NOW, content, headers=json.dumps(headers))


def _read(html: str | bytes, **headers: str) -> ParsedDocument:
    return parse(_document(html, **headers))


def _said(parsed: ParsedDocument) -> tuple[object, ...]:
    # What a page says, without which bytes it was read from.
    rows = [*parsed.titles, *parsed.reviews, *parsed.signals]
    return tuple({key: value for key, value in row.items() if key != "document_sha256"} for row in rows)


def test_a_crawl_asks_for_the_pages_of_its_settings_each_once() -> None:
    urls = ["https://a.example/1", "https://b.example/2"]
    fetcher = FakeFetcher("schema_org", dict.fromkeys(urls, b""))
    assert crawled(crawl, fetcher, options={"urls": f" {urls[0]}\n{urls[1]} {urls[0]}"}) == urls
    assert crawled(crawl, FakeFetcher("schema_org", {})) == []


def test_a_crawl_goes_on_where_it_was_stopped() -> None:
    answers = {f"https://a.example/{n}": b"" for n in range(4)}
    options = {"urls": " ".join(answers)}
    goes_on_from_any_point(crawl, lambda **more: FakeFetcher("schema_org", answers, **more), options)


def test_a_visit_asks_for_the_page() -> None:
    fetcher = FakeFetcher("schema_org", {_URL: b""})
    asyncio.run(visit(_URL, fetcher))
    assert (fetcher.asked, fetcher.kept[_URL].document_type) == ([_URL], "page")


def test_pages_are_asked_for_as_robots_txt_says_and_no_host_is_allowed_unasked() -> None:
    assert SOURCE.politeness is not None
    assert SOURCE.politeness.robots
    assert SOURCE.politeness.hosts == frozenset()
    assert "hosts" in SOURCE.settings


def test_a_film_becomes_a_title() -> None:
    (title,) = _read(_block(_movie())).titles
    wanted = {
        "source": "schema_org",
        "source_id": _URL,
        "kind": "movie",
        "title": "Alien",
        "year": 1979,
        "released": date(1979, 5, 25),
        "language": "en",
        "countries": ["GB"],
        "genres": ["horror", "science-fiction"],
        "plot": "A crew meets something & runs.",
        "runtime_minutes": 117,
        "certificate": "R",
        "platforms": [],
        "imdb_id": "tt0078748",
        "external_ids": [{"catalogue": "wikidata", "id": "Q103569"}],
    }
    assert {key: title[key] for key in wanted} == wanted


def test_its_review_keeps_words_rating_and_day() -> None:
    (review,) = _read(_block(_movie())).reviews
    wanted = {
        "source_title_id": _URL,
        "imdb_id": "tt0078748",
        "author": "Jane Doe",
        "text": "In space no one can hear you.",
        "rating_raw": "9",
        "rating_scale": 10.0,
        "event_time": datetime(2024, 10, 31, tzinfo=UTC),
    }
    assert {key: review[key] for key in wanted} == wanted


def test_its_mean_rating_becomes_a_signal_out_of_ten() -> None:
    # Out of five, as schema.org says where nothing else is said.
    assert {s["name"]: s["value"] for s in _read(_block(_movie())).signals} == {"rating": 8.5, "votes": 1200.0}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda movie: _block([movie]),
        lambda movie: _block({"@context": "https://schema.org", "@graph": [{"@type": "WebSite", "name": "x"}, movie]}),
        lambda movie: _block({"@type": "WebPage", "mainEntity": movie}),
        lambda movie: _block({"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": movie}]}),
        lambda movie: _block(movie | {"@type": ["Product", "https://schema.org/Movie"]}),
        lambda movie: _block(movie | {"url": None, "@id": "https://films.example/alien"}),
        lambda movie: _block(movie) + _block({"@type": "Organization", "name": "y"}),
        lambda movie: _block(movie) + _block(movie),
        lambda movie: '<script type="application/ld+json">{"@type": "Movie",</script>' + _block(movie),
        lambda movie: f'<script type="application/ld+json"><!--\n{json.dumps(movie)}\n--></script>',
        lambda movie: f'<script type="application/ld+json">//<![CDATA[\n{json.dumps(movie)}\n//]]></script>',
        lambda movie: f'<script type="Application/LD+JSON">/* new */ {json.dumps(movie)[:-1]},}}</script>',
        lambda movie: f"<!-- {_block({'@type': 'Movie', 'name': 'Hidden'})} -->{_block(movie)}",
    ],
)
def test_markup_says_the_same_however_it_is_written(wrap: Any) -> None:
    assert _said(_read(wrap(_movie()))) == _said(_read(_block(_movie())))


def test_microdata_says_the_same_as_json_ld() -> None:
    microdata = """
    <div itemscope itemtype="https://schema.org/Movie">
      <a itemprop="url" href="/alien"><h1 itemprop="name">Alien</h1></a>
      <p itemprop="description">A crew meets something &amp; runs.</p>
      <span itemprop="genre">Horror</span> <span itemprop="genre">Sci-Fi</span>
      <time itemprop="datePublished" datetime="1979-05-25">May 1979</time>
      <meta itemprop="duration" content="PT1H57M"><meta itemprop="contentRating" content="R">
      <meta itemprop="inLanguage" content="en">
      <meta itemprop="countryOfOrigin" content="United Kingdom">
      <link itemprop="sameAs" href="https://www.imdb.com/title/tt0078748/">
      <link itemprop="sameAs" href="https://www.wikidata.org/wiki/Q103569">
      <div itemprop="aggregateRating" itemscope itemtype="https://schema.org/AggregateRating">
        <span itemprop="ratingValue">4.25</span> of <span itemprop="ratingCount">1200</span>
      </div>
      <div itemprop="review" itemscope itemtype="https://schema.org/Review">
        <span itemprop="author" itemscope itemtype="https://schema.org/Person"><b itemprop="name">Jane Doe</b></span>
        <meta itemprop="datePublished" content="2024-10-31">
        <p itemprop="reviewBody">In space no one can hear you.</p>
        <div itemprop="reviewRating" itemscope itemtype="https://schema.org/Rating">
          <span itemprop="ratingValue">9</span>/<span itemprop="bestRating">10</span>
        </div>
      </div>
    </div>"""
    assert _said(_read(microdata)) == _said(_read(_block(_movie())))


def test_a_page_in_another_encoding_is_read_as_its_header_says() -> None:
    html = f"<html>{_block({'@type': 'TVSeries', 'name': 'x'})}</html>".replace('"x"', '"Élite"')
    assert (
        _read(html.encode("latin-1"), **{"content-type": "text/html; charset=ISO-8859-1"}).titles[0]["title"] == "Élite"
    )


def test_a_review_of_its_own_belongs_to_the_title_that_it_names() -> None:
    review = {"@type": "Review", "reviewBody": "Good.", "author": "Jo", "inLanguage": "en"}
    for reviewed in ({"@type": "Movie", "name": "Alien"}, {"@id": "/alien"}, {"@type": "Movie", "url": _URL}):
        parsed = _read(_block(review | {"itemReviewed": reviewed}) + _block(_movie()))
        assert [title["source_id"] for title in parsed.titles] == [_URL]
        assert [(row["text"], row["source_title_id"], row["imdb_id"]) for row in parsed.reviews] == [
            ("In space no one can hear you.", _URL, "tt0078748"),
            ("Good.", _URL, "tt0078748"),
        ]


def test_a_review_without_more_of_its_title_gives_both() -> None:
    review = {"@type": "Review", "reviewBody": "Good.", "itemReviewed": {"@type": "TVSeries", "name": "Lost"}}
    parsed = _read(_block(review))
    assert [(t["kind"], t["title"], t["source_id"]) for t in parsed.titles] == [("show", "Lost", f"{_URL}#Lost")]
    assert [r["source_title_id"] for r in parsed.reviews] == [f"{_URL}#Lost"]


def test_a_review_of_something_else_is_none_of_ours() -> None:
    phone = {"@type": "Review", "reviewBody": "Rings.", "itemReviewed": {"@type": "Product", "name": "Phone"}}
    assert len(_read(_block(phone) + _block(_movie())).reviews) == 1
    with pytest.raises(MalformedRecordError, match="describes no Movie, TVSeries or Review"):
        _read(_block(phone))


def test_a_rating_in_words_has_no_scale() -> None:
    movie = _movie()
    movie["review"]["reviewRating"] = {"ratingValue": "B-", "bestRating": "5"}
    (review,) = _read(_block(movie)).reviews
    assert (review["rating_raw"], review["rating_scale"]) == ("B-", None)


@pytest.mark.parametrize(
    ("duration", "minutes"), [("PT1H57M", 117), ("PT117M", 117), ("PT7020S", 117), ("P1DT1M", 1441), ("PT0S", None)]
)
def test_durations_are_read(duration: str, minutes: int | None) -> None:
    assert _read(_block(_movie() | {"duration": duration})).titles[0]["runtime_minutes"] == minutes


@pytest.mark.parametrize(("published", "year"), [("1979", 1979), ("1979-05", 1979), (1979, 1979)])
def test_a_year_alone_is_no_day(published: object, year: int) -> None:
    (title,) = _read(_block(_movie() | {"datePublished": published})).titles
    assert (title["year"], title["released"]) == (year, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"duration": "two hours"}, "duration: 'two hours' is not an ISO 8601 duration"),
        ({"datePublished": "in May"}, "datePublished: 'in May' is not a date"),
        ({"datePublished": "0001-01-01T00:00:00+14:00"}, "datePublished: .* is not a date that can be meant"),
        ({"aggregateRating": {"ratingValue": "good"}}, "ratingValue: 'good' is not a number"),
        ({"aggregateRating": {"ratingValue": 8.1}}, "aggregateRating.ratingValue: 8.1 is above the best rating, 5"),
        ({"aggregateRating": {"ratingValue": 10**400}}, "ratingValue: '1000.*' is not a number"),
        ({"review": {"@type": "Review", "author": "Jo"}}, "review: reviewBody and reviewRating are missing"),
        ({"url": "https://[films"}, "url: .* is not a URL"),
        ({"name": "\ud800"}, "markup cannot be kept"),
    ],
)
def test_what_cannot_be_meant_is_named(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(MalformedRecordError, match=reason):
        _read(_block(_movie() | change))


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("", "describes no Movie"),
        ("<p>Alien</p>", "describes no Movie"),
        (_block({"@type": "Movie"}), "describes no Movie"),
        (_block({"@type": "Person", "name": "Jane Doe"}), "describes no Movie"),
        ('<script type="application/ld+json">{"@type": "Movie", "name": </script>', "JSON-LD block 1: "),
        (f'<script type="application/ld+json">{"[" * 3000}</script>', "JSON-LD block 1: "),
        ('<script type="application/ld+json">' + '{"a":' * 60 + "1" + "}" * 60 + "</script>", "nests deeper than 50"),
    ],
)
def test_a_page_that_says_nothing_of_use_is_named_so(html: str, reason: str) -> None:
    with pytest.raises(MalformedRecordError, match=reason):
        _read(html)


@pytest.mark.parametrize("name", ["sample_resource.json.gz", "sample_series.json.gz"])
def test_what_a_page_keeps_for_its_own_scripts_is_not_read(name: str) -> None:
    payload = gzip.decompress((fixtures("imdb_next_data") / name).read_bytes()).decode()
    html = f'<script id="__NEXT_DATA__" type="application/json">{payload}</script>'
    with pytest.raises(MalformedRecordError, match="describes no Movie"):
        _read(html)


@settings(max_examples=200, deadline=None)
@given(junk(_movie()))
def test_whatever_json_ld_comes_is_read_or_named(payload: object) -> None:
    read_or_named(parse, _document(_block(payload)))


_PIECES = st.sampled_from(
    [
        *('<div itemscope itemtype="https://schema.org/Movie">', "</div>", "<b itemprop=name>", "</b>", "Alien", "\0"),
        *(
            '<script type="application/ld+json">',
            "</script>",
            '{"@type": "Movie", "name": "x"',
            "}",
            "<!--",
            "-->",
            "[",
            "]",
        ),
        *(
            "<meta itemprop=duration content=PT1H>",
            '<a itemprop=url href="//[x">',
            "<svg>",
            "<template>",
            "&#xd800;",
            "é",
        ),
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_PIECES, max_size=15).map("".join), st.sampled_from(["utf-8", "latin-1", "utf-16"]))
def test_whatever_page_comes_is_read_or_named(html: str, encoding: str) -> None:
    read_or_named(parse, _document(html.encode(encoding)))
