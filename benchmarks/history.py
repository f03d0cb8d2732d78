"""What one more day costs as history grows: the same day landed after a short history and after one ten times as long.

    python -m benchmarks.history [--days 30] [--times 10]

Archives of made-up titles and reviews land in two homes, one with the short history and one with the long. Then one
more day, the same for both, is landed in each by ``trending backfill``: raw documents to online features and drift,
without training. Homes take turns, and the middle one of three days counts; what the command takes to start is part
of it.
"""

import argparse
import csv
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from trending_assets.ingest.archive_inbox import ArchiveInbox
from trending_assets.ingest.archive_mappings import load_mapping
from trending_assets.storage.home import Home

_FIRST_NEW = date(2024, 1, 1)
_TITLES, _REVIEWS, _NEW_DAYS = 50, 100, 3
_WORDS = [a + b for a in ("act", "plot", "shot", "scen", "dark", "bright") for b in ("", "s", "ly", "er", "ing")]
_MAPPING = """
name = "{name}"
source = "made_up"
files = ["{name}*"]

[arrival]
column = "day"
formats = ["%Y-%m-%d"]

"""
_TITLES_MAPPING = (
    _MAPPING
    + """
[titles]
id = "{{id}}"
kind = "movie"
title = "title"
year = "year"
plot = "text"
"""
)
_REVIEWS_MAPPING = (
    _MAPPING
    + """
[reviews]
id = "{{id}}"
title_id = "{{film}}"
text = "text"
author = "author"
"""
)


def take_in(home: Path, days: list[date]) -> None:
    """Gives the archive titles and reviews of days; nothing is landed yet."""
    inbox = ArchiveInbox(Home(home).archive)
    with tempfile.TemporaryDirectory() as folder:
        for name, mapping in (("films", _TITLES_MAPPING), ("opinions", _REVIEWS_MAPPING)):
            described, file = Path(folder) / f"{name}.toml", Path(folder) / f"{name}.csv"
            described.write_text(mapping.format(name=name))
            with file.open("w", newline="") as stream:
                writer = csv.writer(stream)
                writer.writerow(["day", "id", "film", "title", "year", "author", "text"])
                for day in days:
                    writer.writerows(_rows(name, day))
            inbox.add(file, load_mapping(str(described)), days[0])


def _rows(name: str, day: date) -> Iterator[list[object]]:
    chance = random.Random(day.toordinal())  # noqa: S311 - made-up rows, not secrets
    for number in range(_TITLES if name == "films" else _REVIEWS):
        text = " ".join(chance.choices(_WORDS, k=60))
        film = f"{day}-{chance.randrange(_TITLES)}"
        title = f"{' '.join(chance.choices(_WORDS, k=3))} {day:%y%m%d}"
        yield [day, f"{day}-{number}", film, title, day.year, f"critic {number}", text]


def land(home: Path, first: date, last: date) -> float:
    """Seconds that days take from what the archive was given to online features and drift.

    Raises:
        SystemExit: the command failed.
    """
    environment = os.environ | {"TRENDING_HOME": str(home), "TRENDING_SOURCES": "archive"}
    command = [sys.executable, "-m", "trending_assets", "backfill", "--from", str(first), "--to", str(last)]
    start = time.perf_counter()
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise SystemExit(done.stderr)
    return time.perf_counter() - start


def main() -> None:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--times", type=int, default=10)
    arguments = parser.parse_args()
    histories = {1: arguments.days, arguments.times: arguments.days * arguments.times}
    new = [_FIRST_NEW + timedelta(days=number) for number in range(_NEW_DAYS)]
    seconds: dict[int, list[float]] = {times: [] for times in histories}
    with tempfile.TemporaryDirectory() as folder:
        homes = {times: Path(folder) / f"home {times}" for times in histories}
        for times, home in homes.items():
            days = [_FIRST_NEW - timedelta(days=number) for number in range(histories[times], 0, -1)]
            take_in(home, days)
            land(home, days[0], days[-1])
        for day in new:
            for times, home in homes.items():
                take_in(home, [day])
                seconds[times].append(land(home, day, day))
    for times, measured in seconds.items():
        sys.stdout.write(f"{times:3}x history ({histories[times]} days): {statistics.median(measured):6.2f} s\n")
    short, long = (statistics.median(seconds[times]) for times in histories)
    sys.stdout.write(f"one more day costs {long / short:.2f} times as much\n")


if __name__ == "__main__":
    main()
