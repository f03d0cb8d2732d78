"""Latency: what a model takes to answer for one title, from its text to its genres.

Time of the processor is measured, so that other work on the machine decides nothing.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.text.features import TitleFeatures

_WARM_UP = 3


@dataclass(frozen=True)
class Latency:
    """What single predictions took of the processor, in milliseconds.

    Attributes:
        p50: half took at most this long.
        p99: all but one in a hundred did.
    """

    p50: float
    p99: float


def measure_latency(
    predictor: GenrePredictor,
    titles: Sequence[TitleFeatures],
    encode: Callable[[Sequence[str]], npt.NDArray[np.float32]],
    clock: Callable[[], float] = time.thread_time,
) -> Latency | None:
    """Predicts titles one by one; what the model reads beside the text is computed anew, as for a text never seen.

    Args:
        predictor: the model with its thresholds.
        titles: texts to predict; None is returned where there are none.
        encode: texts → their embeddings; not called for a model that reads none.
        clock: seconds of work; those of this thread, which is where all of it is done.
    """
    if not titles:
        return None

    def predict(title: TitleFeatures) -> None:
        embedding = encode([title.text])[0] if predictor.needs_embedding else None
        predictor.predict([replace(title, embedding=embedding, tfidf=None)])

    for title in titles[:_WARM_UP]:
        predict(title)
    took = []
    for title in titles:
        start = clock()
        predict(title)
        took.append((clock() - start) * 1000)
    p50, p99 = np.quantile(took, [0.5, 0.99]).tolist()
    return Latency(p50, p99)
