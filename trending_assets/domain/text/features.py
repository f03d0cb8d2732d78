"""Text features of a title, the same code offline and online.

A genre model may use only what title, plot, kind and year give, so that a prediction for unseen text
equals the prediction for the same title by id.
"""

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
        embedding: 384 float32 values, or None where the model in use needs no embedding.
    """

    text: str
    kind: Kind
    year: int | None
    word_count: int
    embedding: npt.NDArray[np.float32] | None = None


def model_text(title: str, plot: str) -> str:
    """The text that models read: the cleaned title, then the cleaned plot."""
    title, plot = clean_text(title), clean_text(plot)
    return f"{title}. {plot}" if plot else title


def title_features(title: str, plot: str, kind: Kind, year: int | None) -> TitleFeatures:
    """Stateless features of a title, without its embedding.

    Args:
        title: the title's name; may be empty.
        plot: its plot or description; may be empty.
        kind: ``movie`` or ``show``.
        year: year of release, or None.
    """
    text = model_text(title, plot)
    return TitleFeatures(text=text, kind=kind, year=year, word_count=len(text.split()))
