"""A model in memory, and predictions by it."""

import datetime as dt
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import import_module
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
import orjson

from serving.catalog import CatalogTitle
from serving.features import OnlineTitle
from serving.known_titles import Reading
from serving.schemas import Instance, ModelName, Prediction
from trending_assets.domain.catalog.taxonomy import KINDS, Kind
from trending_assets.domain.genres.predictor import GenrePredictor, GenreScore, abstained
from trending_assets.domain.genres.self_test import EXAMPLES, SelfTest
from trending_assets.domain.genres.self_test import FILE as SELF_TEST
from trending_assets.domain.ids import uuid7
from trending_assets.domain.predictions.experiments import CHAMPION, Variant
from trending_assets.domain.predictions.records import input_sha256
from trending_assets.domain.text.encoder import Encoder
from trending_assets.domain.text.features import TitleFeatures, title_features
from trending_assets.storage.registry import Manifest, ModelRef, ModelRegistry, predictor_of

# What some models import and others do not.
LIBRARIES = ("xgboost", "onnxruntime")
# These may be unknown; any other feature of a title that is null online is as good as missing.
_NULLABLE = frozenset({"year", "runtime_minutes", "certificate"})


class InvalidScoreError(ValueError):
    """A model gave what is no probability."""


class MissingTextError(LookupError):
    """The text of a title is not online, and not known from elsewhere."""


class TextEncoder(Protocol):
    """Turns texts into the vectors that embedding models read."""

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of the texts, one a row, in order."""
        ...


@dataclass(frozen=True)
class ServedModel:
    """A model that answers requests.

    Attributes:
        ref: its name and version.
        manifest: what it is and what it came from.
        predictor: the model with its thresholds.
        encoder: encodes texts; None where the model reads no embedding.
        variant: in what part it answers.
    """

    ref: ModelRef
    manifest: Manifest
    predictor: GenrePredictor
    encoder: TextEncoder | None
    variant: Variant = CHAMPION

    def __str__(self) -> str:
        return str(self.ref)

    @property
    def name(self) -> ModelName:
        """Its name, as the API gives it."""
        return ModelName(name=self.ref.model, version=self.ref.version)

    @cached_property
    def described(self) -> bytes:
        """What a prediction says of it, as JSON."""
        return _json(
            {
                "name": self.ref.model,
                "version": self.ref.version,
                "trained_at": self.manifest.trained_at,
                "variant": self.variant,
            }
        )

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The embeddings of texts, one a row.

        Raises:
            LookupError: the model reads none.
        """
        if self.encoder is None:
            raise LookupError(f"{self.ref} reads no embedding")
        return self.encoder.encode(texts)

    def scores(self, features: Sequence[TitleFeatures]) -> list[list[GenreScore]]:
        """One list a title; an embedding that the model reads and the features lack is computed from the text."""
        return self.predictor.predict(self.completed(features))

    def completed(self, features: Sequence[TitleFeatures]) -> Sequence[TitleFeatures]:
        """The same with the embeddings that the model reads and the features lack."""
        if self.encoder is None:
            return features
        lacking = [index for index, each in enumerate(features) if each.embedding is None]
        vectors = self.encode([features[index].text for index in lacking])
        complete = list(features)
        for index, vector in zip(lacking, vectors, strict=True):
            complete[index] = replace(features[index], embedding=vector)
        return complete


