"""Commands on a home, killed at points and run again, beside the same commands undisturbed."""

import random
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trending_assets.storage.home import Home
from trending_assets.storage.registry import ModelRegistry, open_registry
from trending_assets_tests.chaos.archive import DAYS, Archive
from trending_assets_tests.chaos.commands import Commands, Ended
from trending_assets_tests.chaos.state import State, differences, state_of, tick, torn

_KILLS_IN_A_ROW = 2
# How many of the killed commands leave what they had started, such as dbt, running.
_ORPHANS = 0.5
_RANGE = ("--from", DAYS[0], "--to", DAYS[-1])


@dataclass(frozen=True)
class Stage:
    """A command, with what it starts from and what it leaves undisturbed.

    Attributes:
        name: what it is called here.
        arguments: of ``trending``.
        folder: a copy of the home before it.
        before: the state before it.
        after: the state after it.
        undisturbed: how it ended.
    """

    name: str
    arguments: list[str]
    folder: Path
    before: State
    after: State
    undisturbed: Ended


@dataclass(frozen=True)
class Kill:
    """What became of a command that was killed.

    Attributes:
        killed: False where it ended before its moment came.
        step: what was running.
    """

    killed: bool
    step: str


class Storm:
    """A home in one place, which stages are copied to and from: Feast's registry holds the home's path."""

    def __init__(self, home: Path, scratch: Path, commands: Commands) -> None:
        """The storm on ``home``; copies are kept in ``scratch``."""
        self.home, self.commands, self._scratch = home, commands, scratch

    @property
    def registry(self) -> ModelRegistry:
        """The home's registry."""
        return open_registry(Home(self.home), None)

    def stage(self, name: str, arguments: Sequence[str]) -> Stage:
        """Runs a command undisturbed and keeps what it started from."""
        self.home.mkdir(parents=True, exist_ok=True)
        folder, before = self._scratch / f"before {name}", state_of(self.home)
        shutil.copytree(self.home, folder)
        ended = self.commands.run(arguments)
        return Stage(name, list(arguments), folder, before, state_of(self.home), ended)

    def back_to(self, stage: Stage) -> None:
        """Makes the home what it was before a command."""
        shutil.rmtree(self.home)
        shutil.copytree(stage.folder, self.home)

    def kill(self, stage: Stage, moment: str, *, orphans: bool = False) -> Kill:
        """Runs a command that is killed at a moment, and looks at what it leaves.

        Args:
            stage: the command.
            moment: when; see ``dying``.
            orphans: leave what it had started, such as dbt, running.

        Raises:
            AssertionError: what is left is torn, or a run is still shown as running after a tick.
        """
        ended = self.commands.run(stage.arguments, moment)
        if not orphans:
            ended.end_orphans()
        found = tick(self.home)
        assert found.still_running == [], f"{stage.name}, {moment}: still running: {found.still_running}"
        wrong = torn(self.home, stage.before, stage.after)
        assert wrong == [], f"{stage.name}, {moment}: {wrong[:5]}"
        return Kill(ended.killed, found.step)

    def again(self, stage: Stage) -> None:
        """Runs a command that was killed again.

        Raises:
            AssertionError: it leaves something else than it does undisturbed.
        """
        self.commands.run(stage.arguments)
        differing = differences(state_of(self.home), stage.after)
        assert differing == [], f"{stage.name} run again: {differing[:5]}"


def ingested(storm: Storm, archive: Archive) -> Stage:
    """The stage of films that land from a file, raw documents to the catalogue."""
    return storm.stage("ingest", ["ingest", "archive", str(archive.films), "--mapping", str(archive.film_mapping)])


def reviewed(storm: Storm, archive: Archive) -> Stage:
    """The stage of reviews of the films that land from a file."""
    arguments = ["ingest", "archive", str(archive.reviews), "--mapping", str(archive.review_mapping)]
    return storm.stage("ingest reviews", arguments)


def featured(storm: Storm) -> Stage:
    """The stage of the features: their tables, Feast's registry and the online store."""
    return storm.stage("features", ["backfill", *_RANGE, "--select", "features"])


def backfilled(storm: Storm) -> Stage:
    """The stage of a backfill from raw documents to drift, over a range of which one day's files are gone."""
    for folder in Home(storm.home).lake.glob(f"**/day={DAYS[1]}"):
        shutil.rmtree(folder)
    return storm.stage("backfill", ["backfill", *_RANGE])


def trained(storm: Storm) -> Stage:
    """The stage of a training, whose model the gate promotes."""
    return storm.stage("train", ["train", "logreg"])


def promoted(storm: Storm) -> Stage:
    """The stage of a promotion by hand."""
    version = storm.registry.versions("genre_keyword")[-1]
    return storm.stage("promote", ["models", "promote", f"genre_keyword/{version}"])


def drawn_moment(stage: Stage, drawn: random.Random) -> str:
    """A random moment of a command: a delay, a move of a file, or an event of a step."""
    renames, steps = len(stage.undisturbed.counted["renames"]), len(stage.undisturbed.counted["steps"])
    first, kind = stage.undisturbed.counted["first_step_seconds"], drawn.random()
    if kind < 0.4 and first is not None:
        return f"delay {drawn.uniform(max(first - 0.5, 0), stage.undisturbed.seconds):.2f}"
    if kind < 0.8 or not steps:
        return f"{drawn.choice(['rename', 'after-rename'])} {drawn.randint(1, renames)}"
    return f"step {drawn.randint(1, steps)}"


def struck(
    storm: Storm, stages: Sequence[tuple[Stage, int]], seed: int, say: Callable[[str], object]
) -> Counter[tuple[str, str]]:
    """Kills each command so many times, each time from where it began, and runs it again.

    Args:
        storm: the home.
        stages: the commands, each with the number of its kills.
        seed: decides the moments.
        say: told of each kill.

    Returns:
        (command, step) → kills that hit it.
    """
    hits: Counter[tuple[str, str]] = Counter()
    for stage, number in stages:
        drawn, kills = random.Random(f"{seed} {stage.name}"), 0
        while kills < number:
            storm.back_to(stage)
            # What was killed once is killed again before it may come to its end.
            for _ in range(min(_KILLS_IN_A_ROW, number - kills)):
                moment, orphans = drawn_moment(stage, drawn), drawn.random() < _ORPHANS
                kill = storm.kill(stage, moment, orphans=orphans)
                say(f"{stage.name}, {moment}: {f'killed in {kill.step}' if kill.killed else 'ended before it'}")
                hits[stage.name, kill.step] += kill.killed
                kills += kill.killed
            storm.again(stage)
    return hits
