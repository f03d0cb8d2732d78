"""The ``schema_org`` source: pages of chosen sites that describe films, shows and reviews by schema.org."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from reprlib import repr as short
from typing import Any
from urllib.parse import urljoin

from trending_assets.domain.catalog.labels import LabelMap
from trending_assets.domain.catalog.taxonomy import GENRES, Kind
from trending_assets.domain.text.cleaning import plain_text
from trending_assets.ingest import records
from trending_assets.ingest.documents import Document, MalformedRecordError, ParsedDocument
from trending_assets.ingest.schema_org_pages import Markup, Node, objects, read_markup, texts, types_of, walk
from trending_assets.ingest.source import DataCard, Fetcher, Politeness, Source

_KINDS: Mapping[str, Kind] = {"Movie": "movie", "TVSeries": "show"}
_PUBLISHED = ("datePublished", "startDate", "dateCreated")
_REVIEWS = frozenset({"Review", "CriticReview", "UserReview"})
_IDS = {
    "imdb": re.compile(r"https?://(?:www\.|m\.)?imdb\.com/title/(tt[0-9]{7,8})(?:[/?#].*)?"),
    "wikidata": re.compile(r"https?://(?:www\.|m\.)?wikidata\.org/(?:wiki|entity)/(Q[1-9][0-9]*)(?:[?#].*)?"),
    "wikipedia": re.compile(r"https?://en\.(?:m\.)?wikipedia\.org/wiki/([^?#]+)(?:[?#].*)?"),
}
_DURATION = re.compile(r"P(?:([0-9]{1,3})D)?(?:T(?:([0-9]{1,3})H)?(?:([0-9]{1,4})M)?(?:([0-9]{1,6})(?:\.[0-9]+)?S)?)?")
_YEAR = re.compile(r"([0-9]{4})(?:-[0-9]{2})?")
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?")
# What schema.org says of a rating without a best one.
_BEST = 5.0

# Genres are free text, so that any slug can be named; these are the usual words in lower case.
LABELS = LabelMap(
    slugs={
        "action": ("action",),
        "action & adventure": ("action",),
        "adventure": ("adventure",),
        "animation": ("animation",),
        "anime": ("animation",),
        "children": ("family",),
        "comedy": ("comedy",),
        "crime": ("crime",),
        "documentary": ("documentary",),
        "drama": ("drama",),
        "family": ("family",),
        "fantasy": ("fantasy",),
        "historical": ("history",),
        "history": ("history",),
        "horror": ("horror",),
        "kids": ("family",),
        "music": ("music",),
        "musical": ("music",),
        "mystery": ("mystery",),
        "reality": ("reality",),
        "reality-tv": ("reality",),
        "reality tv": ("reality",),
        "romance": ("romance",),
        "romantic comedy": ("comedy", "romance"),
        "sci-fi": ("science-fiction",),
        "science fiction": ("science-fiction",),
        "science-fiction": ("science-fiction",),
        "sport": ("sport",),
        "sports": ("sport",),
        "suspense": ("thriller",),
        "thriller": ("thriller",),
        "war": ("war",),
        "western": ("western",),
    },
    coverage=frozenset(GENRES),
)


async def crawl(_day: date, fetcher: Fetcher, options: Mapping[str, str]) -> None:
    """Fetches the pages that the option ``urls`` names, as they are on the day that it is asked."""
    for url in dict.fromkeys(options.get("urls", "").split()):
        await visit(url, fetcher)


async def visit(url: str, fetcher: Fetcher) -> None:
    """Fetches a page."""
    await fetcher.get(url, document_type="page", source_id=url)


def parse(document: Document) -> ParsedDocument:
    """The films, shows, reviews and ratings that a page describes.

    Raises:
        MalformedRecordError: the page describes none, or one that cannot be used.
    """
    if document.document_type != "page":
        raise MalformedRecordError(f"unknown document type {short(document.document_type)}")
    page = _Page(document, read_markup(document))
    if not (page.titles or page.reviews):
        raise MalformedRecordError("; ".join(page.faults) or "the page describes no Movie, TVSeries or Review")
    return ParsedDocument(list(page.titles.values()), page.reviews, page.signals)


class _Page:
    """What is read of one page."""

    def __init__(self, document: Document, markup: Markup) -> None:
        self.document = document
        self.faults = markup.faults
        self.titles: dict[str, dict[str, Any]] = {}
        self.reviews: list[dict[str, Any]] = []
        self.signals: list[dict[str, Any]] = []
        self._seen: set[tuple[str | None, ...]] = set()
        nodes = list(walk(list(markup.nodes)))
        # Without a name it only points at what is described elsewhere.
        named = [node for node in nodes if _kind(node) and _name(node)]
        # One without an address may be one that has it, named again by its review.
        for node in sorted(named, key=lambda node: _address(node) is None):
            self._read_title(node)
        for node in nodes:
            if _kind(node):
                for review in objects(node, "review", "reviews"):
                    self._read_review(review, node)
        for node in nodes:
            if types_of(node) & _REVIEWS:
                for reviewed in objects(node, "itemReviewed"):
                    self._read_review(node, reviewed)

    def _read_title(self, node: Node) -> None:
        kind = _kind(node)
        source_id = self._id(node)
        if kind is None or source_id in self.titles:
            return
        links = [*texts(node, "sameAs"), *texts(node, "url"), *texts(node, "@id")]
        ids = {c: found[1] for c, pattern in _IDS.items() for link in links if (found := pattern.fullmatch(link))}
        imdb_id = ids.pop("imdb", None)
        published = next((text for key in _PUBLISHED for text in texts(node, key)), None)
        year = _YEAR.fullmatch(published or "")
        released = None if published is None or year else _moment("datePublished", published)
        self.titles[source_id] = records.title(
            self.document,
            source_id=source_id,
            kind=kind,
            name=_name(node),
            label_map=LABELS,
            labels=[label.strip().casefold() for genre in texts(node, "genre") for label in genre.split(",")],
            year=int(year[1]) if year else None,
            released=released.date() if released else None,
            language=_language(node),
            countries=texts(node, "countryOfOrigin"),
            plot=next(iter(texts(node, "description") + texts(node, "abstract")), None),
            runtime_minutes=_minutes(node),
            certificate=next(iter(texts(node, "contentRating")), None),
            imdb_id=imdb_id,
            external_ids=ids,
        )
        for rating in objects(node, "aggregateRating"):
            self._read_rating(rating, source_id, imdb_id)

    def _read_rating(self, rating: Node, source_id: str, imdb_id: str | None) -> None:
        value = _number(rating, "ratingValue")
        best = _number(rating, "bestRating") or _BEST
        if value is not None and value > best:
            raise MalformedRecordError(f"aggregateRating.ratingValue: {value:g} is above the best rating, {best:g}")
        counts = {
            "rating": None if value is None else value / best * 10,
            "votes": _number(rating, "ratingCount") or _number(rating, "reviewCount"),
        }
        self.signals += [
            records.signal(self.document, source_title_id=source_id, name=name, value=count, imdb_id=imdb_id)
            for name, count in counts.items()
            if count is not None
        ]

    def _read_review(self, node: Node, reviewed: Node) -> None:
        source_id = self._id(reviewed)
        # What a review is of may be something else altogether.
        if not (_kind(reviewed) or source_id in self.titles):
            return
        rating = next(iter(objects(node, "reviewRating")), {})
        raw = next(iter(texts(rating, "ratingValue")), None)
        text = next(iter(texts(node, "reviewBody") + texts(node, "description")), "")
        if not (raw or text):
            raise MalformedRecordError("review: reviewBody and reviewRating are missing")
        author = next(iter(texts(node, "author")), None)
        # A page may show the same review twice: within its title and beside it, in JSON-LD and in microdata.
        if (key := (source_id, author, text, raw)) in self._seen:
            return
        self._seen.add(key)
        published = next(iter(texts(node, "datePublished")), None)
        self.reviews.append(
            records.review(
                self.document,
                source_title_id=source_id,
                imdb_id=self.titles.get(source_id, {}).get("imdb_id"),
                text=text,
                author=author,
                rating_raw=raw,
                rating_scale=(_number(rating, "bestRating") or _BEST) if raw and _NUMBER.fullmatch(raw) else None,
                language=_language(node),
                event=_moment("review.datePublished", published) if published else None,
            )
        )

    def _id(self, node: Node) -> str:
        if (address := _address(node)) is not None:
            try:
                return urljoin(self.document.url, address)
            except ValueError:
                raise MalformedRecordError(f"url: {short(address)} is not a URL") from None
        name = plain_text(_name(node))
        own = f"{self.document.url}#{name}" if name else self.document.url
        return next((known for known, title in self.titles.items() if title["title"] == name), own)


def _name(node: Node) -> str:
    return next(iter(texts(node, "name")), "")


def _address(node: Node) -> str | None:
    # What begins with an underscore is a name within the page's markup.
    return next((text for text in texts(node, "@id") + texts(node, "url") if not text.startswith("_:")), None)


def _kind(node: Node) -> Kind | None:
    return next((kind for name, kind in _KINDS.items() if name in types_of(node)), None)


def _language(node: Node) -> str | None:
    # "en-GB" is English.
    return next((language.split("-")[0] for language in texts(node, "inLanguage")), None)


def _number(node: Node, key: str) -> float | None:
    for text in texts(node, key):
        if not _NUMBER.fullmatch(text):
            raise MalformedRecordError(f"{key}: {short(text)} is not a number")
        return float(text)
    return None


def _minutes(node: Node) -> float | None:
    for text in texts(node, "duration"):
        found = _DURATION.fullmatch(text.upper())
        if found is None:
            raise MalformedRecordError(f"duration: {short(text)} is not an ISO 8601 duration")
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return days * 1440 + hours * 60 + minutes + seconds / 60
    return None


def _moment(key: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise MalformedRecordError(f"{key}: {short(text)} is not a date") from None
    if found.year not in records.YEARS:
        raise MalformedRecordError(f"{key}: {short(text)} is not a date that can be meant")
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


SOURCE = Source(
    name="schema_org",
    card=DataCard(
        title="Pages with schema.org markup",
        origin=(
            "Web pages that whoever runs the project chooses (`TRENDING_SCHEMA_ORG_URLS`), of hosts that they allow "
            "(`TRENDING_SCHEMA_ORG_HOSTS`); what the pages say of themselves in JSON-LD or microdata."
        ),
        licence="Each site's own: read its terms before naming it. robots.txt decides on every page.",
        documents={"page": "A page as it was served, with any number of films, shows and reviews."},
        known_biases=(
            "Markup is written for search engines: descriptions are short and praise, ratings are of fans.",
            "Genres are each site's own words; only usual English ones are understood.",
            "A rating without a best one is taken to be out of 5, as schema.org says.",
        ),
        personal_data=(
            "Reviews name their authors: only a pseudonym is kept after parsing. Whatever else the page holds stays "
            "in `raw` for as long as that is kept."
        ),
        notes="Sites that forbid crawling, such as IMDb, do not belong on the list of hosts.",
    ),
    label_maps={"schema.org genres": LABELS},
    parse=parse,
    modules=(__name__, "trending_assets.ingest.schema_org_pages"),
    crawl=crawl,
    visit=visit,
    politeness=Politeness(
        # Those that the option `hosts` adds.
        hosts=frozenset(),
        requests_per_second=0.5,
        content_types=frozenset({"text/html", "application/xhtml+xml"}),
    ),
    settings={"urls": "TRENDING_SCHEMA_ORG_URLS", "hosts": "TRENDING_SCHEMA_ORG_HOSTS"},
)
