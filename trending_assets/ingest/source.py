"""What a source is: where its documents come from, how they are read, and what is known of it.

A source is one module that defines one :class:`Source`, and one line in :mod:`registry`. Its raw and parsed
assets, data card, label coverage and the hosts that may be asked all follow from that.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Protocol

from trending_assets.domain.catalog.labels import LabelMap
from trending_assets.ingest.documents import Document, Parser

if TYPE_CHECKING:
    from trending_assets.ingest.http.network import Credentials

# The first day on which anything can have arrived: archives date what they hold back to the web's first years.
FIRST_ARRIVAL = date(1995, 1, 1)


class Fetcher(Protocol):
    """What a crawl asks for pages: politely, and never twice for what it already has."""

    async def get(self, url: str, *, document_type: str, source_id: str) -> Document | None:
        """The document at a URL, kept as one of the crawl's documents.

        Args:
            url: where it is; without secrets, since it is kept.
            document_type: what the payload describes, in the source's terms.
            source_id: the document's id at the source.

        Returns:
            The document; None where the source says that there is none (404, 410).

        Raises:
            FetchError: it cannot be had; the crawl stops and can be resumed.
        """


# Fetches what a source has of one day; the options are the source's settings, such as the pages to visit.
Crawl = Callable[[date, Fetcher, Mapping[str, str]], Awaitable[None]]
# Fetches the one page that a URL names.
Visit = Callable[[str, Fetcher], Awaitable[None]]


@dataclass(frozen=True)
class Politeness:
    """How a source wants to be asked.

    Attributes:
        hosts: the only hosts that are ever contacted for it.
        requests_per_second: for each host.
        concurrency: requests at a time, for each host.
        content_types: media types that its documents may have.
        max_bytes: most bytes of a body, as sent and after decompression.
        robots: whether robots.txt decides; False only for a documented API whose terms say how to ask.
    """

    hosts: frozenset[str]
    requests_per_second: float
    concurrency: int = 1
    content_types: frozenset[str] = frozenset({"application/json"})
    max_bytes: int = 10_000_000
    robots: bool = True


@dataclass(frozen=True)
class DataCard:
    """What people should know of a source before they use what it gives.

    Attributes:
        title: its name for people.
        origin: who makes it and how it is had.
        licence: under which terms, and what they ask for.
        documents: document type → what one document holds.
        known_biases: what the data over- and under-represents.
        personal_data: what of it is personal and what becomes of that.
        notes: further paragraphs in Markdown.
    """

    title: str
    origin: str
    licence: str
    documents: Mapping[str, str]
    known_biases: tuple[str, ...]
    personal_data: str
    notes: str = ""


@dataclass(frozen=True)
class Source:
    """A source.

    Attributes:
        name: a slug; names its assets and is the ``source`` of its records.
        card: its data card.
        label_maps: each vocabulary of labels that it uses, by name, with the slugs that it can express.
        parse: reads one document.
        modules: dotted names of the modules that decide what its documents and records are.
        span: the first and the last day of which it has anything; None for one that goes on.
        crawl: fetches a day; None where the documents come from files.
        visit: fetches one page by its URL; None where a page by itself means nothing.
        domains: whose pages ``visit`` understands, subdomains included.
        politeness: how it is asked; None where nothing is.
        listings: document types that say what else there is; asked for again while the day goes on.
        settings: option → the environment variable that sets it.
        required: options without which nothing can be fetched.
        retention_days: how many days its terms allow its documents to be kept; None where they do not say.
        credentials: options → host → what it wants to see of its caller, which is never kept.
    """

    name: str
    card: DataCard
    label_maps: Mapping[str, LabelMap]
    parse: Parser
    modules: tuple[str, ...]
    span: tuple[date, date] | None = None
    crawl: Crawl | None = None
    visit: Visit | None = None
    domains: frozenset[str] = frozenset()
    politeness: Politeness | None = None
    listings: frozenset[str] = frozenset()
    settings: Mapping[str, str] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    retention_days: int | None = None
    credentials: "Callable[[Mapping[str, str]], Mapping[str, Credentials]] | None" = None
