"""``make chaos``: sixty kills at random points over ingest, features, the online store, training and promotion."""

import os
import secrets
import sys
from pathlib import Path

import pytest

from trending_assets_tests.chaos.archive import write_archive
from trending_assets_tests.chaos.commands import FreshCommands
from trending_assets_tests.chaos.storm import (
    Storm,
    backfilled,
    featured,
    ingested,
    promoted,
    reviewed,
    struck,
    trained,
)

pytestmark = pytest.mark.chaos
# Kills a command, of sixty.
_SHARES = {"ingest": 19, "backfill": 9, "features": 14, "train": 14, "promote": 4}
# What has to be hit: command → the steps of which one is enough, the first of which is killed where chance hit none.
_HIT = {
    "what is fetched and parsed": ("ingest", ("raw__archive", "parsed__archive", "quarantine")),
    "what is cleaned": ("ingest", ("title_identity", "cleaned_tables", "catalog_snapshot")),
    "features": ("features", ("title_embedding", "title_text", "title_tfidf", "title_activity")),
    "what goes online": ("features", ("online_store", "feast_registry")),
    "training": ("train", ("genre_logreg", "genre_training_set")),
    "the gate": ("train", ("genre_champion", "genre_evaluation")),
}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def test_sixty_kills_leave_nothing_torn_and_every_command_run_again_ends_as_undisturbed(tmp_path: Path) -> None:
    seed = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(1 << 31))
    share = float(os.environ.get("CHAOS_SHARE") or 1)
    _say(f"\nCHAOS_SEED={seed}")
    archive, home = write_archive(tmp_path / "files"), tmp_path / "home"
    storm = Storm(home, tmp_path, FreshCommands(home, tmp_path))
    reviewed(storm, archive)
    stages = [ingested(storm, archive), featured(storm), trained(storm), promoted(storm), backfilled(storm)]
    for stage in stages:
        _say(f"{stage.name} undisturbed: {stage.undisturbed.seconds:.1f} s")
    hits = struck(storm, [(stage, max(1, round(_SHARES[stage.name] * share))) for stage in stages], seed, _say)
    by_name = {stage.name: stage for stage in stages}
    for what, (name, steps) in _HIT.items():
        if not any(hits[name, step] for step in steps):
            storm.back_to(by_name[name])
            kill = storm.kill(by_name[name], f"begins {steps[0]}")
            hits[name, kill.step] += kill.killed
            storm.again(by_name[name])
        assert any(hits[name, step] for step in steps), f"no kill hit {what}"
    assert sum(kills for (name, _), kills in hits.items() if name == "promote"), "no kill hit a promotion"
    for (name, step), kills in sorted(hits.items()):
        _say(f"{name:9} {step:45} {kills}")
    _say(f"{hits.total()} kills, seed {seed}")
