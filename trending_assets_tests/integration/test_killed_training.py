"""Killing a run while it trains, registers or promotes, and running it again, loses no model and no decision."""

import shutil
from pathlib import Path

import dagster as dg
import pytest

from trending_assets.storage.home import Home
from trending_assets_tests.integration.homes import SmallHome, differing
from trending_assets_tests.integration.killing import TRAINED, half_written, killed, marked_failed, without

# Each attempt is killed, the first at the first moment and so on, before one is left undisturbed.
MOMENTS = {
    "before promotion": (
        "os.rename /genre_training_set/part.parquet",
        "os.rename /registry/genre_xgboost/",
        "os.rename /registry/aliases.json",
    ),
    "between promotion and its record": ("os.rename /registry/decisions/",),
    "before predictions": ("os.rename /title_predictions/part.parquet",),
}


@pytest.fixture
def untrained(finished: SmallHome, tmp_path: Path) -> SmallHome:
    """A home with features online and no model."""
    home = finished.copied_to(tmp_path / "home")
    without(home, *TRAINED)
    shutil.rmtree(Home(home.folder).registry)
    return home


@pytest.mark.parametrize("moments", MOMENTS.values(), ids=MOMENTS.keys())
def test_a_killed_training_run_again_ends_like_an_undisturbed_one(
    moments: tuple[str, ...], untrained: SmallHome, finished: SmallHome
) -> None:
    for moment in moments:
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
