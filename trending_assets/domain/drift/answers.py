"""Answers: what a model version said on a day, and what sources say of the day's titles, as columns to compare."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.catalog.labels import in_order
from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.drift.sketches import Floats
from trending_assets.domain.genres.datasets import label_matrix


def distinct_answers(
    rows: npt.NDArray[np.int64], genres: Sequence[str], probabilities: Floats, selected: npt.NDArray[np.bool_]
) -> dict[str, tuple[Floats, Floats]]:
    """Slug → the probability and, as 1 or 0, the selection of each distinct prediction that has it.

    A title that is asked about a thousand times is one title: counted a thousand times, it would be taken for a drift.

    Args:
        rows: number of the prediction that each of n entries belongs to.
        genres: the entries' slugs, n of them.
        probabilities: shape (n,).
        selected: shape (n,).
    """
    entries = pd.DataFrame({"row": rows, "genre": list(genres), "probability": probabilities, "selected": selected})
    wide = entries.pivot_table(index="row", columns="genre", values=["probability", "selected"], aggfunc="last")
    wide = wide.astype("float64").drop_duplicates()
    found = {}
    for genre in sorted(set(genres)):
        known = wide["probability", genre].notna()
        found[genre] = (
            wide.loc[known, ("probability", genre)].to_numpy(),
            wide.loc[known, ("selected", genre)].to_numpy(),
        )
    return found


def source_labels(records: pd.DataFrame) -> Floats:
    """The genres that sources give titles, shape (n, 20): 1, 0, or NaN where none of a title's sources can say.

    Like a training set: what one source cannot express another may know, records whose labels are not complete or
    that have no plot say nothing, and neither does a title without any genre.

    Args:
        records: title_id, plot, genres, label_coverage and labels_complete of each record.

    Raises:
        LabelOutsideCoverageError: a record has a genre that is not in its coverage.
    """
    told = records[records["labels_complete"].astype(bool) & records["plot"].notna()]
    titles = told.groupby("title_id", as_index=False).agg({"genres": _union, "label_coverage": _union})
    named = titles[titles["genres"].map(len) > 0] if len(titles) else titles
    return label_matrix(named, GENRES) if len(named) else np.empty((0, len(GENRES)))


def _union(lists: "pd.Series[Any]") -> list[str]:
    return in_order(slug for slugs in lists for slug in slugs)
