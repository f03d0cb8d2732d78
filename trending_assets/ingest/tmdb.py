"""The ``tmdb`` source: films and shows that trend, come out or change on a day, with their reviews."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from reprlib import repr as short
from typing import TYPE_CHECKING, Any, Literal

from trending_assets.domain.catalog.taxonomy import Kind
from trending_assets.ingest import records
from trending_assets.ingest.documents import Document, MalformedRecordError, ParsedDocument
from trending_assets.ingest.fields import Fields, UnknownPageError, read_list
from trending_assets.ingest.source import DataCard, Fetcher, Politeness, Source
from trending_assets.ingest.tmdb_labels import GENRE_NAMES, LABEL_MAPS

if TYPE_CHECKING:
    from trending_assets.ingest.http.network import Credentials

# TMDB's own names of the two kinds.
_Medium = Literal["movie", "tv"]
_KINDS: Mapping[_Medium, Kind] = {"movie": "movie", "tv": "show"}
_RELEASED: Mapping[_Medium, str] = {"movie": "primary_release_date", "tv": "first_air_date"}
_NAMES: Mapping[_Medium, tuple[str, str, str]] = {
    "movie": ("title", "original_title", "release_date"),
    "tv": ("name", "original_name", "first_air_date"),
}
# The two kinds have ids of their own, so that the same number means a film and a show.
_CATALOGUES: Mapping[_Medium, str] = {"movie": "tmdb", "tv": "tmdb_tv"}

_HOST = "api.themoviedb.org"
_API = f"https://{_HOST}/3"
_DETAILS = "language=en-US&append_to_response=external_ids,keywords,reviews"
_PAGE = re.compile(
    r"https?://(?:www\.themoviedb\.org|api\.themoviedb\.org/3)/(movie|tv)/([1-9][0-9]{0,9})(?:[-/?#].*)?"
)
_WIKIDATA_ID = re.compile(r"Q[1-9][0-9]*")

_HELD = {
    "": "A {} with its genres, ids elsewhere, keywords, counts and the first page of its reviews.",
    "_reviews": "A further page of the reviews of a {}.",
    "_trending": "A page of what trends on the day, a {} each, in order.",
    "_discover": "A page of what came out on the day, a {} each; holds no record.",
    "_changes": "A page of what was changed on the day, a {} each; holds no record.",
}
_DOCUMENTS = {
    f"{medium}{suffix}": text.format("film" if medium == "movie" else "show")
    for medium in _KINDS
    for suffix, text in _HELD.items()
}

# Most pages of each list: a day has some sixty pages of a hundred changes, most of them of obscure titles.
_TRENDING_PAGES = 5
_DISCOVER_PAGES = 5
_CHANGE_PAGES = 5
_REVIEW_PAGES = 5
_TRENDING_PAGE_SIZE = 20


async def crawl(day: date, fetcher: Fetcher, _options: Mapping[str, str]) -> None:
    """Fetches the films and shows that trended, came out or were changed on a day.

    What trends is only known of the day on which it is asked.

    Raises:
        UnreadableListError: a list cannot be read.
    """
    for medium in _KINDS:
        changes = f"/{medium}/changes?start_date={day}&end_date={day + timedelta(days=1)}"
        changed, asked_on = await _listed(medium, "changes", changes, _CHANGE_PAGES, day, fetcher)
        released = (
            f"/discover/{medium}?{_RELEASED[medium]}.gte={day}&{_RELEASED[medium]}.lte={day}"
            "&include_adult=false&language=en-US&sort_by=popularity.desc"
        )
        found, _ = await _listed(medium, "discover", released, _DISCOVER_PAGES, day, fetcher)
        trending: list[int] = []
        if asked_on == day:
            path = f"/trending/{medium}/day?language=en-US"
            trending, _ = await _listed(medium, "trending", path, _TRENDING_PAGES, day, fetcher)
        for number in dict.fromkeys([*trending, *found, *changed]):
            await _fetch_title(medium, number, fetcher)


async def visit(url: str, fetcher: Fetcher) -> None:
    """Fetches the film or show that a page of themoviedb.org, or of its API, is about.

    Raises:
        UnknownPageError: the URL is not that of a film or a show.
    """
    found = _PAGE.fullmatch(url)
    if found is None:
        raise UnknownPageError(f"{url} is not the page of a film or show at themoviedb.org")
    await _fetch_title(_medium(found[1]), int(found[2]), fetcher)


def parse(document: Document) -> ParsedDocument:
    """The title, reviews and signals of a document; lists hold none, but for the ranks of what trends.

    Raises:
        MalformedRecordError: the document cannot be used.
    """
    if document.document_type not in _DOCUMENTS:
        raise MalformedRecordError(f"unknown document type {short(document.document_type)}")
    payload = Fields.of(document)
    prefix, _, listed = document.document_type.partition("_")
    medium = _medium(prefix)
    match listed:
        case "":
            return _title(document, medium, payload)
        case "reviews":
            source_id = f"{medium}-{payload.required_whole('id')}"
            return ParsedDocument(reviews=_reviews(document, payload, source_id, None))
        case "trending":
            return ParsedDocument(signals=_ranks(document, medium, payload))
        case _:
            _numbers(payload)
            return ParsedDocument()


def credentials(options: Mapping[str, str]) -> "dict[str, Credentials]":
    """What TMDB wants to see: a key as a parameter, or a read access token, which has dots, as a header."""
    from trending_assets.ingest.http.network import Credentials

    key = options["api_key"].strip()
    if "." in key:
        return {_HOST: Credentials(headers={"Authorization": f"Bearer {key}"})}
    return {_HOST: Credentials(params={"api_key": key})}


def _medium(name: str) -> _Medium:
    return "movie" if name == "movie" else "tv"


async def _listed(
    medium: _Medium, name: str, path: str, most: int, day: date, fetcher: Fetcher
) -> tuple[list[int], date | None]:
    """The ids of a list's first pages, and the day on which it was asked for."""
    numbers: list[int] = []
    asked_on = None
    page, pages = 1, 1
    while page <= min(pages, most):
        document = await fetcher.get(
            f"{_API}{path}&page={page}", document_type=f"{medium}_{name}", source_id=f"{day}-{page}"
        )
        if document is None:
            break
        asked_on = asked_on or document.fetched_at.date()
        numbers += read_list(document, _numbers)
        pages = read_list(document, _pages)
        page += 1
    return numbers, asked_on


