"""A small archive as a user would have it: 120 films and their reviews over three days, with the mappings of both."""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from trending_assets.ingest.archive import files_of
from trending_assets.ingest.archive_inbox import ArchiveInbox
from trending_assets.ingest.archive_mappings import Mapping
from trending_assets_tests.integration.small_source import story

DAYS = tuple((date(2024, 5, 6) + timedelta(days=i)).isoformat() for i in range(3))
_FILMS_A_DAY = 40
_LABELS = ("horror", "comedy", "romance", "western", "science-fiction", "documentary")

_TITLES = f"""
name = "chaos_films"
source = "chaos_films"
files = ["films*"]

[arrival]
column = "added"
formats = ["%Y-%m-%d"]

[titles]
id = "{{id}}"
kind = "movie"
title = "name"
year = "year"
genres = {{ column = "genres", written = "pipe" }}
plot = "about"
imdb_id = "imdb"

[labels.chaos_films]
coverage = {json.dumps(list(_LABELS))}

[labels.chaos_films.slugs]
{"".join(f'"{label}" = ["{label}"]' + chr(10) for label in _LABELS)}
"""
_REVIEWS = """
name = "chaos_reviews"
source = "chaos_reviews"
files = ["reviews*"]

[arrival]
column = "written"
formats = ["%Y-%m-%d"]

[reviews]
id = "{id}"
title_id = "{imdb}"
imdb_id = "imdb"
text = "text"
rating = "stars"
rating_scale = 10
"""


@dataclass(frozen=True)
class Archive:
    """Two files and their mappings.

    Attributes:
        films: JSON lines of films.
        film_mapping: how they are read.
        reviews: JSON lines of reviews.
        review_mapping: how they are read.
    """

    films: Path
    film_mapping: Path
    reviews: Path
    review_mapping: Path


def take_in(archive: Archive, inbox: ArchiveInbox) -> None:
    """Gives both files to an inbox, as ``trending ingest archive`` does before it lands their days."""
    for file, mapping in ((archive.films, archive.film_mapping), (archive.reviews, archive.review_mapping)):
        ((path, chosen),) = files_of(file, str(mapping))
        assert isinstance(chosen, Mapping)
        inbox.add(path, chosen, date.fromisoformat(DAYS[-1]))


def write_archive(folder: Path) -> Archive:
    """The archive in a folder; the same each time."""
    folder.mkdir(parents=True)
    archive = Archive(*(folder / name for name in ("films.jsonl", "films.toml", "reviews.jsonl", "reviews.toml")))
    films, reviews = [], []
    for number in range(_FILMS_A_DAY * len(DAYS)):
        name, plot, genres = story(number)
        day, imdb = DAYS[number % len(DAYS)], f"tt{8_000_000 + number}"
        labels = "|".join(slug for _, slug in genres)
        films.append(
            {"id": str(number), "imdb": imdb, "name": name, "year": str(1990 + number % 30), "genres": labels,
             "about": plot, "added": day}
        )  # fmt: skip
        if number % 3 == 0:
            text = f"Number {number} kept all of us awake for quite a while."
            reviews.append(
                {"id": f"r{number}", "imdb": imdb, "text": text, "stars": str(number % 10 + 1), "written": DAYS[-1]}
            )
    for path, rows in ((archive.films, films), (archive.reviews, reviews)):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    archive.film_mapping.write_text(_TITLES)
    archive.review_mapping.write_text(_REVIEWS)
    return archive
