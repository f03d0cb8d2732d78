"""What the online store of a home answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trending_assets.storage.feature_store import open_feature_store
from trending_assets_tests.integration.homes import SmallHome

SERVICE = "genre_text_embedding_v5"
_ACTIVITY = ("reviews_1d", "reviews_7d", "score_day", "momentum_points_week", "volume_points_week", "coverage")
ACTIVITY = [f"title_activity:{name}" for name in _ACTIVITY]


def online_values(folder: Path, titles: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Title → every feature that the API or a model could read of it."""
    store = open_feature_store(folder)
    entities = [{"title_id": title} for title in titles]
    rows: dict[str, dict[str, Any]] = {title: {} for title in titles}
    for features in (store.get_feature_service(SERVICE), ACTIVITY):
        answer = store.get_online_features(features, entities).to_dict()
        for i, title in enumerate(answer["title_id"]):
            rows[title] |= {name: values[i] for name, values in answer.items()}
    return rows


def titles_of(home: SmallHome) -> list[str]:
    """The ids of the catalogue."""
    return list(home.lake.read("catalog_snapshot", columns=["title_id"])["title_id"].to_pylist())