@dataclass(frozen=True)
class Outcome:
    """What a model says of one title; the same for the same input, so it may be kept.

    Attributes:
        genres: a JSON array: each genre that the model knows, most probable first.
        abstained: no genre reached its threshold.
        input_sha256: of the text and the facts that the model read.
        kind: ``movie`` or ``show``.
        missing: ``view:feature`` of each feature that should be online and is not.
    """

    genres: bytes
    abstained: bool
    input_sha256: str
    kind: Kind
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """A prediction: what the caller gets, and what it was made from.

    It is made JSON without a model of pydantic in between: it is on the path of every request.

    Attributes:
        prediction_id: its id.
        title_id: the title; None where the text was sent.
        model: the model.
        outcome: what that said.
        feature_times: view → event time of what was read online; empty where nothing was.
        as_of: the oldest of them.
        stale: one is older than its view allows.
        last_known: the online store did not answer, and this is made from what it said before.
    """

    prediction_id: str
    title_id: str | None
    model: ServedModel
    outcome: Outcome
    feature_times: Mapping[str, dt.datetime]
    as_of: dt.datetime | None = None
    stale: bool = False
    last_known: bool = False

    @property
    def degraded(self) -> bool:
        """Whether a feature was missing or stale, or the features are those last known."""
        return self.stale or self.last_known or bool(self.outcome.missing)

    def json(self) -> bytes:
        """The prediction as the API gives it, a :class:`~serving.schemas.Prediction`."""
        outcome = self.outcome
        return _json(
            {
                "prediction_id": self.prediction_id,
                "title_id": self.title_id,
                "genres": orjson.Fragment(outcome.genres),
                "abstained": outcome.abstained,
                "model": orjson.Fragment(self.model.described),
                "features": {
                    "service": self.model.manifest.feature_service,
                    "as_of": self.as_of,
                    "stale": self.stale,
                    "missing": outcome.missing,
                },
                "degraded": self.degraded,
            }
        )

    @property
    def prediction(self) -> Prediction:
        """The same as an object."""
        return Prediction.model_validate_json(self.json())


def _json(content: object) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_UTC_Z)


class ModelLoader:
    """Loads models out of a registry, verified, and the encoder when one first needs it; for several threads."""

    def __init__(self, registry: ModelRegistry, make_encoder: Callable[[], TextEncoder] = Encoder) -> None:
        self._registry = registry
        self._make_encoder = make_encoder
        self._encoder: TextEncoder | None = None
        self._lock = threading.Lock()

    def prepare(self) -> tuple[str, ...]:
        """Loads what some models need and others do not, so that the first of the former takes no longer than others.

        Returns:
            The libraries, which are imported now; the encoder is there too.

        Raises:
            EncoderUnavailableError: the encoder's files are missing.
        """
        for library in LIBRARIES:
            import_module(library)
        self._needed_encoder()
        return LIBRARIES

    def find(self) -> ModelRef | None:
        """The version that the champion alias names; None where there is none."""
        return self._registry.aliases().get("champion")

    def load(self, ref: ModelRef) -> ServedModel:
        """The version in memory: verified, tested, and warm, since it has predicted once in each way.

        A version that earlier code registered has no self-test; that a file of it is missing would be noticed.

        Raises:
            UnknownModelError: it is not registered.
            TamperedModelError: its files are not those that were registered.
            ModelFileError: its files do not fit together.
            EncoderUnavailableError: it reads embeddings, and the encoder's files are missing.
            SelfTestFailedError: it does not say what it said when it was registered.
            InvalidScoreError: it gives what is no probability.
        """
        folder, manifest = self._registry.verified(ref), self._registry.manifest(ref)
        predictor = predictor_of(folder, manifest)
        encoder = self._needed_encoder() if predictor.needs_embedding else None
        model = ServedModel(ref, manifest, predictor, encoder)
        if SELF_TEST in manifest.files:
            SelfTest.stored(folder).check(predictor, model.encode)
        _warm_up(model)
        return model

    def _needed_encoder(self) -> TextEncoder:
        with self._lock:
            if self._encoder is None:
                self._encoder = self._make_encoder()
            return self._encoder


def _warm_up(model: ServedModel) -> None:
    """Has a model predict from a text and from an online row, as the first callers would have it otherwise.

    Raises:
        InvalidScoreError: it gave what is no probability.
    """
    example = EXAMPLES[0]
    predict_features(model, EXAMPLES)
    score_title(model, OnlineTitle({}, vars(example), {}, {}))


def instance_features(instances: Sequence[Instance]) -> list[TitleFeatures]:
    """The features of titles that callers sent, in order."""
    return [_features_of(each) for each in instances]


