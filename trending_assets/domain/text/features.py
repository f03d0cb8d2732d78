"""Text features of a title, the same code offline and online.

A genre model may use only what a caller can send with an unseen title: its name, plot, kind, year, countries, running
time, certificate and platforms. So a prediction for it equals the prediction for the same title by id.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trending_assets.domain.catalog.taxonomy import Kind
from trending_assets.domain.text.cleaning import clean_text


@dataclass(frozen=True)
class TitleFeatures:
    """The features of one title that genre models read.

    Attributes:
        text: title and plot, cleaned; what encoders and vectorisers see.
        kind: ``movie`` or ``show``.
        year: year of release; None where the source gives none.
        word_count: number of white-space separated words in ``text``.
        countries: where it was made, ISO 3166-1; empty where that is unknown.
        runtime_minutes: its running time, of a show that of an episode; None where that is unknown.
        certificate: its age certificate, one of
            :data:`~trending_assets.domain.catalog.certificates.CERTIFICATES`; None where that is unknown.
        platforms: streaming platforms that have it; empty where that is unknown.
        embedding: 384 float32 values, or None where the model in use needs no embedding.
        tfidf: 32 float32 values of a reduced TF-IDF, or None; a model that reads it can compute it too.
        tfidf_version: which fitted transformation made ``tfidf``; values of another than the model's own say nothing.
    """

    text: str
    kind: Kind
    year: int | None
    word_count: int
    countries: tuple[str, ...] = ()
    runtime_minutes: int | None = None
    certificate: str | None = None
    platforms: tuple[str, ...] = ()
    embedding: npt.NDArray[np.float32] | None = None
    tfidf: npt.NDArray[np.float32] | None = None
    tfidf_version: str | None = None


def model_text(title: str, plot: str) -> str:
    """The text that models read: the cleaned title, then the cleaned plot."""
    title, plot = clean_text(title), clean_text(plot)
    return f"{title}. {plot}" if plot else title


def title_features(
    title: str,
    plot: str,
    kind: Kind,
    year: int | None,
    countries: Sequence[str] = (),
    runtime_minutes: int | None = None,
    certificate: str | None = None,
    platforms: Sequence[str] = (),
) -> TitleFeatures:
    """Stateless features of a title, without its embedding.

    Args:
        title: the title's name; may be empty.
        plot: its plot or description; may be empty.
        kind: ``movie`` or ``show``.
        year: year of release, or None.
        countries: where it was made, ISO 3166-1.
        runtime_minutes: its running time, or None.
        certificate: its age certificate, or None.
        platforms: streaming platforms that have it.
    """
    text = model_text(title, plot)
    return TitleFeatures(
        text=text,
        kind=kind,
        year=year,
        word_count=len(text.split()),
        countries=tuple(countries),
        runtime_minutes=runtime_minutes,
        certificate=certificate,
        platforms=tuple(platforms),
    )
