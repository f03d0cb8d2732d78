"""A home as the pipeline would leave it, with hand-written stand-ins for what is slow."""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from serving.catalog import ACTIVITY, TABLE
from serving.features import OnlineTitle, UnknownFeatureServiceError
from serving.predictors import TextEncoder
from trending_assets.domain.genres.majority import MajorityModel
from trending_assets.domain.genres.models import TEXT_EMBEDDING_SERVICE, TEXT_SERVICE, GenreModel
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.genres.self_test import SelfTest
from trending_assets.domain.text.features import TitleFeatures, title_features
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.registry import ModelRef, ModelRegistry, open_registry

AS_OF = dt.date(2025, 6, 26)
ARRIVED = dt.datetime(2025, 6, 3, tzinfo=dt.UTC)

_SOURCE = pa.struct([("source", pa.string()), ("source_id", pa.string())])
SCHEMA = pa.schema(
    [
        ("title_id", pa.string()),
        ("source", pa.string()),
        ("source_id", pa.string()),
        ("kind", pa.string()),
        ("title", pa.string()),
        ("original_title", pa.string()),
        ("year", pa.int32()),
        ("released", pa.date32()),
        ("language", pa.string()),
        ("countries", pa.list_(pa.string())),
        ("genres", pa.list_(pa.string())),
        ("label_coverage", pa.list_(pa.string())),
        ("plot", pa.string()),
        ("runtime_minutes", pa.int32()),
        ("certificate", pa.string()),
        ("platforms", pa.list_(pa.string())),
        ("sources", pa.list_(_SOURCE)),
        ("aliases", pa.list_(pa.string())),
        ("arrived_at", pa.timestamp("us", tz="UTC")),
        ("reviews_total", pa.int64()),
        ("rating_mean", pa.float64()),
        ("audience_rating", pa.float64()),
        ("audience_ratings", pa.int64()),
        ("as_of", pa.date32()),
    ]
)


def catalog_row(title_id: str, title: str, **columns: object) -> dict[str, Any]:
    """A row of the snapshot; what is not named is as dull as it can be."""
    return {
        "title_id": title_id,
        "source": "sample",
        "source_id": title_id,
        "kind": "movie",
        "title": title,
        "original_title": None,
        "year": 1999,
        "released": None,
        "language": None,
        "countries": [],
        "genres": ["drama"],
        "label_coverage": ["drama", "comedy"],
        "plot": f"A plot of {title}.",
        "runtime_minutes": None,
        "certificate": None,
        "platforms": [],
        "sources": [{"source": "sample", "source_id": title_id}],
        "aliases": [],
        "arrived_at": ARRIVED,
        "reviews_total": 0,
        "rating_mean": None,
        "audience_rating": None,
        "audience_ratings": 0,
        "as_of": AS_OF,
        **columns,
    }


TITLES = [
    catalog_row(
        "tt0133093",
        "The Matrix",
        genres=["action", "science-fiction"],
        plot="A hacker learns that the world is a simulation.",
        aliases=["moviebox:603"],
        reviews_total=12,
        rating_mean=8.5,
        audience_rating=7.9,
        audience_ratings=40,
        released=dt.date(1999, 3, 31),
        runtime_minutes=136,
        certificate="R",
        platforms=["netflix"],
    ),
    catalog_row("tt0088763", "Back to the Future", genres=["comedy"], year=1985),
    catalog_row("tt0211915", "Amélie", original_title="Le Fabuleux Destin d'Amélie Poulain", year=2001),
    catalog_row("sample-shows:the-wire", "The Wire", kind="show", year=2002, genres=["crime", "drama"]),
    catalog_row("moviebox:77", "Unknown Year", year=None, plot=None),
]


def activity_row(
    title_id: str, day: tuple[float, float], week: tuple[float, float], **columns: object
) -> dict[str, Any]:
    """A row of ``title_activity``: momentum and volume of two windows."""
    points = {"day": day, "week": week}
    parts = [
        {
            "window": window,
            "source": "sample",
            "signal": "reviews",
            "weight": 4.0,
            "events": 9.0,
            "score": sum(points[window]),
            "momentum_points": points[window][0],
            "volume_points": points[window][1],
            "recent_rate": 2.0,
            "baseline_rate": None,
            "lift": None,
            "standard_error": None,
            "pace": None,
        }
        for window in points
    ]
    return {
        "title_id": title_id,
        "event_timestamp": dt.datetime.combine(AS_OF, dt.time(), dt.UTC) + dt.timedelta(days=1),
        "reviews_1d": 1,
        "reviews_7d": 9,
        **{f"momentum_points_{window}": momentum for window, (momentum, _) in points.items()},
        **{f"volume_points_{window}": volume for window, (_, volume) in points.items()},
        **{f"score_{window}": momentum + volume for window, (momentum, volume) in points.items()},
        "coverage": 1.0,
        "parts": parts,
        **columns,
    }


ACTIVITY_ROWS = [
    activity_row("tt0133093", (0.0, 20.0), (30.5, 20.0)),
    activity_row("tt0088763", (40.0, 30.0), (10.0, 30.0)),
    activity_row("tt0211915", (0.0, 0.0), (30.5, 20.0)),
    # Titles that are gone from the catalogue, or were never scored above nothing, are ranked nowhere.
    activity_row("tt0000404", (65.0, 35.0), (65.0, 35.0)),
]

TINY = MajorityModel(("comedy", "drama", "western"), np.array([0.4, 0.6, 0.05]), ("drama",))


