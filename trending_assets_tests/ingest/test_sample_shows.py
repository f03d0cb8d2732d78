"""The shows that ship with the project are complete: every field, known genres, a description worth reading."""

import json
import re
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.text.cleaning import clean_text
from trending_assets.ingest.sample import Archive, select
from trending_assets.ingest.sample_parser import parse

_LINES = files("trending_assets.ingest").joinpath("sample_shows.jsonl").read_text("utf-8").splitlines()
_SHOWS: list[dict[str, Any]] = [json.loads(line) for line in _LINES]
_EACH = pytest.mark.parametrize("show", _SHOWS, ids=[show.get("slug", "no slug") for show in _SHOWS])
_SENTENCE_END = re.compile(r"[.!?]+[\"')]*(?=\s|$)")


def test_there_are_at_least_a_hundred_and_twenty_shows() -> None:
    assert len(_SHOWS) >= 120


@pytest.mark.parametrize("column", ["slug", "description"])
def test_no_show_is_there_twice(column: str) -> None:
    assert [value for value, n in Counter(show[column] for show in _SHOWS).items() if n > 1] == []


def test_no_title_of_one_year_is_there_twice() -> None:
    assert max(Counter((show["title"].lower(), show["year"]) for show in _SHOWS).values()) == 1


@_EACH
def test_a_show_has_every_field_and_its_values_make_sense(show: dict[str, Any]) -> None:
    assert set(show) == {"slug", "title", "year", "network", "country", "language", "genres", "description"}
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", show["slug"])
    assert 1936 <= show["year"] <= 2026
    assert re.fullmatch(r"[A-Z]{2}(, [A-Z]{2})*", show["country"])
    assert re.fullmatch(r"[a-z]{2}", show["language"])
    assert show["network"].strip()


@_EACH
def test_a_shows_genres_are_slugs_of_the_taxonomy(show: dict[str, Any]) -> None:
    assert show["genres"]
    assert set(show["genres"]) <= set(GENRES)
    assert len(set(show["genres"])) == len(show["genres"])


@_EACH
def test_a_show_is_described_in_two_to_four_sentences(show: dict[str, Any]) -> None:
    description = show["description"]
    assert 2 <= len(_SENTENCE_END.findall(description)) <= 4
    assert 100 <= len(description) <= 1000
    assert description == clean_text(description)
    assert description[-1] in '.!?”"'


def test_every_genre_is_shown_by_some_show() -> None:
    assert {genre for show in _SHOWS for genre in show["genres"]} == set(GENRES)


def test_every_show_is_read_into_a_title() -> None:
    documents = select(Archive(films=[], plots=[], snippets=[], shows=_LINES)).documents
    titles = [parse(document).titles[0] for document in documents]
    assert [title["title"] for title in titles] == [clean_text(show["title"]) for show in _SHOWS]
    assert {title["kind"] for title in titles} == {"show"}