def with_catalog(row: OnlineTitle, title: CatalogTitle) -> OnlineTitle:
    """A row that does not :func:`have the text <has_text>`, and what the catalogue says of the title in its place.

    All that is not online is said to be missing all the same.
    """
    return replace(row, otherwise=_features_of(title))


def _features_of(title: Instance | CatalogTitle) -> TitleFeatures:
    return title_features(
        title.title,
        title.plot or "",
        title.kind,
        title.year,
        title.countries,
        title.runtime_minutes,
        title.certificate,
        title.platforms,
    )


def predict_instances(model: ServedModel, instances: Sequence[Instance]) -> list[Answer]:
    """Predictions for texts that callers sent, in order.

    Raises:
        InvalidScoreError: the model gave what is no probability.
    """
    return predict_features(model, instance_features(instances))


def predict_features(model: ServedModel, features: Sequence[TitleFeatures]) -> list[Answer]:
    """The same from features.

    Raises:
        InvalidScoreError: the model gave what is no probability.
    """
    return [
        Answer(uuid7(), None, model, _outcome(each, scores), {})
        for each, scores in zip(features, model.scores(features), strict=True)
    ]


def score_title(model: ServedModel, row: OnlineTitle) -> Outcome:
    """What a model says of a title from its online features.

    Where the embedding or the reduced TF-IDF is missing, it is computed from the text by the code that would have
    written it, and said to be missing.

    Raises:
        MissingTextError: the title's text is not online, and not known from elsewhere.
        InvalidScoreError: the model gave what is no probability.
    """
    features = online_features(row)
    if features is None:
        raise MissingTextError("a title without a text")
    return _outcome(features, model.scores([features])[0], tuple(missing_features(row)))


def answer_title(model: ServedModel, title_id: str, reading: Reading, outcome: Outcome, at: dt.datetime) -> Answer:
    """The prediction for a title of the catalogue.

    Args:
        model: the model.
        title_id: the title.
        reading: its features.
        outcome: what the model says of them.
        at: when they are judged to be stale or not.
    """
    row = reading.features
    return Answer(
        uuid7(), title_id, model, outcome, row.event_times, row.as_of, row.stale(at), last_known=reading.last_known
    )


def missing_features(row: OnlineTitle) -> list[str]:
    """``view:feature`` of each feature that should be online and is not."""
    return [
        reference
        for feature, reference in row.references.items()
        if row.held.get(feature) is None and not (feature in _NULLABLE and feature in row.held)
    ]


def has_text(row: OnlineTitle) -> bool:
    """Whether what every model reads is online."""
    return isinstance(row.held.get("text"), str) and row.held.get("kind") in KINDS


def online_features(row: OnlineTitle) -> TitleFeatures | None:
    """The features of a title out of its online row; where its text or its kind is missing, those from elsewhere.

    What follows from the text alone is computed from it where it is missing, as it was when it was written; nothing
    else is filled in.
    """
    if not has_text(row):
        return row.otherwise
    text, year = cast("str", row.held["text"]), row.held.get("year")
    words, embedding = row.held.get("word_count"), row.held.get("embedding")
    countries, runtime = row.held.get("countries"), row.held.get("runtime_minutes")
    certificate, platforms = row.held.get("certificate"), row.held.get("platforms")
    tfidf, tfidf_version = row.held.get("tfidf"), row.held.get("tfidf_version")
    return TitleFeatures(
        text=text,
        kind=cast("Kind", row.held["kind"]),
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


def _outcome(features: TitleFeatures, scores: Sequence[GenreScore], missing: tuple[str, ...] = ()) -> Outcome:
    for score in scores:
        if not 0 <= score.probability <= 1:
            raise InvalidScoreError(f"a probability of {score.probability} for {score.genre}")
    genres = _json([vars(score) for score in scores])
    return Outcome(genres, abstained(scores), input_sha256(features), features.kind, missing)