class World:
    """A home, and what a pipeline does to it.

    Attributes:
        folder: the home.
        titles: rows of the catalogue.
        encoder: makes the encoder that models are registered with.
    """

    def __init__(
        self,
        folder: Path,
        registry: ModelRegistry | None = None,
        encoder: Callable[[], TextEncoder] | None = None,
    ) -> None:
        self.folder, self.encoder = folder, encoder or FakeEncoder
        self.titles = [dict(row) for row in TITLES]
        self.registry = registry or open_registry(Home(folder), None)
        self.lake = Lake(Home(folder).lake)

    def land_catalog(self, titles: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Writes the snapshot."""
        rows = sorted(self.titles if titles is None else titles, key=lambda row: row["title_id"])
        self.lake.write(TABLE, pa.Table.from_pylist(rows, SCHEMA))

    def land_activity(self, rows: Sequence[Mapping[str, Any]] = ACTIVITY_ROWS, day: dt.date = AS_OF) -> None:
        """Writes the trend scores of a day."""
        self.lake.write(ACTIVITY, pa.Table.from_pylist(list(rows)), day=day.isoformat())

    def register(
        self,
        version: str = "20250626-aaaaaaaa",
        model: GenreModel = TINY,
        *,
        tested: GenreModel | None = None,
        **fields: object,
    ) -> ModelRef:
        """Registers a model version, with the self-test of another one where that is given."""
        ref = ModelRef(model.name, version)
        thresholds = dict.fromkeys(model.genres, 0.5)
        manifest: dict[str, object] = {
            "trained_at": dt.datetime(2025, 6, 26, tzinfo=dt.UTC),
            "code_version": "test",
            "feature_service": model.feature_service,
            "feature_views": {"title_text": "1"},
            "genres": list(model.genres),
            "thresholds": thresholds,
            "metrics": {"macro_f1": 0.25},
            "slices": {},
            "per_genre": {},
            "training_set_sha256": "0" * 64,
            "data_partitions": ["2025-06-25", "2025-06-26"],
            "run_ids": [],
            "library_versions": {},
            "seed": 1,
            **fields,
        }
        predictor = GenrePredictor(tested or model, thresholds)

        def save(folder: Path) -> None:
            model.save(folder)
            SelfTest.of(predictor, lambda texts: self.encoder().encode(texts)).save(folder)

        self.registry.register(ref, manifest, save)
        return ref

    def promote(self, version: str = "20250626-aaaaaaaa", **fields: object) -> ModelRef:
        """Registers a version and makes it the champion."""
        ref = self.register(version, **fields)
        self.registry.promote(ref)
        return ref

    def apply_features(self) -> None:
        """Leaves the files by which a feature store is noticed; a fake stands for what is in them."""
        folder = Home(self.folder).feast
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("registry.db", "online_store.db"):
            (folder / name).touch()


class FakeFeatures:
    """An online store in a dictionary.

    Attributes:
        rows: title id → what is held of it.
        services: the feature services that are known.
        error: what reading raises, where it fails.
        seconds: how long reading takes.
        reads: the ids that were read, in order.
    """

    references: ClassVar[dict[str, str]] = {
        "text": "title_text:text",
        "kind": "title_text:kind",
        "year": "title_text:year",
        "word_count": "title_text:word_count",
        "countries": "title_text:countries",
        "runtime_minutes": "title_text:runtime_minutes",
        "certificate": "title_text:certificate",
        "platforms": "title_text:platforms",
    }

    def __init__(self) -> None:
        self.rows: dict[str, OnlineTitle] = {}
        self.services = {TEXT_SERVICE, TEXT_EMBEDDING_SERVICE}
        self.error: Exception | None = None
        self.seconds = 0.0
        self.reads: list[str] = []

    def fill(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Holds the text features of these rows of the catalogue."""
        for row in rows:
            if row["plot"] is None:
                continue
            made = title_features(row["title"], row["plot"], row["kind"], row["year"])
            self.rows[row["title_id"]] = self.row({name: getattr(made, name) for name in self.references})

    @classmethod
    def row(
        cls,
        values: Mapping[str, object],
        *,
        references: Mapping[str, str] | None = None,
        event_time: dt.datetime = ARRIVED,
        ages_allowed: Mapping[str, dt.timedelta] | None = None,
    ) -> OnlineTitle:
        """A row that holds these values."""
        references = references or cls.references
        views = {references[feature].partition(":")[0] for feature in values}
        return OnlineTitle(references, values, dict.fromkeys(views, event_time), ages_allowed or {})

    async def read(
        self, service: str, title_ids: Sequence[str], known: Sequence[OnlineTitle | None] = ()
    ) -> list[OnlineTitle]:
        """The rows, empty ones for titles that are not held."""
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        if service not in self.services:
            raise UnknownFeatureServiceError(service)
        self.reads += title_ids
        return [self.rows.get(title_id, self.row({})) for title_id in title_ids]


class FakeEncoder:
    """Encodes a text as its length and its number of words.

    Attributes:
        texts: what was encoded.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """One vector a text."""
        self.texts += texts
        return np.array([[len(text), len(text.split())] for text in texts], dtype=np.float32).reshape(-1, 2)


class EmbeddingModel:
    """A model whose one probability is the embedding's first value over a thousand."""

    name: ClassVar[str] = "genre_embedding_test"
    feature_service: ClassVar[str] = TEXT_EMBEDDING_SERVICE
    calibrates: ClassVar[bool] = False
    genres: ClassVar[tuple[str, ...]] = ("drama",)

    def predict_proba(self, features: Sequence[TitleFeatures]) -> npt.NDArray[np.float64]:
        """Fails where a title has no embedding."""
        vectors = [each.embedding for each in features]
        assert all(vector is not None for vector in vectors)
        return np.array([[float(vector[0]) / 1000] for vector in vectors if vector is not None])