async def _fetch_title(medium: _Medium, number: int, fetcher: Fetcher) -> None:
    source_id = f"{medium}-{number}"
    details = await fetcher.get(f"{_API}/{medium}/{number}?{_DETAILS}", document_type=medium, source_id=source_id)
    if details is None:
        return
    try:
        pages = _pages(Fields.of(details).object("reviews"))
    except MalformedRecordError:
        # Parsing puts it in quarantine; what else there is of it has nothing to belong to.
        return
    # The details hold the first page.
    for page in range(2, min(pages, _REVIEW_PAGES) + 1):
        await fetcher.get(
            f"{_API}/{medium}/{number}/reviews?language=en-US&page={page}",
            document_type=f"{medium}_reviews",
            source_id=f"{source_id}-{page}",
        )


def _numbers(payload: Fields) -> list[int]:
    # What is for adults only is left out.
    return [row.required_whole("id") for row in payload.objects("results") if row.values.get("adult") is not True]


def _pages(payload: Fields) -> int:
    return payload.whole("total_pages") or 0


def _title(document: Document, medium: _Medium, payload: Fields) -> ParsedDocument:
    kind = _KINDS[medium]
    number = payload.required_whole("id")
    source_id = f"{medium}-{number}"
    externals = payload.object("external_ids")
    imdb_id = payload.text("imdb_id") or externals.text("imdb_id")
    name, original_name, released = _NAMES[medium]
    countries = payload.texts("origin_country") or [
        code for country in payload.objects("production_countries") if (code := country.text("iso_3166_1"))
    ]
    title = records.title(
        document,
        source_id=source_id,
        kind=kind,
        name=payload.required_text(name),
        label_map=LABEL_MAPS[kind],
        labels=_genres(kind, payload),
        original_title=payload.text(original_name),
        released=payload.day(released),
        language=payload.text("original_language"),
        countries=countries,
        plot=payload.text("overview"),
        runtime_minutes=payload.number("runtime") if medium == "movie" else _episode_minutes(payload),
        imdb_id=imdb_id,
        external_ids=_external_ids(medium, number, externals),
    )
    votes = payload.number("vote_count")
    counts = {
        "popularity": payload.number("popularity"),
        "votes": votes,
        # A mean of no votes is written as 0.
        "rating": payload.number("vote_average") if votes else None,
    }
    signals = [
        records.signal(document, source_title_id=source_id, name=count, value=value, imdb_id=imdb_id)
        for count, value in counts.items()
        if value is not None
    ]
    reviews = _reviews(document, payload.object("reviews"), source_id, imdb_id)
    return ParsedDocument(titles=[title], reviews=reviews, signals=signals)


