"""Killing a run while it trains, registers or promotes, and running it again, loses no model and no decision."""

import shutil
from pathlib import Path

import dagster as dg
import pytest

from trending_assets.storage.home import Home
from trending_assets_tests.integration.homes import SmallHome, differing
from trending_assets_tests.integration.killing import TRAINED, half_written, killed, marked_failed, without

MOMENTS = {
    "training set": "os.rename /genre_training_set/part.parquet",
    "registering": "os.rename /registry/genre_xgboost/",
    "before promotion": "os.rename /registry/aliases.json",
    "between promotion and its record": "os.rename /registry/decisions/",
    "predictions": "os.rename /title_predictions/part.parquet",
}


@pytest.fixture
def untrained(finished: SmallHome, tmp_path: Path) -> SmallHome:
    """A home with features online and no model."""
    home = finished.copied_to(tmp_path / "home")
    without(home, *TRAINED)
    shutil.rmtree(Home(home.folder).registry)
    return home


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
def test_a_killed_training_run_again_ends_like_an_undisturbed_one(
    moment: str, untrained: SmallHome, finished: SmallHome
) -> None:
    killed(untrained, "retrain", moment)
    assert half_written(untrained, finished) == []
    assert marked_failed(untrained) == [dg.DagsterRunStatus.FAILURE]

    untrained.run("retrain")
    assert differing(untrained.digests(), finished.digests()) == []
    ours, theirs = untrained.registry, finished.registry
    assert ours.aliases() == theirs.aliases()
    for ref in ours.aliases().values():
        assert ours.verified(ref).is_dir()
        assert ours.manifest(ref).files == theirs.manifest(ref).files
    decided = [(d["candidate"], d["promoted"], d["reasons"]) for d in ours.decisions()]
    assert decided == [(d["candidate"], d["promoted"], d["reasons"]) for d in theirs.decisions()]
