"""The champion in memory, and predictions by it."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from serving.catalog import Catalog, CatalogTitle
from serving.features import OnlineFeatures, OnlineTitle
from serving.problems import not_ready
from serving.schemas import (
    GenreProbability,
    Instance,
    ModelName,
    Prediction,
    PredictionFeatures,
    PredictionModel,
)
from trending_assets.domain.catalog.taxonomy import KINDS, Kind
from trending_assets.domain.genres.predictor import GenrePredictor, GenreScore, abstained
from trending_assets.domain.ids import uuid7
from trending_assets.domain.text.encoder import Encoder
from trending_assets.domain.text.features import TitleFeatures, title_features
from trending_assets.storage.registry import Manifest, ModelRef, ModelRegistry, load_predictor

# These may be unknown; any other feature of a title that is null online is as good as missing.
_NULLABLE = frozenset({"year", "runtime_minutes", "certificate"})


class TextEncoder(Protocol):
    """Turns texts into the vectors that embedding models read."""

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of the texts, one a row, in order."""
        ...


@dataclass(frozen=True)
class Champion:
    """The model that serves.

    Attributes:
        ref: its name and version.
        manifest: what it is and what it came from.
        predictor: the model with its thresholds.
        encoder: encodes texts; None where the model reads no embedding.
    """

    ref: ModelRef
    manifest: Manifest
    predictor: GenrePredictor
    encoder: TextEncoder | None

    def __str__(self) -> str:
        return str(self.ref)

    @property
    def name(self) -> ModelName:
        """Its name, as the API gives it."""
        return ModelName(name=self.ref.model, version=self.ref.version)

    def scores(self, features: Sequence[TitleFeatures]) -> list[list[GenreScore]]:
        """One list a title; an embedding that the model reads and the features lack is computed from the text."""
        encoder = self.encoder
        if encoder is None:
            return self.predictor.predict(features)
        lacking = [index for index, each in enumerate(features) if each.embedding is None]
        vectors = encoder.encode([features[index].text for index in lacking])
        complete = list(features)
        for index, vector in zip(lacking, vectors, strict=True):
            complete[index] = replace(features[index], embedding=vector)
        return self.predictor.predict(complete)


@dataclass(frozen=True)
class Answer:
    """A prediction and what it was made from.

    Attributes:
        prediction: what the caller gets.
        features: what the model read, but for vectors that followed from the text.
        feature_times: view → event time of what was read online; empty where nothing was.
    """

    prediction: Prediction
    features: TitleFeatures
    feature_times: Mapping[str, dt.datetime]


class ChampionLoader:
    """Loads champions out of a registry, verified, and the encoder when one first needs it."""

    def __init__(self, registry: ModelRegistry, make_encoder: Callable[[], TextEncoder] = Encoder) -> None:
        self._registry = registry
        self._make_encoder = make_encoder
        self._encoder: TextEncoder | None = None

    def find(self) -> ModelRef | None:
        """The version that the champion alias names; None where there is none."""
        return self._registry.aliases().get("champion")

    def load(self, ref: ModelRef) -> Champion:
        """The version in memory.

        Raises:
            UnknownModelError: it is not registered.
            TamperedModelError: its files are not those that were registered.
            ModelFileError: its files do not fit together.
            EncoderUnavailableError: it reads embeddings, and the encoder's files are missing.
        """
        predictor = load_predictor(self._registry, ref)
        if predictor.needs_embedding and self._encoder is None:
            self._encoder = self._make_encoder()
        encoder = self._encoder if predictor.needs_embedding else None
        return Champion(ref, self._registry.manifest(ref), predictor, encoder)


def predict_instances(champion: Champion, instances: Sequence[Instance]) -> list[Answer]:
    """Predictions for texts that callers sent, in order."""
    features = [
        title_features(
            each.title,
            each.plot or "",
            each.kind,
            each.year,
            each.countries,
            each.runtime_minutes,
            each.certificate,
            each.platforms,
        )
        for each in instances
    ]
    made_of = PredictionFeatures(service=champion.manifest.feature_service, as_of=None, stale=False, missing=[])
    return [
        Answer(_prediction(champion, None, scores, made_of), each, {})
        for each, scores in zip(features, champion.scores(features), strict=True)
    ]


def predict_title(champion: Champion, online: OnlineFeatures, catalog: Catalog, title: CatalogTitle) -> Answer:
    """The prediction for a title of the catalogue, from its online features.

    Raises:
        UnknownFeatureServiceError: the champion's feature service has not been applied.
        OnlineStoreError: the online store could not be read.
        ProblemError: the title's text is not online yet (503).
    """
    service = champion.manifest.feature_service
    row = online.read(service, [title.title_id])[0]
    features = online_features(row)
    if features is None:
        raise not_ready(
            "features-not-online",
            "The title is in the catalogue, and its features are not online yet. They come with the next run that "
            "fills the online store; until then POST /v1/genres/predict takes its text.",
        )
    made_of = PredictionFeatures(
        service=service, as_of=row.as_of, stale=row.stale(catalog.end()), missing=missing_features(row)
    )
    prediction = _prediction(champion, title.title_id, champion.scores([features])[0], made_of)
    return Answer(prediction, features, row.event_times)


def missing_features(row: OnlineTitle) -> list[str]:
    """``view:feature`` of each feature that should be online and is not."""
    return [
        reference
        for feature, reference in row.references.items()
        if row.held.get(feature) is None and not (feature in _NULLABLE and feature in row.held)
    ]


def online_features(row: OnlineTitle) -> TitleFeatures | None:
    """The features of a title out of its online row; None where its text or its kind is missing.

    What follows from the text alone is computed from it where it is missing, as it was when it was written; nothing
    else is filled in.
    """
    text, kind, year = row.held.get("text"), row.held.get("kind"), row.held.get("year")
    words, embedding = row.held.get("word_count"), row.held.get("embedding")
    countries, runtime = row.held.get("countries"), row.held.get("runtime_minutes")
    certificate, platforms = row.held.get("certificate"), row.held.get("platforms")
    tfidf, tfidf_version = row.held.get("tfidf"), row.held.get("tfidf_version")
    if not isinstance(text, str) or kind not in KINDS:
        return None
    return TitleFeatures(
        text=text,
        kind=cast("Kind", kind),
        year=year if isinstance(year, int) else None,
        word_count=words if isinstance(words, int) else len(text.split()),
        countries=tuple(countries) if isinstance(countries, Sequence) else (),
        runtime_minutes=runtime if isinstance(runtime, int) else None,
        certificate=certificate if isinstance(certificate, str) else None,
        platforms=tuple(platforms) if isinstance(platforms, Sequence) else (),
        embedding=None if embedding is None else np.asarray(embedding, dtype=np.float32),
        tfidf=None if tfidf is None else np.asarray(tfidf, dtype=np.float32),
        tfidf_version=tfidf_version if isinstance(tfidf_version, str) else None,
    )


def _prediction(
    champion: Champion, title_id: str | None, scores: list[GenreScore], features: PredictionFeatures
) -> Prediction:
    return Prediction(
        prediction_id=uuid7(),
        title_id=title_id,
        genres=[GenreProbability.model_validate(score) for score in scores],
        abstained=abstained(scores),
        model=PredictionModel(
            name=champion.ref.model,
            version=champion.ref.version,
            trained_at=champion.manifest.trained_at,
            variant="champion",
        ),
        features=features,
        degraded=features.stale or bool(features.missing),
    )
