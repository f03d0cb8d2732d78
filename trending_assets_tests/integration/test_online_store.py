"""The online store holds the newest value of every feature, as the lake and stock Feast say it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trending_assets.storage.feature_store import open_feature_store
from trending_assets_tests.integration.homes import SmallHome, differing
from trending_assets_tests.integration.killing import ROOT, forget_features_online
from trending_assets_tests.integration.online import online_values, titles_of
from trending_assets_tests.integration.small_source import HISTORY, UPDATED_FIRST, UPDATED_ID


def _newest_in_lake(home: SmallHome, table: str) -> dict[str, dict[str, Any]]:
    """Title → its newest row of a feature table."""
    newest: dict[str, dict[str, Any]] = {}
    for day in HISTORY:
        for row in home.lake.read(table, day).to_pylist():
            known = newest.get(row["title_id"])
            if known is None or row["event_timestamp"] > known["event_timestamp"]:
                newest[row["title_id"]] = row
    return newest


@pytest.fixture(scope="module")
def online(finished: SmallHome) -> dict[str, dict[str, Any]]:
    """What the finished home's online store answers."""
    return online_values(finished.folder, titles_of(finished))


@pytest.mark.parametrize(
    ("table", "features"),
    [
        ("title_text", ["text", "kind", "year", "word_count"]),
        ("title_activity", ["reviews_1d", "reviews_7d", "score_day", "momentum_points_week", "coverage"]),
    ],
)
def test_online_values_are_the_newest_of_the_lake(
    table: str, features: list[str], finished: SmallHome, online: dict[str, dict[str, Any]]
) -> None:
    newest = _newest_in_lake(finished, table)
    expected = {title: {name: row[name] for name in features} for title, row in newest.items()}
    assert differing({t: {name: online[t][name] for name in features} for t in newest}, expected) == []
    assert len(newest) > 10


def test_online_embeddings_are_those_of_the_lake_to_the_last_bit(
    finished: SmallHome, online: dict[str, dict[str, Any]]
) -> None:
    for title, row in _newest_in_lake(finished, "title_embedding").items():
        assert np.array_equal(np.float32(online[title]["embedding"]), np.float32(row["embedding"]))


def test_an_old_day_computed_again_overwrites_nothing_newer(finished: SmallHome, tmp_path: Path) -> None:
    home = finished.copied_to(tmp_path / "home")
    titles = titles_of(finished)
    before = online_values(home.folder, titles)
    assert "dentists" in before[UPDATED_ID]["text"]
    home.run("features", [UPDATED_FIRST])
    assert differing(online_values(home.folder, titles), before) == []


def test_days_that_go_online_in_any_order_end_with_the_newest_values(finished: SmallHome, tmp_path: Path) -> None:
    home = finished.copied_to(tmp_path / "home")
    forget_features_online(home)
    for day in (HISTORY[2], HISTORY[0], HISTORY[3], HISTORY[1]):
        home.run("features", [day], ["feast_registry", "online_store"])
    titles = titles_of(finished)
    assert differing(online_values(home.folder, titles), online_values(finished.folder, titles)) == []


def test_stock_feast_commands_apply_and_materialise_the_same(finished: SmallHome, tmp_path: Path) -> None:
    checkout = tmp_path / "check out"
    shutil.copytree(ROOT / "feature_repo", checkout / "feature_repo", ignore=shutil.ignore_patterns("__pycache__"))
    home = finished.copied_to(checkout / ".trending")
    forget_features_online(home)
    environment = os.environ | {"TRENDING_HOME": str(home.folder), "PYTHONPATH": str(ROOT), "FEAST_USAGE": "False"}
    feast = [str(Path(sys.executable).with_name("feast")), "-c", "feature_repo"]
    commands = (["apply", "--skip-source-validation"], ["materialize", "2025-06-02T00:00:00", "2025-06-06T00:00:00"])
    for command in commands:
        done = subprocess.run(
            [*feast, *command], cwd=checkout, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    store = open_feature_store(home.folder)
    views = {view.name: view.online for view in store.list_feature_views()}
    never = {"title_masked": False, "title_tfidf_masked__v1": False}
    online = ("title_text", "title_embedding", "title_tfidf__v1", "title_activity")
    assert views == dict.fromkeys(online, True) | never
    services = {service.name for service in store.list_feature_services()}
    assert services == {"genre_text_v4", "genre_text_embedding_v5", "genre_training_v5"}
    titles = titles_of(finished)
    assert differing(online_values(home.folder, titles), online_values(finished.folder, titles)) == []
