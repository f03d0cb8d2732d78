"""A fetcher that answers from a table, and what the tests of live sources share."""

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from trending_assets.ingest.documents import Document, Parser, parse_documents
from trending_assets.ingest.http.errors import UnavailableError
from trending_assets.ingest.source import Crawl

DAY = date(2025, 6, 3)
NOW = datetime(2025, 6, 3, 20, 30, tzinfo=UTC)

_TEXTS = st.sampled_from(["", "2019 film by X", "2011-04-17", "tt0944947", "Drama", "Q1", "<p>x</p>"]) | st.text(
    max_size=8
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS


class FakeFetcher:
    """Answers URLs from a table and remembers what it was asked; what it kept before is not asked for again.

    Args:
        source: name of the source that is crawled.
        answers: URL → a payload, as bytes or as what is written as JSON; None where there is none. A URL that
            is not there must not be asked for.
        now: when documents are fetched.
        kept: documents of the crawl that is gone on with.
        fails_after: after how many answers the source stops answering.
    """

    def __init__(
        self,
        source: str,
        answers: Mapping[str, object],
        *,
        now: datetime = NOW,
        kept: Mapping[str, Document] | None = None,
        fails_after: int | None = None,
    ) -> None:
        self.source = source
        self.answers = answers
        self.now = now
        self.kept = dict(kept or {})
        self.fails_after = fails_after
        self.asked: list[str] = []

    async def get(self, url: str, *, document_type: str, source_id: str) -> Document | None:
        if url in self.kept:
            return self.kept[url]
        assert url in self.answers, f"must not be asked for: {url}"
        if len(self.asked) == self.fails_after:
            raise UnavailableError(url)
        assert url not in self.asked, f"asked for twice: {url}"
        self.asked.append(url)
        if (answer := self.answers[url]) is None:
            return None
        payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.kept[url] = Document(self.source, document_type, source_id, url, self.now, payload)
        return self.kept[url]


def crawled(crawl: Crawl, fetcher: FakeFetcher, day: date = DAY, options: Mapping[str, str] | None = None) -> list[str]:
    """The URLs that a crawl asks for, in order."""

    async def run() -> None:
        await crawl(day, fetcher, options or {})

    asyncio.run(run())
    return fetcher.asked


def goes_on_from_any_point(
    crawl: Crawl, new: Callable[..., FakeFetcher], options: Mapping[str, str] | None = None
) -> None:
    """Checks that a crawl that is cut off anywhere stops there, and fetches the rest, once, when it goes on."""
    whole = new()
    crawled(crawl, whole, options=options)
    assert len(whole.asked) > 1
    for answered in range(len(whole.asked)):
        cut = new(fails_after=answered)
        with pytest.raises(UnavailableError):
            crawled(crawl, cut, options=options)
        assert cut.asked == whole.asked[:answered]
        rest = new(kept=cut.kept)
        crawled(crawl, rest, options=options)
        assert rest.kept == whole.kept
        assert rest.asked == [url for url in whole.asked if url not in cut.kept]


def junk(template: object) -> st.SearchStrategy[object]:
    """Payloads of a source with any of their values put out of shape, and any other JSON."""
    anything = st.recursive(
        _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3), max_leaves=6
    )

    def spoilt(value: object) -> st.SearchStrategy[object]:
        if isinstance(value, dict):
            kept: st.SearchStrategy[object] = st.fixed_dictionaries({k: spoilt(v) for k, v in value.items()})
        elif isinstance(value, list):
            kept = st.tuples(*[spoilt(one) for one in value]).map(list)
        else:
            kept = st.just(value)
        # Mostly as it is, so that what is spoilt deep inside is reached.
        return st.integers(0, 11).flatmap(lambda n: anything if n == 11 else kept)

    return spoilt(template) | anything


def read_or_named(parse: Parser, document: Document) -> None:
    """Reads a document that may be anything; the only fault that may come of it is a named one."""
    (row,) = parse_documents([document], parse, lambda source, author: f"{source} {author}").to_pylist()
    assert (row["outcome"], bool(row["reason"])) in (("kept", False), ("quarantined", True))


def fixtures(folder: str) -> Path:
    """A folder of recorded payloads; skips the test where they are absent."""
    data = Path(os.environ.get("TRENDING_BENCH_DATA", "../shared/data"))
    if not (found := data / "fixtures" / folder).is_dir():
        pytest.skip(f"recorded payloads are absent: {found}")
    return found


def recorded(folder: str, name: str) -> Any:
    """A recorded payload."""
    return json.loads((fixtures(folder) / name).read_text())
