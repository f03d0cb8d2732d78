"""How well records of one source find their titles among another's by name, kind and year alone.

    python -m benchmarks.identity

reads the folder named by TRENDING_BENCH_DATA, ``../shared/data`` where that is not set.

Labels are the rows of ``links_to_imdb`` whose method is ``given`` or ``movielens links.csv``; the records' own
IMDb ids are hidden from the rules. Rules and tolerances were chosen on the half of the titles called
``chosen on``; the half called ``held out`` reports.

JustWatch's labels are its own IMDb ids, and some are wrong: they name a making-of, a soundtrack or a game.
How many of the disagreements are two different films is therefore estimated as well, for the rule that does
not look at runtimes: two films of one name from different times agree in runtime about as often as any two do.
"""

import csv
import gzip
import hashlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trending_assets.domain.catalog.identity_quality import IdentityQuality, measure_identity
from trending_assets.domain.catalog.names import name_key
from trending_assets.domain.catalog.resolution import SAME_YEAR

_ARRIVED = datetime(2025, 1, 1, tzinfo=UTC)
_METHODS = ("given", "movielens links.csv")
_RUNTIME_APART = 10
_TIMES_APART = 4
_FEWEST = 30

Row = dict[str, Any]


def data_folder() -> Path:
    """Where the data is."""
    return Path(os.environ.get("TRENDING_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data")) / "bench"


def _rows(data: Path, name: str) -> Iterator[dict[str, str]]:
    with gzip.open(data / name, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _number(value: str) -> int | None:
    return round(float(value)) if value and float(value) > 0 else None


def _title(source: str, source_id: str, kind: str, name: str, year: str, runtime: str, imdb_id: str | None) -> Row:
    return {
        "source": source, "source_id": source_id, "kind": kind, "title": name, "original_title": None,
        "year": _number(year[:4]), "runtime_minutes": _number(runtime), "imdb_id": imdb_id, "external_ids": [],
        "matches": [], "arrived_at": _ARRIVED, "document_sha256": "",
    }  # fmt: skip


def read_records(data: Path) -> dict[str, list[Row]]:
    """Records of each source as rows of ``records.TITLE``, as far as identity looks at them, with their labels."""
    labels = {
        (row["source"], row["source_id"]): row["imdb_id"]
        for row in _rows(data, "links_to_imdb.csv.gz")
        if row["method"] in _METHODS
    }
    kinds = {"MOVIE": "movie", "SHOW": "show"}
    justwatch = {
        r["id"]: _title(
            "justwatch", r["id"], kinds[r["type"]], r["title"], r["release_year"], r["runtime"],
            labels.get(("justwatch", r["id"])),
        )
        for r in _rows(data, "justwatch_titles.csv.gz")
    }  # fmt: skip
    tmdb = [
        _title(
            "tmdb5000", r["id"], "movie", r["title"], r["release_date"], r["runtime"], labels.get(("tmdb5000", r["id"]))
        )
        | {"original_title": r["original_title"]}
        for r in _rows(data, "tmdb_5000_movies.csv.gz")
    ]
    wikidata = {
        r["imdbID"]: _title("wikidata", r["imdbID"], "movie", r["Title"], r["Year"], r["Runtime"], r["imdbID"])
        for r in _rows(data, "wikidata_films_bridge.csv.gz")
    }
    return {"justwatch": list(justwatch.values()), "tmdb5000": tmdb, "wikidata": list(wikidata.values())}


def held_out(imdb_id: str) -> bool:
    """Whether a title is of the half that no rule was chosen on."""
    return hashlib.sha256(imdb_id.encode()).digest()[0] % 2 == 1


def part(quality: IdentityQuality, *, held: bool) -> IdentityQuality:
    """The answers for one half of the titles."""
    return IdentityQuality(tuple(answer for answer in quality.answers if held_out(answer.imdb_id) == held))


def estimate_different(quality: IdentityQuality, queries: list[Row], catalogue: list[Row]) -> tuple[float, int]:
    """How many of the disagreements of the rule of the same year are two different films, and of how many.

    Let ``a`` be the share of pairs with runtimes over 10 minutes apart among films of one name whose years are
    at least 4 apart, which are different films, and ``b`` that among matches that the labels confirm. Where a
    share ``c`` of ``n`` disagreements is that far apart, ``n (c - b) / (a - b)`` are different films.
    """
    by_name: dict[str, list[Row]] = {}
    for row in catalogue:
        by_name.setdefault(name_key(row["title"]), []).append(row)
    of_query = {(row["source"], row["source_id"]): row for row in queries}
    of_title = {row["imdb_id"]: row for row in catalogue}
    others = [
        (one, other)
        for one in queries
        for other in by_name.get(name_key(one["title"]), ())
        if one["kind"] == other["kind"]
        and one["year"] and other["year"] and abs(one["year"] - other["year"]) >= _TIMES_APART
        and one["imdb_id"] != other["imdb_id"]
    ]  # fmt: skip
    ruled = quality.rules()[SAME_YEAR].answers
    pairs = {
        right: [(of_query[a.source, a.source_id], of_title.get(a.title_id)) for a in ruled if a.right == right]
        for right in (True, False)
    }
    apart, n = _share_apart(pairs[False])
    different, _ = _share_apart(others)
    same, _ = _share_apart(pairs[True])
    return max(0.0, n * (apart - same) / (different - same)), n


def _share_apart(pairs: Sequence[tuple[Row, Row | None]]) -> tuple[float, int]:
    gaps = [
        abs(one["runtime_minutes"] - other["runtime_minutes"])
        for one, other in pairs
        if other and one["runtime_minutes"] and other["runtime_minutes"]
    ]
    return (sum(gap > _RUNTIME_APART for gap in gaps) / len(gaps) if gaps else 0.0), len(gaps)


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.2%}"