def _genres(kind: Kind, payload: Fields) -> list[str]:
    numbers = [genre.required_whole("id") for genre in payload.objects("genres")]
    return [name for number in numbers if (name := GENRE_NAMES[kind].get(number))]


def _episode_minutes(payload: Fields) -> float | None:
    minutes = payload.values.get("episode_run_time")
    if minutes is None:
        return None
    if not isinstance(minutes, list) or not all(type(minute) is int and 0 <= minute < 10_000 for minute in minutes):
        raise payload.malformed("episode_run_time", "a list of minutes")
    return sum(minutes) / len(minutes) if minutes else None


def _external_ids(medium: _Medium, number: int, externals: Fields) -> dict[str, str]:
    ids = {_CATALOGUES[medium]: str(number)}
    # An id that is none would make two titles one.
    if wikidata := externals.text("wikidata_id"):
        if not _WIKIDATA_ID.fullmatch(wikidata):
            raise externals.malformed("wikidata_id", "a Wikidata id")
        ids["wikidata"] = wikidata
    if thetvdb := externals.whole("tvdb_id"):
        ids["thetvdb"] = str(thetvdb)
    return ids


def _reviews(document: Document, payload: Fields, source_id: str, imdb_id: str | None) -> list[dict[str, Any]]:
    reviews = []
    for row in payload.objects("results"):
        author = row.object("author_details")
        # A rating that is no number is kept in its own words, from which no rating is made.
        rating = author.values.get("rating")
        if not isinstance(rating, str):
            number = author.number("rating")
            rating = None if number is None else f"{number:g}"
        reviews.append(
            records.review(
                document,
                source_title_id=source_id,
                imdb_id=imdb_id,
                text=row.required_text("content"),
                author=author.text("username") or row.text("author"),
                rating_raw=rating,
                rating_scale=10.0,
                event=row.moment("created_at"),
            )
        )
    return reviews


def _ranks(document: Document, medium: _Medium, payload: Fields) -> list[dict[str, Any]]:
    before = (payload.required_whole("page") - 1) * _TRENDING_PAGE_SIZE
    return [
        records.signal(
            document,
            source_title_id=f"{medium}-{row.required_whole('id')}",
            name="trending_rank",
            value=before + place,
        )
        for place, row in enumerate(payload.objects("results"), start=1)
        if row.values.get("adult") is not True
    ]


SOURCE = Source(
    name="tmdb",
    card=DataCard(
        title="TMDB",
        origin="The Movie Database (https://www.themoviedb.org), which its users write, by its API with a key.",
        licence=(
            "TMDB's terms of use for its API (https://www.themoviedb.org/api-terms-of-use): not for commercial use "
            "without an agreement, kept for at most six months, shown with TMDB's logo and the words “This product "
            "uses the TMDB API but is not endorsed or certified by TMDB.” Reviews belong to those who wrote them."
        ),
        documents=_DOCUMENTS,
        known_biases=(
            "What is popular among its users, mostly of North America and Europe, is better covered.",
            "Shows have no genre for history, horror, music, romance, sport and thriller.",
            "Shows have one genre for action and adventure, one for science fiction and fantasy: the first is taken.",
            "Few titles have reviews, and those who write them are few: a handful of users wrote most of them.",
            "Of a day's changes and new titles only the first pages are read.",
        ),
        personal_data=(
            "Reviews carry the names, user names and pictures of those who wrote them: only a pseudonym of the user "
            "name is kept after parsing. Cast and crew are not asked for."
        ),
        notes="`trending_rank` counts from 1, `popularity` is TMDB's own measure, `rating` the mean of `votes` votes.",
    ),
    label_maps={"tmdb films": LABEL_MAPS["movie"], "tmdb shows": LABEL_MAPS["show"]},
    parse=parse,
    modules=(__name__, "trending_assets.ingest.tmdb_labels", "trending_assets.ingest.fields"),
    crawl=crawl,
    visit=visit,
    domains=frozenset({"themoviedb.org"}),
    listings=frozenset(f"{medium}_{name}" for medium in _KINDS for name in ("changes", "discover", "trending")),
    politeness=Politeness(
        hosts=frozenset({_HOST}),
        # About forty a second are allowed.
        requests_per_second=10.0,
        # An API for those to whom it gave a key; its terms and documentation state the limits.
        robots=False,
    ),
    settings={"api_key": "TRENDING_TMDB_API_KEY"},
    retention_days=180,
    required=frozenset({"api_key"}),
    credentials=credentials,
)
