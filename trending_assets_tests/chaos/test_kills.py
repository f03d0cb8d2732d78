"""A dozen kills of the command line at stated moments, a day that cannot be had, and a home that is restored.

`make chaos` has sixty kills.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from trending_assets.automation.backfills import FAILED_DAYS
from trending_assets.automation.landings import newest_by_partition
from trending_assets.automation.running import open_instance
from trending_assets.ingest.archive_inbox import ArchiveInbox
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets_tests.chaos.archive import DAYS, take_in, write_archive
from trending_assets_tests.chaos.commands import ROOT, CommandFailedError, forked_commands
from trending_assets_tests.chaos.state import differences, state_of
from trending_assets_tests.chaos.storm import Stage, Storm, promoted, trained
from trending_assets_tests.integration.online import online_values

# Three of them have documents.
RANGE = [(date.fromisoformat(DAYS[0]) + timedelta(days=i)).isoformat() for i in range(30)]
POISONED = DAYS[1]
BACKFILL = {
    "move lake/raw/archive/day=2024-05-07": "raw__archive",
    "move lake/parsed/archive/day=2024-05-08": "parsed__archive",
    "move lake/catalog_snapshot": "catalog_snapshot",
    "move lake/title_embedding/day=2024-05-07": "title_embedding",
    "begins feast_registry": "feast_registry",
    "begins online_store": "online_store",
}
TRAIN = {
    "move lake/genre_training_set": "genre_training_set",
    "move registry/genre_logreg/": "genre_logreg",
    "move registry/aliases.json": "genre_champion",
}
PROMOTE = {"move registry/aliases.json": "outside of a run", "move reports/model_cards/": "outside of a run"}


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storm]:
    """A home whose inbox holds three days that have not landed."""
    scratch = tmp_path_factory.mktemp("kills")
    home = scratch / "home"
    take_in(write_archive(scratch / "files"), ArchiveInbox(Home(home).archive))
    with forked_commands(home, scratch) as commands:
        yield Storm(home, scratch, commands)


@pytest.fixture(scope="module")
def landed(storm: Storm) -> Stage:
    """Thirty days, landed by one undisturbed backfill."""
    return storm.stage("backfill", ["backfill", "--from", RANGE[0], "--to", RANGE[-1]])


def _killed_at(storm: Storm, stage: Stage, moments: dict[str, str]) -> None:
    """Kills a command at one moment after the other without a start from anew, and then lets it end."""
    storm.back_to(stage)
    for moment, step in moments.items():
        kill = storm.kill(stage, moment)
        assert kill.killed, f"{stage.name} ended before {moment}"
        assert kill.step == step, moment
    storm.again(stage)


def test_a_backfill_killed_six_times_ends_with_the_bytes_of_an_undisturbed_one(storm: Storm, landed: Stage) -> None:
    _killed_at(storm, landed, BACKFILL)


def test_a_training_killed_three_times_ends_with_the_same_model_and_one_decision(storm: Storm, landed: Stage) -> None:
    _killed_at(storm, trained(storm), TRAIN)
    assert storm.registry.aliases()["champion"].model == "genre_logreg"
    assert len(storm.registry.decisions()) == 1


def test_a_promotion_that_was_killed_is_recorded_once(storm: Storm, landed: Stage) -> None:
    stage = promoted(storm)
    _killed_at(storm, stage, PROMOTE)
    assert str(storm.registry.aliases()["champion"]) == stage.arguments[-1]


def test_of_thirty_days_the_one_that_cannot_be_had_is_named_and_the_others_land_and_it_alone_is_left_to_do(
    storm: Storm, landed: Stage
) -> None:
    storm.back_to(landed)
    broken = Lake(Home(storm.home).lake).path("raw/archive", POISONED)
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"PAR1 cut off")
    with pytest.raises(CommandFailedError) as failed:
        storm.commands.run(landed.arguments)
    said = failed.value.said
    assert f"error: 29 of 30 days were computed; these were not: {POISONED}; {POISONED}: raw__archive failed: " in said
    good = [day for day in RANGE if day != POISONED]
    lake = Lake(Home(storm.home).lake)
    assert [lake.days(table) for table in ("titles", "title_activity", "feature_drift")] == [good] * 3
    titles = {day: lake.read("titles", day, ["title_id"])["title_id"].to_pylist() for day in (DAYS[0], DAYS[2])}
    online = online_values(storm.home, [*titles[DAYS[0]], *titles[DAYS[2]]])
    assert [title for title, values in online.items() if values["embedding"] is None] == []
    with open_instance(Home(storm.home)) as instance:
        assert set(instance.get_materialized_partitions(dg.AssetKey("online_store"))) == set(good)
        tagged = instance.get_runs(dg.RunsFilter(tags={FAILED_DAYS: POISONED}))
        before = {name: newest_by_partition(instance, name) for name in ("titles", "title_embedding", "title_activity")}
    assert [run.status for run in tagged] == [dg.DagsterRunStatus.FAILURE]

    broken.unlink()
    storm.again(landed)
    with open_instance(Home(storm.home)) as instance:
        after = {name: newest_by_partition(instance, name) for name in before}
    anew = {name: {day for day in RANGE if after[name][day] != before[name].get(day)} for name in before}
    # What is said of a day is counted for half a year.
    since = {day for day in RANGE if day >= POISONED}
    assert anew == {"titles": {POISONED}, "title_embedding": {POISONED}, "title_activity": since}


def test_what_the_manual_copies_is_the_same_home_again_after_a_backfill(
    storm: Storm, landed: Stage, tmp_path: Path
) -> None:
    storm.commands.run(["train", "logreg"])
    before = state_of(storm.home)
    section = (ROOT / "docs" / "operations.md").read_text().partition("## Copy and restore")[2]
    said = re.search(r"```sh\n(.+?)```", section, re.DOTALL)
    assert said is not None
    copying = said[1].replace("/backup/", f"{tmp_path}/")
    subprocess.run(["sh", "-ec", copying], env=os.environ | {"TRENDING_HOME": str(storm.home)}, check=True)

    shutil.rmtree(storm.home)
    shutil.copytree(tmp_path, storm.home)
    storm.commands.run(landed.arguments)
    # These are of the champion of the day on which they are computed: of the first time there was none.
    judged = ("lake/feature_drift/", "lake/prediction_drift/")
    assert [each for each in differences(state_of(storm.home), before) if not each.startswith(judged)] == []
    assert before.online
    assert before.aliases["champion"].model == "genre_logreg"
