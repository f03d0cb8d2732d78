"""The experiment that runs: who answers a request, and what the challenger is asked unseen."""

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, replace
from functools import partial

from serving.features import OnlineFeatures
from serving.known_titles import KnownTitles, Reading
from serving.model_threads import ModelThreads
from serving.observability import Metrics, log
from serving.prediction_log import PredictionLog, prediction_line
from serving.predictors import Answer, ServedModel, answer_title, predict_features, score_title
from trending_assets.domain.predictions.experiments import CHALLENGER, CHAMPION, SHADOW, Experiment
from trending_assets.domain.text.features import TitleFeatures

# Of the longest texts that are taken, these are some ten megabytes.
_CAPACITY = 256


@dataclass(frozen=True)
class RunningExperiment:
    """An experiment whose challenger is loaded.

    Attributes:
        experiment: the experiment.
        challenger: its challenger, as it answers.
        shadow: the same, as it is asked unseen.
    """

    experiment: Experiment
    challenger: ServedModel
    shadow: ServedModel

    @classmethod
    def of(cls, experiment: Experiment, model: ServedModel) -> "RunningExperiment":
        """An experiment with its challenger in memory."""
        return cls(experiment, replace(model, variant=CHALLENGER), replace(model, variant=SHADOW))

    def __str__(self) -> str:
        return f"{self.experiment.experiment_id}, challenger {self.challenger}"

    def compares(self, champion: ServedModel) -> bool:
        """Whether this is the champion that it was started with; after a promotion or a rollback it rests."""
        return str(champion) == self.experiment.champion

    def model_for(self, champion: ServedModel, key_id: str | None, title_id: str | None) -> ServedModel:
        """Who answers a request.

        Args:
            champion: the champion.
            key_id: the caller's key; None where there is none.
            title_id: the title; None where texts were sent.
        """
        unit = key_id if self.experiment.unit == "key" else title_id
        if unit is None or not self.compares(champion) or self.experiment.variant_of(unit) == CHAMPION:
            return champion
        return self.challenger


@dataclass(frozen=True)
class _Waiting:
    """A title that the challenger is to predict."""

    model: ServedModel
    source: str
    predict: Callable[[], Awaitable[Answer]]
    # With the id of the request and of its key, which are over by then.
    context: Context


class Shadow:
    """Asks the challenger what the champion has answered, one title at a time, beside the requests.

    A queue of bounded length holds what waits; what finds it full is dropped and counted.
    """

    def __init__(
        self,
        metrics: Metrics,
        prediction_log: PredictionLog,
        known: Callable[[], KnownTitles],
        store: Callable[[], OnlineFeatures],
        *,
        capacity: int = _CAPACITY,
    ) -> None:
        """Nothing is asked before :meth:`start`.

        Args:
            metrics: where titles are counted.
            prediction_log: keeps what the challenger says.
            known: reads the features of a challenger that reads others than the champion.
            store: the online store.
            capacity: how many titles wait at most.
        """
        self._metrics, self._log, self._known, self._store = metrics, prediction_log, known, store
        self._capacity = capacity
        self._queue: asyncio.Queue[_Waiting] | None = None
        self._task: asyncio.Task[None] | None = None
        # One thread of its own: requests never wait for its turn.
        self._threads = ModelThreads(1)
        metrics.shadow_queue.set_function(lambda: self._queue.qsize() if self._queue else 0)

    def start(self) -> None:
        """Starts, on the event loop that runs."""
        self._queue = asyncio.Queue(self._capacity)
        self._task = asyncio.create_task(self._run(self._queue), name="shadow")

    async def stop(self) -> None:
        """Stops; what waits is dropped."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._threads.close()
        if self._queue is not None:
            self._metrics.shadow.labels("dropped").inc(self._queue.qsize())
            self._queue = None

    def offer_title(self, running: RunningExperiment, answer: Answer, reading: Reading, at: dt.datetime) -> None:
        """Leaves a title of the catalogue to be predicted by the challenger too, where the experiment asks for it.

        Args:
            running: the experiment.
            answer: what was answered.
            reading: the features that it was made from.
            at: when they are judged to be stale or not.
        """
        self._offer(running, answer, "online", partial(self._of_title, running.shadow, answer, reading, at))

    def offer_text(self, running: RunningExperiment, answer: Answer, features: TitleFeatures) -> None:
        """Leaves a text likewise.

        Args:
            running: the experiment.
            answer: what was answered.
            features: what it was made from.
        """
        self._offer(running, answer, "text", partial(self._of_text, running.shadow, features))

    def _offer(
        self, running: RunningExperiment, answer: Answer, source: str, predict: Callable[[], Awaitable[Answer]]
    ) -> None:
        if self._queue is None or answer.model.variant != CHAMPION or not running.compares(answer.model):
            return
        if not running.experiment.shadows(answer.prediction_id):
            return
        try:
            self._queue.put_nowait(_Waiting(running.shadow, source, predict, copy_context()))
        except asyncio.QueueFull:
            self._metrics.shadow.labels("dropped").inc()

    async def _run(self, queue: asyncio.Queue[_Waiting]) -> None:
        while True:
            waiting = await queue.get()
            try:
                await self._predict(waiting)
            except Exception as error:  # noqa: BLE001 - a challenger that fails must not end its comparison
                self._metrics.shadow.labels("failed").inc()
                log.warning("shadow_failed", model=str(waiting.model), error=type(error).__name__)
            else:
                self._metrics.shadow.labels("made").inc()

    async def _predict(self, waiting: _Waiting) -> None:
        started = time.perf_counter()
        answer = await waiting.predict()
        latency_ms = (time.perf_counter() - started) * 1000
        self._log.add(*waiting.context.run(prediction_line, answer, waiting.source, latency_ms))

    async def _of_text(self, model: ServedModel, features: TitleFeatures) -> Answer:
        (answer,) = await self._threads.run(predict_features, model, [features])
        return answer

    async def _of_title(self, model: ServedModel, answered: Answer, reading: Reading, at: dt.datetime) -> Answer:
        title_id, service = answered.title_id or "", model.manifest.feature_service
        if service != answered.model.manifest.feature_service:
            otherwise = reading.features.otherwise
            reading = await self._known().read(self._store(), service, title_id)
            reading = replace(reading, features=replace(reading.features, otherwise=otherwise))
        outcome = await self._threads.run(score_title, model, reading.features)
        return answer_title(model, title_id, reading, outcome, at)