def report(records: dict[str, list[Row]]) -> Iterator[str]:
    """The lines of the table."""
    yield (
        f"{'records → catalogue':24} {'titles':10} {'labelled':>8} {'in cat.':>7} {'matched':>7} {'right':>6} "
        f"{'precision':>9} {'recall':>8} {'of those in cat.':>16}"
    )
    for source, among in (
        ("tmdb5000", "wikidata"),
        ("justwatch", "wikidata"),
        ("tmdb5000", "justwatch"),
        ("justwatch", "tmdb5000"),
    ):
        queries = [row for row in records[source] if row["imdb_id"]]
        catalogue = [row for row in records[among] if row["imdb_id"]]
        started = time.perf_counter()
        whole = measure_identity(catalogue, queries)
        seconds = time.perf_counter() - started
        for name, held in (("chosen on", False), ("held out", True)):
            half = part(whole, held=held)
            inside = IdentityQuality(tuple(a for a in half.answers if a.in_catalogue))
            yield (
                f"{source + ' → ' + among:24} {name:10} {len(half.answers):8} {half.in_catalogue:7} {half.matched:7} "
                f"{half.right:6} {_percent(half.precision):>9} {_percent(half.recall):>8} "
                f"{_percent(inside.precision):>16}"
            )
            for rule, quality in half.rules().items():
                yield f"{'':24}   {rule}: {quality.right} of {quality.matched} right, {_percent(quality.precision)}"
        different, disagreements = estimate_different(whole, queries, catalogue)
        likely = _percent(1 - different / whole.rules()[SAME_YEAR].matched)
        estimate = f"about {different:.1f} are different films: precision {likely} if so"
        yield (
            f"{'':24}   {SAME_YEAR}, both halves: {disagreements} disagreements, "
            f"{estimate if disagreements >= _FEWEST else 'too few to judge'}; {seconds:.1f} s in all"
        )


def main() -> None:
    """Prints the table."""
    for line in report(read_records(data_folder())):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
