"""Killing a run while it computes features or fills the online store, and running it again, changes nothing."""

from pathlib import Path

import dagster as dg
import pytest

from trending_assets.storage.home import Home
from trending_assets_tests.integration.homes import SmallHome, differing
from trending_assets_tests.integration.killing import (
    FEATURES,
    MONITORING,
    forget_features_online,
    half_written,
    killed,
    marked_failed,
    without,
)
from trending_assets_tests.integration.online import online_values, titles_of
from trending_assets_tests.integration.small_source import HISTORY

# Each attempt is killed, the first at the first moment and so on, before one is left undisturbed.
MOMENTS = {
    "computing": (f"os.rename /title_embedding/day={HISTORY[2]}", "os.rename /reports/feature_drift/"),
    "going online": (
        "open feast/registry.db",
        "sqlite3.connect online_store.db",
        "file feast/online_store.db-journal",
    ),
}


@pytest.fixture
def ingested(finished: SmallHome, tmp_path: Path) -> SmallHome:
    """A home with cleaned tables and no features."""
    home = finished.copied_to(tmp_path / "home")
    without(home, *FEATURES, *MONITORING)
    # When the finished home computed its features there was no champion to measure drift against.
    (Home(home.folder).registry / "aliases.json").unlink()
    forget_features_online(home)
    return home


@pytest.mark.parametrize("moments", MOMENTS.values(), ids=MOMENTS.keys())
def test_killed_features_run_again_are_those_of_an_undisturbed_run(
    moments: tuple[str, ...], ingested: SmallHome, finished: SmallHome
) -> None:
    for moment in moments:
        killed(ingested, "features", moment)
        assert half_written(ingested, finished) == []
        assert marked_failed(ingested) == [dg.DagsterRunStatus.FAILURE]

    ingested.run("features", HISTORY)
    assert differing(ingested.digests(), finished.digests()) == []
    titles = titles_of(finished)
    assert differing(online_values(ingested.folder, titles), online_values(finished.folder, titles)) == []


@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_a_feature_registry_that_was_cut_off_is_written_anew(kept: float, finished: SmallHome, tmp_path: Path) -> None:
    """Feast writes its registry in place, so a kill can leave any beginning of the file."""
    home = finished.copied_to(tmp_path / "home")
    registry = Home(home.folder).feast / "registry.db"
    whole = registry.read_bytes()
    registry.write_bytes(whole[: int(len(whole) * kept)])

    home.run("features", HISTORY[:1])
    titles = titles_of(finished)
    assert differing(online_values(home.folder, titles), online_values(finished.folder, titles)) == []
