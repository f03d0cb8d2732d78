"""robots.txt as RFC 9309 has it: read once a day and host, and everything is forbidden while it cannot be read."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
from protego import Protego

from trending_assets.ingest.http.addresses import host_of
from trending_assets.ingest.http.errors import DisallowedByRobotsError, FetchError
from trending_assets.ingest.http.pacing import Clock

# The least that RFC 9309 wants read; what follows does not count.
ROBOTS_BYTES = 500 * 1024
_KEPT_S = 24 * 3600.0
# A file that could not be read is asked for again sooner: the fault may be over.
_FAILURE_KEPT_S = 600.0


@dataclass(frozen=True)
class _Rules:
    """What one host allows: by its file, or nothing for a reason."""

    file: Protego | None
    reason: str
    until: float


class Robots:
    """What hosts allow a crawler.

    Args:
        agent: the crawler's product token, by which the files name it.
        fetch: host → the text of its robots.txt, empty where it has none; FetchError where it cannot be had.
        clock: tells how old a file is.
    """

    def __init__(self, agent: str, fetch: Callable[[str], Awaitable[str]], clock: Clock) -> None:
        self._agent = agent
        self._fetch = fetch
        self._clock = clock
        self._rules: dict[str, _Rules] = {}
        self._reading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def check(self, url: httpx.URL) -> float:
        """The crawl delay in seconds that the host asks for, if the URL may be asked for.

        Raises:
            DisallowedByRobotsError: it may not.
        """
        host = host_of(url)
        async with self._reading[host]:
            rules = self._rules.get(host)
            if rules is None or self._clock.monotonic() >= rules.until:
                rules = self._rules[host] = await self._read(host)
        if rules.file is None:
            raise DisallowedByRobotsError(f"{url}: everything is forbidden while {rules.reason}")
        if not rules.file.can_fetch(str(url), self._agent):
            raise DisallowedByRobotsError(f"{url}: forbidden by robots.txt of {host}")
        return rules.file.crawl_delay(self._agent) or 0.0

    async def _read(self, host: str) -> _Rules:
        try:
            text = await self._fetch(host)
        except FetchError as error:
            return _Rules(None, f"robots.txt cannot be read: {error}", self._clock.monotonic() + _FAILURE_KEPT_S)
        return _Rules(Protego.parse(text), "", self._clock.monotonic() + _KEPT_S)
