"""The ``tvmaze`` source: shows whose entry at TVmaze was last updated on a day, with their episodes."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from reprlib import repr as short

from trending_assets.domain.catalog.labels import LabelMap
from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.ingest import records
from trending_assets.ingest.documents import Document, MalformedRecordError, ParsedDocument
from trending_assets.ingest.fields import Fields, UnknownPageError, read_list
from trending_assets.ingest.source import DataCard, Fetcher, Politeness, Source

_API = "https://api.tvmaze.com"
_PAGE = re.compile(r"https?://(?:www|api)\.tvmaze\.com/shows/([1-9][0-9]{0,9})(?:[/?#].*)?")
_SHOW_ID = re.compile(r"[1-9][0-9]{0,9}")
# What the list of updates can be narrowed to, and how far back each surely reaches.
_WINDOWS = ((timedelta(days=6), "?since=week"), (timedelta(days=27), "?since=month"), (timedelta.max, ""))

# TVmaze's genres and types of shows; every show has one type.
LABELS = LabelMap(
    slugs={
        "Action": ("action",),
        "Adventure": ("adventure",),
        "Anime": ("animation",),
        "Children": ("family",),
        "Comedy": ("comedy",),
        "Crime": ("crime",),
        "Drama": ("drama",),
        "Family": ("family",),
        "Fantasy": ("fantasy",),
        "History": ("history",),
        "Horror": ("horror",),
        "Music": ("music",),
        "Mystery": ("mystery",),
        "Romance": ("romance",),
        "Science-Fiction": ("science-fiction",),
        "Sports": ("sport",),
        "Thriller": ("thriller",),
        "War": ("war",),
        "Western": ("western",),
        # Subjects rather than genres.
        "Adult": (),
        "DIY": (),
        "Espionage": (),
        "Food": (),
        "Legal": (),
        "Medical": (),
        "Nature": (),
        "Supernatural": (),
        "Travel": (),
        # Types.
        "Animation": ("animation",),
        "Documentary": ("documentary",),
        "Reality": ("reality",),
        "Award Show": (),
        "Game Show": (),
        "News": (),
        "Panel Show": (),
        "Scripted": (),
        "Talk Show": (),
        "Variety": (),
    },
    coverage=frozenset(GENRES),
)


async def crawl(day: date, fetcher: Fetcher, _options: Mapping[str, str]) -> None:
    """Fetches every show that was last updated on a day, UTC.

    The list of updates is asked for in its shortest form that reaches back to the day.

    Raises:
        UnreadableListError: the list of updates cannot be read.
    """
    for reach, window in _WINDOWS:
        updates = await fetcher.get(
            f"{_API}/updates/shows{window}", document_type="updates", source_id=f"{day}{window}"
        )
        if updates is None or updates.fetched_at.date() - day <= reach:
            break
    updated = read_list(updates, _updated) if updates else {}
    start = datetime.combine(day, time(), UTC).timestamp()
    for show in sorted(show for show, when in updated.items() if start <= when < start + 86_400):
        await _fetch_show(show, fetcher)


async def visit(url: str, fetcher: Fetcher) -> None:
    """Fetches the show that a page of tvmaze.com, or of its API, is about.

    Raises:
        UnknownPageError: the URL is not that of a show.
    """
    found = _PAGE.fullmatch(url)
    if found is None:
        raise UnknownPageError(f"{url} is not the page of a show at tvmaze.com")
    await _fetch_show(int(found[1]), fetcher)


def parse(document: Document) -> ParsedDocument:
    """The show of a document; a list of updates holds none.

    Raises:
        MalformedRecordError: the document cannot be used.
    """
    payload = Fields.of(document)
    match document.document_type:
        case "updates":
            _updated(payload)
            return ParsedDocument()
        case "show":
            return _show(document, payload)
        case other:
            raise MalformedRecordError(f"unknown document type {short(other)}")


async def _fetch_show(show: int, fetcher: Fetcher) -> None:
    await fetcher.get(f"{_API}/shows/{show}?embed=episodes", document_type="show", source_id=str(show))


def _show(document: Document, payload: Fields) -> ParsedDocument:
    source_id = str(payload.required_whole("id"))
    externals = payload.object("externals")
    imdb_id = externals.text("imdb")
    countries = [payload.object(where).object("country").text("code") for where in ("network", "webChannel")]
    ids = {"tvmaze": source_id} | {
        catalogue: str(number) for catalogue in ("thetvdb", "tvrage") if (number := externals.whole(catalogue))
    }
    kind = payload.text("type")
    title = records.title(
        document,
        source_id=source_id,
        kind="show",
        name=payload.required_text("name"),
        label_map=LABELS,
        labels=[*payload.texts("genres"), *([kind] if kind else [])],
        released=payload.day("premiered"),
        language=payload.text("language"),
        countries=[country for country in countries if country],
        plot=payload.text("summary"),
        platforms=[channel] if (channel := payload.object("webChannel").text("name")) else [],
        runtime_minutes=payload.number("averageRuntime") or payload.number("runtime"),
        imdb_id=imdb_id,
        external_ids=ids,
    )
    counts = {
        "rating": payload.object("rating").number("average"),
        "popularity": payload.number("weight"),
        "episodes": _broadcast(payload, document.fetched_at),
    }
    signals = [
        records.signal(document, source_title_id=source_id, name=name, value=value, imdb_id=imdb_id)
        for name, value in counts.items()
        if value is not None
    ]
    return ParsedDocument(titles=[title], signals=signals)


def _updated(payload: Fields) -> dict[int, int]:
    # Show → seconds since 1970.
    for show in payload.values:
        if not _SHOW_ID.fullmatch(show):
            raise MalformedRecordError(f"updates: {short(show)} is not the id of a show")
    return {int(show): payload.required_whole(show) for show in payload.values}


def _broadcast(payload: Fields, now: datetime) -> int | None:
    embedded = payload.object("_embedded")
    if "episodes" not in embedded.values:
        return None
    # One that has no time yet is to come.
    times = [episode.moment("airstamp") for episode in embedded.objects("episodes")]
    return sum(1 for when in times if when is not None and when <= now)


SOURCE = Source(
    name="tvmaze",
    card=DataCard(
        title="TVmaze",
        origin="TVmaze (https://www.tvmaze.com), a catalogue of television that its users write, by its public API.",
        licence=(
            "CC BY-SA 4.0 (https://www.tvmaze.com/api#licensing): name TVmaze as the origin, link to the show's page, "
            "and share what is made of it under the same licence."
        ),
        documents={
            "updates": "Which shows were last updated when; holds no record.",
            "show": "A show with its summary in HTML, its genres and type, its ids elsewhere and all its episodes.",
        },
        known_biases=(
            "Television of the United States, Britain and Japan, and what streams in English, is better covered.",
            "Much of what is not scripted has no genre, only its type.",
            "`popularity` is TVmaze's own weight from 0 to 100, `rating` the mean of its users' votes.",
            "Only the latest update of a show is known: of a past day, shows that were updated again are missing.",
        ),
        personal_data="None is read: the documents name no users, and cast and crew are not asked for.",
        notes="A show without a summary is kept without a plot. Summaries are written by users and may tell the end.",
    ),
    label_maps={"tvmaze": LABELS},
    parse=parse,
    modules=(__name__, "trending_assets.ingest.fields"),
    crawl=crawl,
    visit=visit,
    domains=frozenset({"tvmaze.com"}),
    listings=frozenset({"updates"}),
    politeness=Politeness(
        hosts=frozenset({"api.tvmaze.com"}),
        # Twenty calls in ten seconds are allowed for each address.
        requests_per_second=2.0,
        # The list of all updates there ever were has 3 MB.
        max_bytes=20_000_000,
        # An open API whose documentation states its limits and licence.
        robots=False,
    ),
)
