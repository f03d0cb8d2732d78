"""What the champion says of titles of the catalogue, remembered as long as neither has changed.

A model with an encoder of its own takes milliseconds a text, and a title's text hardly ever changes. So what was
computed is kept by the model's version, with the features that it was computed from, and computed again where they are
others. Features are read anew for every request all the same.
"""

import weakref
from collections import OrderedDict

from serving.features import OnlineTitle
from serving.model_threads import ModelThreads
from serving.observability import Metrics
from serving.predictors import Outcome, ServedModel, score_title
from trending_assets.storage.registry import ModelRef

_CAPACITY = 20_000


class TitleScores:
    """Scores titles, each once; used by the event loop alone.

    Attributes:
        threads: where models run.
    """

    def __init__(self, metrics: Metrics, threads: ModelThreads, *, capacity: int = _CAPACITY) -> None:
        """Nothing is remembered yet.

        Args:
            metrics: where scores are counted.
            threads: where models run.
            capacity: of how many titles scores are kept.
        """
        self.threads, self._capacity = threads, capacity
        # Weakly: what the bound on known titles forgets is not kept here.
        self._kept: OrderedDict[tuple[ModelRef, str], tuple[weakref.ref[OnlineTitle], Outcome]] = OrderedDict()
        self._computed, self._remembered = (metrics.scores.labels(how) for how in ("computed", "remembered"))

    async def of(self, model: ServedModel, title_id: str, features: OnlineTitle) -> Outcome:
        """What a model says of a title.

        Args:
            model: the model.
            title_id: the title.
            features: its features; the same object as before where they have not changed.

        Raises:
            MissingTextError: the title's text is not online, and not known from elsewhere.
        """
        # A registered version never changes.
        key = model.ref, title_id
        kept = self._kept.get(key)
        if kept is not None and kept[0]() is features:
            self._kept.move_to_end(key)
            self._remembered.inc()
            return kept[1]
        # In a thread: a model takes from half a millisecond to tens of them.
        outcome = await self.threads.run(score_title, model, features)
        self._computed.inc()
        self._kept[key] = weakref.ref(features), outcome
        self._kept.move_to_end(key)
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return outcome
