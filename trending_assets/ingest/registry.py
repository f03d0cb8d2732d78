"""The registry of sources, and the dispatcher that knows which of them owns a URL.

To add a source, write a module that defines its :class:`~trending_assets.ingest.source.Source` and add it
here: its assets, checks and data card follow.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from trending_assets.ingest import archive, sample_parser, schema_org, tmdb, tvmaze, wikipedia
from trending_assets.ingest.source import Source

SOURCES: tuple[Source, ...] = (
    sample_parser.SOURCE,
    archive.SOURCE,
    tvmaze.SOURCE,
    tmdb.SOURCE,
    wikipedia.SOURCE,
    schema_org.SOURCE,
)


class UnknownSourceError(LookupError):
    """No source has this name, or owns this URL."""


def source_named(name: str, sources: Iterable[Source] = SOURCES) -> Source:
    """The source of a name.

    Raises:
        UnknownSourceError: there is none; the message names those that there are.
    """
    by_name = {source.name: source for source in sources}
    if name not in by_name:
        raise UnknownSourceError(f"there is no source {name!r}: there are {', '.join(by_name)}")
    return by_name[name]


def dispatch(url: str, sources: Iterable[Source] = SOURCES) -> Source:
    """The source whose crawler owns a URL, by its host or a domain above it.

    Raises:
        UnknownSourceError: no source visits pages of that host.
    """
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    owners = {domain: source for source in sources if source.visit for domain in source.domains}
    labels = host.split(".")
    for start in range(len(labels)):
        if (domain := ".".join(labels[start:])) in owners:
            return owners[domain]
    raise UnknownSourceError(f"no source visits {host or url!r}: there are {', '.join(sorted(owners)) or 'none'}")
