"""What one more day costs as history grows: the same day landed after a short history and after one ten times as long.

    python -m benchmarks.history [--days 30] [--times 10]

Archives of made-up titles and reviews land in two homes, one with the short history and one with the long. Then one
more day, the same for both, is landed in each by ``trending backfill``: raw documents to online features and drift,
without training. Homes take turns, and the middle one of three days counts; what the command takes to start is part
of it. Most of that is the same whatever the history, so that the processor's seconds of each command are told too, and
the seconds of the steps that differ most: what grows is seen there first.
"""

import argparse
import csv
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from trending_assets.automation.running import open_instance
from trending_assets.automation.sensors import RANGE_END, RANGE_START
from trending_assets.ingest.archive_inbox import ArchiveInbox
from trending_assets.ingest.archive_mappings import load_mapping
from trending_assets.storage.home import Home

_FIRST_NEW = date(2024, 1, 1)
_TITLES, _REVIEWS, _NEW_DAYS = 50, 100, 3
_STEPS = 6
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


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        seconds: by the clock.
        processor_seconds: of all its processes.
        steps: step → seconds by the clock.
    """

    seconds: float
    processor_seconds: float
    steps: Counter[str]


def land(home: Path, first: date, last: date) -> Cost:
    """What days take from what the archive was given to online features and drift.

    Raises:
        SystemExit: the command failed.
    """
    environment = os.environ | {"TRENDING_HOME": str(home), "TRENDING_SOURCES": "archive"}
    command = [sys.executable, "-m", "trending_assets", "backfill", "--from", str(first), "--to", str(last)]
    start, used = time.perf_counter(), _processor_seconds()
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise SystemExit(done.stderr)
    return Cost(time.perf_counter() - start, _processor_seconds() - used, _step_seconds(home, first, last))


def _processor_seconds() -> float:
    """Of all processes that were waited for so far."""
    found = resource.getrusage(resource.RUSAGE_CHILDREN)
    return found.ru_utime + found.ru_stime


def _step_seconds(home: Path, first: date, last: date) -> Counter[str]:
    found: Counter[str] = Counter()
    with open_instance(Home(home)) as instance:
        for run in instance.get_runs():
            if (run.tags.get(RANGE_START), run.tags.get(RANGE_END)) == (str(first), str(last)):
                for step in instance.get_run_step_stats(run.run_id):
                    found[step.step_key] += (step.end_time or 0.0) - (step.start_time or 0.0)
    return found


def _median(costs: Sequence[Cost], step: str) -> float:
    return statistics.median(cost.steps[step] for cost in costs)


def main() -> None:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--times", type=int, default=10)
    arguments = parser.parse_args()
    histories = {1: arguments.days, arguments.times: arguments.days * arguments.times}
    new = [_FIRST_NEW + timedelta(days=number) for number in range(_NEW_DAYS)]
    costs: dict[int, list[Cost]] = {times: [] for times in histories}
    with tempfile.TemporaryDirectory() as folder:
        homes = {times: Path(folder) / f"home {times}" for times in histories}
        for times, home in homes.items():
            days = [_FIRST_NEW - timedelta(days=number) for number in range(histories[times], 0, -1)]
            take_in(home, days)
            land(home, days[0], days[-1])
        for day in new:
            for times, home in homes.items():
                take_in(home, [day])
                costs[times].append(land(home, day, day))
    for times, measured in costs.items():
        seconds = statistics.median(cost.seconds for cost in measured)
        used = statistics.median(cost.processor_seconds for cost in measured)
        sys.stdout.write(f"{times:3}x history ({histories[times]} days): {seconds:6.2f} s, processor {used:6.2f} s\n")
    short, long = costs.values()
    for unit in ("seconds", "processor_seconds"):
        before, after = (statistics.median(getattr(cost, unit) for cost in measured) for measured in (short, long))
        sys.stdout.write(f"one more day costs {after / before:.2f} times as much in {unit.replace('_', ' ')}\n")
    steps = {step: (_median(short, step), _median(long, step)) for step in {s for cost in long for s in cost.steps}}
    for step, (before, after) in sorted(steps.items(), key=lambda found: found[1][0] - found[1][1])[:_STEPS]:
        sys.stdout.write(f"{step:30} {before:6.2f} s, {after:6.2f} s\n")


if __name__ == "__main__":
    main()
