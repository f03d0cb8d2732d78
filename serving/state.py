"""What the server holds in memory, and the thread that keeps it current."""

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

from serving.catalog import ACTIVITY, TABLE, Catalog, read_catalog, trend_day
from serving.experiments import RunningExperiment, Shadow
from serving.features import OnlineFeatures, OnlineStore, UnknownFeatureServiceError, store_signature
from serving.known_titles import KnownTitles
from serving.model_threads import ModelThreads
from serving.observability import Metrics
from serving.prediction_log import PredictionLog
from serving.predictors import ModelLoader, ServedModel, TextEncoder
from serving.problems import not_ready
from serving.settings import ServingSettings
from serving.title_scores import TitleScores
from serving.watched import Part, Signature, Watched, file_signature
from trending_assets.domain.predictions.experiments import Experiment
from trending_assets.domain.text.encoder import Encoder
from trending_assets.storage.experiments import Experiments
from trending_assets.storage.feature_store import FeastUrls
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.lineage import LineageReader
from trending_assets.storage.raw_documents import open_raw_store
from trending_assets.storage.registry import ModelRef, open_registry

_STOP_SECONDS = 10.0
# More at a time would take turns, and the event loop has to wait for its own.
_MODELS_AT_A_TIME = 2


class ServingState:
    """The catalogue, the champion and the online store, each the newest that could be loaded.

    Attributes:
        registry: the model registry, for lists.
        metrics: what the app counts.
        log: keeps what was answered.
        lineage: tells what a prediction was made from.
        catalog: the catalogue.
        champion: the model that serves.
        features: the online store.
        known: reads the online store, and knows what it said before.
        scores: what models say of titles.
        experiment: the experiment that runs, unless its challenger cannot be loaded.
        libraries: what the champion may not need, and the next one may.
        shadow: asks the challenger what the champion has answered.
    """

    def __init__(
        self,
        settings: ServingSettings,
        metrics: Metrics,
        *,
        features: Callable[[Path], OnlineFeatures] | None = None,
        encoder: Callable[[], TextEncoder] = Encoder,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watches a home; nothing is read until :meth:`refresh`.

        Args:
            settings: where the home and the model registry are.
            metrics: what the app counts.
            features: opens the online store of a home; the one that the settings name where it is None.
            encoder: makes the text encoder.
            clock: seconds that only grow.
        """
        home = Home(settings.home)
        lake = Lake(home.lake)
        urls = FeastUrls(settings.online_store or "", settings.feast_registry or "")
        self._store = OnlineStore(home.folder, urls)
        self.registry = open_registry(home, settings.registry)
        self.metrics = metrics
        self.log = PredictionLog.under(home.prediction_log, metrics)
        self.lineage = LineageReader(home, self.registry, open_raw_store(lake, settings.raw_store))
        loader = ModelLoader(self.registry, encoder)
        self.catalog: Watched[Hashable, Catalog] = Watched(
            "catalog",
            signature=lambda: _catalog_signature(lake),
            load=lambda _: read_catalog(lake),
            absent="there is no catalogue yet",
            metrics=metrics,
            clock=clock,
            large=True,
        )
        self.champion: Watched[ModelRef, ServedModel] = Watched(
            "champion",
            signature=loader.find,
            load=lambda ref: self._readable(loader.load(ref)),
            absent="no model has been promoted to champion yet",
            metrics=metrics,
            clock=clock,
        )
        self.features: Watched[Hashable, OnlineFeatures] = Watched(
            "feature store",
            signature=lambda: store_signature(home.feast, urls),
            load=lambda _: features(home.folder) if features else self._store.open(),
            absent="there is no feature store yet",
            metrics=metrics,
            clock=clock,
        )
        experiments = Experiments(home.experiments)
        self.experiment: Watched[Experiment, RunningExperiment] = Watched(
            "experiment",
            signature=experiments.running,
            load=lambda found: RunningExperiment.of(
                found, self._readable(loader.load(ModelRef.parse(found.challenger)))
            ),
            absent="no experiment runs",
            metrics=metrics,
            clock=clock,
            # Whoever has stopped it wants it to end, and the champion answers in any case.
            keeps=False,
        )
        self.libraries: Watched[bool, tuple[str, ...]] = Watched(
            "model libraries",
            signature=lambda: True,
            load=lambda _: loader.prepare(),
            absent="the libraries of models are not loaded yet",
            metrics=metrics,
            clock=clock,
            large=True,
        )
        metrics.loaded_models.told = self._loaded_models
        self.known = KnownTitles(metrics, clock=clock)
        self.scores = TitleScores(metrics, ModelThreads(_MODELS_AT_A_TIME))
        self.shadow = Shadow(metrics, self.log, lambda: self.known, self.need_features)

    async def close(self) -> None:
        """Lets go of the online store and the threads; nothing is predicted after."""
        self.scores.threads.close()
        await self._store.close()

    def refresh(self) -> None:
        """Loads what has changed."""
        for refresh in self.refreshes:
            refresh()

    @property
    def refreshes(self) -> Sequence[Callable[[], None]]:
        """What loads each part where it has changed; in threads of their own, none waits for another's troubles."""
        return self.features.refresh, self.refresh_champion, self.experiment.refresh, self.catalog.refresh

    def refresh_champion(self) -> None:
        """Loads the champion where it has changed.

        Before the first come the libraries: a server that is ready takes no longer for the first model of a kind than
        for the next.
        """
        self.libraries.refresh()
        self.champion.refresh()

    def _loaded_models(self) -> list[tuple[str, str, str]]:
        champion, running = self.champion.value, self.experiment.value
        loaded = [champion] if champion else []
        loaded += [running.challenger] if running else []
        return [(each.ref.model, each.ref.version, each.variant) for each in loaded]

    def _readable(self, model: ServedModel) -> ServedModel:
        """A model whose features are online, unless nothing serves so far: then it can answer texts at least.

        Raises:
            UnknownFeatureServiceError: they are not, and requests that are answered now would fail.
        """
        service = model.manifest.feature_service
        if self.champion.value is None or self._is_online(service):
            return model
        # It may have been applied a moment ago, with the model after it.
        self.features.refresh()
        if not self._is_online(service):
            raise UnknownFeatureServiceError(f"{model} reads {service}, which is not in the feature store")
        return model

    def _is_online(self, service: str) -> bool:
        features = self.features.value
        return features is None or service in features.services

    def need_catalog(self) -> Catalog:
        """The catalogue.

        Raises:
            ProblemError: there is none (503).
        """
        return _need(self.catalog, "catalog-not-ready", "Titles can be listed as soon as the pipeline has written one.")

    def need_champion(self) -> ServedModel:
        """The model that serves.

        Raises:
            ProblemError: there is none (503).
        """
        return _need(self.champion, "model-not-ready", "Genres can be predicted as soon as the gate has promoted one.")

    def need_features(self) -> OnlineFeatures:
        """The online store.

        Raises:
            ProblemError: there is none (503).
        """
        return _need(
            self.features,
            "features-not-ready",
            "Titles can be predicted by id as soon as their features are online; POST /v1/genres/predict takes text.",
        )


class Poller:
    """A thread that refreshes something again and again.

    A thread of its own, since loading a model would hold up the event loop for seconds.
    """

    def __init__(self, refresh: Callable[[], None], seconds: float) -> None:
        """A thread that does not run yet.

        Args:
            refresh: what it calls; it must not raise.
            seconds: from the end of one call to the next.
        """
        self._refresh = refresh
        self._seconds = seconds
        self._stopping, self._refreshed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="serving-poller", daemon=True)

    def start(self) -> None:
        """Starts; returns at once."""
        self._thread.start()

    def wait_for_first(self, seconds: float) -> None:
        """Waits for the end of the first refresh, for so many seconds at most."""
        self._refreshed.wait(seconds)

    def stop(self) -> None:
        """Stops after the refresh that is going on, or leaves it behind where it takes too long."""
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._refresh()
            self._refreshed.set()
            self._stopping.wait(self._seconds)


def _need(part: Watched[Signature, Part], kind: str, advice: str) -> Part:
    value = part.value
    if value is None:
        trouble = part.reason_for_none
        raise not_ready(kind, f"{trouble[0].upper()}{trouble[1:]}. {advice}", [trouble])
    return value


def _catalog_signature(lake: Lake) -> Hashable | None:
    snapshot, day = file_signature(lake.path(TABLE)), trend_day(lake)
    return snapshot and (snapshot, day and (day, file_signature(lake.path(ACTIVITY, day))))
