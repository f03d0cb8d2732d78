"""A home with a champion that keeps a reference, and days of titles that can be made to drift."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa

from trending_assets.assets.monitoring.feature_drift import feature_drift
from trending_assets.assets.monitoring.prediction_drift import prediction_drift
from trending_assets.checks.drift import feature_drift_has_not_drifted, prediction_drift_has_not_drifted
from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.drift.reference import PredictionReference, Reference
from trending_assets.resources.home import HomeResource
from trending_assets.storage.registry import ModelRef
from trending_assets_tests.domain.drift.titles import titles

CHAMPION = ModelRef("genre_logreg", "20250601-abcdef01")
# One of the titles that the champion learned from.
LEARNED = "t0"
DAYS = [(date(2025, 6, 2) + timedelta(days=number)).isoformat() for number in range(6)]
KNOWN = ("comedy", "horror")
_THRESHOLDS = {"comedy": 0.3, "horror": 0.3}
_COMPLETE = {"labels_complete": True, "plot": "A plot.", "label_coverage": list(GENRES)}


class DriftingHome:
    """The home, and what lands in it."""

    def __init__(self, folder: Path) -> None:
        self.home = HomeResource(folder=str(folder))
        self.random = np.random.default_rng(11)
        self.champion = CHAMPION

    def train(self, ref: ModelRef = CHAMPION) -> None:
        """Makes a version with a reference the champion; nobody can ask it anything."""
        learned = titles(self.random, 1200)
        labels = np.where(self.random.random((1200, len(GENRES))) < 0.3, 1.0, 0.0)
        probabilities = self.random.beta(2, 6, size=(500, len(KNOWN)))
        said = PredictionReference.of(probabilities, _THRESHOLDS, KNOWN, labels, learned["title_id"])
        reference = Reference.of(learned, said)
        self.home.registry.register(ref, _MANIFEST, reference.save)
        self.home.registry.promote(ref)
        self.champion = ref

    def land(self, day: str, number: int = 120, *, logged: bool = True, **changed: Any) -> None:
        """Lands a day's titles, their features and their labels, and logs what the champion said on it."""
        if logged:
            self.log(day)
        first = 10_000 * (DAYS.index(day) + 1)
        frame = titles(self.random, number, first=first, **changed)
        at = datetime.fromisoformat(day).replace(tzinfo=UTC)
        frame = frame.assign(event_timestamp=at, created=at, tfidf=[[0.0]] * number, tfidf_version="none")
        vectors = {"title_embedding": ["embedding"], "title_tfidf": ["tfidf", "tfidf_version"]}
        kept = [name for name in frame if name not in ("embedding", "tfidf", "tfidf_version")]
        lake = self.home.lake
        lake.write("title_text", pa.Table.from_pandas(frame[kept], preserve_index=False), day=day)
        for table, columns in vectors.items():
            rows = frame[["title_id", "event_timestamp", "created", *columns]]
            lake.write(table, pa.Table.from_pandas(rows, preserve_index=False), day=day)
        genres = [[slug for slug in GENRES if self.random.random() < 0.3] for _ in range(number)]
        records = [
            {"title_id": title_id, "genres": given, **_COMPLETE}
            for title_id, given in zip(frame["title_id"], genres, strict=True)
        ]
        lake.write("stg_titles", pa.Table.from_pylist(records), day=day)

    def log(self, day: str, ref: ModelRef | None = None, sure: float = 2.0, number: int = 100, **changed: Any) -> None:
        """Logs predictions of a version, the champion where none is named.

        Args:
            day: the day.
            ref: the version.
            sure: the first parameter of the beta distribution that probabilities come from; the reference has 2.
            number: how many.
            changed: columns that are not as they should be.
        """
        rows, version = [], ref or self.champion
        for _ in range(number):
            chances = self.random.beta(sure, 6, size=len(KNOWN))
            genres = [
                {"genre": genre, "probability": chance, "threshold": 0.3, "selected": bool(chance >= 0.3)}
                for genre, chance in zip(KNOWN, chances.tolist(), strict=True)
            ]
            said = {"model": version.model, "version": version.version, "degraded": False, "genres": genres}
            rows.append({"title_id": None, **said, **changed})
        lake = self.home.lake
        earlier = lake.read("prediction_log", day).to_pylist() if lake.exists("prediction_log", day) else []
        lake.write("prediction_log", pa.Table.from_pylist(earlier + rows), day=day)

    def materialise(
        self, instance: dg.DagsterInstance, *days: str, tables: Sequence[str] | None = None
    ) -> dg.ExecuteInProcessResult:
        """Measures the drift of days, in all tables or in some, and checks it."""
        definitions = dg.Definitions(
            assets=[feature_drift, prediction_drift],
            asset_checks=[feature_drift_has_not_drifted, prediction_drift_has_not_drifted],
            resources={"home": self.home},
        )
        job = definitions.resolve_implicit_global_asset_job_def()
        tags = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
        selection = [dg.AssetKey(table) for table in tables] if tables else None
        return job.execute_in_process(instance=instance, tags=tags, asset_selection=selection)

    def rows(self, table: str, day: str) -> dict[str, dict[str, Any]]:
        """Column → what is said of it."""
        return {row["column"]: row for row in self.home.lake.read(table, day).to_pylist()}


_MANIFEST: dict[str, Any] = {
    "trained_at": datetime(2025, 6, 1, tzinfo=UTC),
    "code_version": "0",
    "feature_service": "genre_text_v4",
    "feature_views": {},
    "genres": list(KNOWN),
    "thresholds": _THRESHOLDS,
    "metrics": {},
    "slices": {},
    "per_genre": {},
    "training_set_sha256": "0",
    "data_partitions": ["2025-06-01"],
    "run_ids": [],
    "library_versions": {},
    "seed": 1,
}
