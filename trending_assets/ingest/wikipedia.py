"""The ``wikipedia`` source: films and shows among a day's most read articles, and how often they were read."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from reprlib import repr as short
from typing import Any
from urllib.parse import quote, unquote, urlencode

from trending_assets.ingest import records
from trending_assets.ingest.documents import Document, MalformedRecordError, ParsedDocument
from trending_assets.ingest.fields import Fields, UnknownPageError, read_list
from trending_assets.ingest.source import DataCard, Fetcher, Politeness, Source
from trending_assets.ingest.wikipedia_titles import LABELS, genre_words, kind_and_year, name_of

_PAGEVIEWS = "https://wikimedia.org/api/rest_v1/metrics/pageviews"
_WIKI = "https://en.wikipedia.org"
_PAGE = re.compile(r"https?://en\.(?:m\.)?wikipedia\.org/wiki/([^?#]+)(?:[?#].*)?")
# Pages that are no articles are among the most read ones too.
_NOT_ARTICLES = re.compile(
    r"Main[ _]Page|(?:Book|Category|Draft|File|Help|MediaWiki|Module|Portal|Special|Template|TimedText|User|Wikipedia)"
    r"(?:[ _]talk)?:.*|Talk:.*"
)
_WIKIDATA_ID = re.compile(r"Q[1-9][0-9]*")
# What the API allows: descriptions of fifty pages at a time, introductions of twenty.
_DESCRIPTIONS = 50
_EXTRACTS = 20


async def crawl(day: date, fetcher: Fetcher, _options: Mapping[str, str]) -> None:
    """Fetches the films and shows among the most read articles of a day, and how often each was read.

    Short descriptions say which of the thousand articles are films and shows: only of those the
    introductions and views are asked for.

    Raises:
        UnreadableListError: the list of articles or their descriptions cannot be read.
    """
    top = await fetcher.get(
        f"{_PAGEVIEWS}/top/en.wikipedia/all-access/{day:%Y/%m/%d}", document_type="top", source_id=str(day)
    )
    # Views are counted some hours after a day's end; there is no list until then.
    articles = read_list(top, _articles) if top else []
    titles: list[str] = []
    for number, batch in enumerate(_batches(articles, _DESCRIPTIONS), start=1):
        described = await fetcher.get(
            _query(batch, prop="description"), document_type="descriptions", source_id=f"{day}-{number}"
        )
        if described is not None:
            titles += read_list(described, _films_and_shows)
    titles = list(dict.fromkeys(titles))
    for batch in _batches(titles, _EXTRACTS):
        await _fetch_pages(batch, fetcher)
    for title in titles:
        article = title.replace(" ", "_")
        await fetcher.get(
            f"{_PAGEVIEWS}/per-article/en.wikipedia/all-access/user/{quote(article, safe='')}"
            f"/daily/{day:%Y%m%d}/{day:%Y%m%d}",
            document_type="views",
            source_id=f"{article}/{day}",
        )


async def visit(url: str, fetcher: Fetcher) -> None:
    """Fetches the introduction of an article.

    Raises:
        UnknownPageError: the URL is not that of an article of the English Wikipedia.
    """
    found = _PAGE.fullmatch(url)
    title = unquote(found[1]).replace("_", " ") if found else ""
    # The API would read the first as an end of the name and the last two as other names.
    if not title or _NOT_ARTICLES.fullmatch(title) or any(character in title for character in "#|\x1f"):
        raise UnknownPageError(f"{url} is not an article of the English Wikipedia")
    await _fetch_pages([title], fetcher)


def parse(document: Document) -> ParsedDocument:
    """The films and shows of a document of introductions, or the views of one of counts; lists hold none.

    Raises:
        MalformedRecordError: the document cannot be used.
    """
    payload = Fields.of(document)
    match document.document_type:
        case "top":
            _articles(payload)
            return ParsedDocument()
        case "descriptions":
            _films_and_shows(payload)
            return ParsedDocument()
        case "pages":
            titles = [_title(document, page) for page in _pages(payload) if _about(page)]
            return ParsedDocument(titles=titles)
        case "views":
            return ParsedDocument(signals=[_views(document, item) for item in payload.objects("items")])
        case other:
            raise MalformedRecordError(f"unknown document type {short(other)}")


async def _fetch_pages(titles: Sequence[str], fetcher: Fetcher) -> None:
    url = _query(titles, prop="extracts|description|pageprops", exintro="1", explaintext="1", ppprop="wikibase_item")
    await fetcher.get(url, document_type="pages", source_id="|".join(titles))


def _query(titles: Sequence[str], **parameters: str) -> str:
    query = {"action": "query", "format": "json", "formatversion": "2", "redirects": "1", **parameters}
    return f"{_WIKI}/w/api.php?{urlencode(query | {'titles': '|'.join(titles)})}"


def _batches(titles: Sequence[str], size: int) -> list[Sequence[str]]:
    return [titles[start : start + size] for start in range(0, len(titles), size)]


def _articles(payload: Fields) -> list[str]:
    named = [row.required_text("article") for day in payload.objects("items") for row in day.objects("articles")]
    return [name for name in named if not _NOT_ARTICLES.fullmatch(name) and "|" not in name]


def _pages(payload: Fields) -> list[Fields]:
    # The API tells its errors with status 200.
    if error := payload.object("error").text("code"):
        raise MalformedRecordError(f"the API answered with the error {short(error)}")
    if "query" not in payload.values:
        raise MalformedRecordError("query is missing")
    return payload.object("query").objects("pages")


def _films_and_shows(payload: Fields) -> list[str]:
    return [page.required_text("title") for page in _pages(payload) if _about(page)]


def _about(page: Fields) -> bool:
    return kind_and_year(page.text("description") or "") is not None


def _title(document: Document, page: Fields) -> dict[str, Any]:
    title, description, extract = (
        page.required_text("title"),
        page.text("description") or "",
        page.text("extract") or "",
    )
    found = kind_and_year(description)
    if found is None:
        raise page.malformed("description", "that of a film or show")
    kind, year = found
    name, named_year = name_of(title)
    ids = {"wikipedia": title.replace(" ", "_")}
    properties = page.object("pageprops")
    if wikidata := properties.text("wikibase_item"):
        if not _WIKIDATA_ID.fullmatch(wikidata):
            raise properties.malformed("wikibase_item", "a Wikidata id")
        ids["wikidata"] = wikidata
    return records.title(
        document,
        source_id=ids["wikipedia"],
        kind=kind,
        name=name,
        label_map=LABELS,
        labels=genre_words(extract, description),
        year=year or named_year,
        plot=extract,
        external_ids=ids,
    )


def _views(document: Document, item: Fields) -> dict[str, Any]:
    stamp = item.required_text("timestamp")
    try:
        day = datetime.strptime(stamp, "%Y%m%d00").date()  # noqa: DTZ007
    except ValueError:
        raise item.malformed("timestamp", "the start of a day") from None
    return records.signal(
        document,
        source_title_id=item.required_text("article"),
        name="views",
        value=item.required_number("views"),
        event=day,
    )


SOURCE = Source(
    name="wikipedia",
    card=DataCard(
        title="Wikipedia",
        origin=(
            "The English Wikipedia (https://en.wikipedia.org), written by its readers, by its API, and Wikimedia's "
            "counts of page views."
        ),
        licence=(
            "Texts CC BY-SA 4.0: link to the article as the origin and share what is made of it under the same "
            "licence. Page views CC0."
        ),
        documents={
            "top": "The thousand most read articles of a day; holds no record, since most are no films or shows.",
            "descriptions": "Short descriptions of up to fifty of them, which tell films and shows; holds no record.",
            "pages": "Introductions, short descriptions and Wikidata ids of up to twenty films and shows.",
            "views": "How often people read one article on one day.",
        },
        known_biases=(
            "Only what is already widely read is seen, and what is read in English.",
            "Introductions tell makers and success more than what happens; nineteen in twenty name a genre.",
            "Genres are read off the first sentence, and only the six that it states reliably.",
            "A film or show whose article has no short description of the usual style is missed.",
        ),
        personal_data=(
            "Introductions name makers and actors in public roles. Views are counts of all readers; articles about "
            "people are in the list of most read articles, whose names stay in `raw`."
        ),
        notes="`views` are those of people, robots left out, over one UTC day.",
    ),
    label_maps={"wikipedia first sentences": LABELS},
    parse=parse,
    modules=(__name__, "trending_assets.ingest.wikipedia_titles", "trending_assets.ingest.fields"),
    crawl=crawl,
    visit=visit,
    domains=frozenset({"en.wikipedia.org", "en.m.wikipedia.org"}),
    listings=frozenset({"top"}),
    politeness=Politeness(
        hosts=frozenset({"en.wikipedia.org", "wikimedia.org"}),
        # There is no fixed limit; one request after the other with a name and contact is what is asked for.
        requests_per_second=5.0,
        # Documented APIs; robots.txt is for pages and rules /w/ and /api/ out.
        robots=False,
    ),
)
