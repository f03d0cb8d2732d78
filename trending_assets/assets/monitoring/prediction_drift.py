"""``prediction_drift``: what the champion says on a day, and what sources say, against what it was judged on."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from trending_assets.assets.monitoring.references import DESCRIPTIONS, SCHEMA, champion_reference, described, table_of
from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.drift.answers import distinct_answers, source_labels
from trending_assets.domain.drift.decisions import (
    LABELS,
    PREDICTIONS,
    Finding,
    label_columns,
    label_drift,
    unknown,
)
from trending_assets.domain.drift.decisions import prediction_drift as find_prediction_drift
from trending_assets.domain.drift.reference import PredictionReference
from trending_assets.domain.drift.sketches import Floats
from trending_assets.domain.drift.windows import MINIMUM_ROWS
from trending_assets.domain.genres.datasets import features_of
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, column_schema, write_days
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage import prediction_log
from trending_assets.storage.drift_tables import PREDICTION_DRIFT
from trending_assets.storage.lake import Lake
from trending_assets.storage.registry import ModelRef, load_predictor

_FEATURES = ("title_text", "title_embedding", "title_tfidf")
_TITLES = "stg_titles"
_RECORD = ["title_id", "plot", "genres", "label_coverage", "labels_complete"]
_LOGGED, _ASKED, _SOURCES = "prediction log", "new titles of the day", "labels of the day's sources"
_NO_CHAMPION = "no champion has a reference"

_Answers = dict[str, tuple[Floats, Floats]]


@dg.asset(
    key=PREDICTION_DRIFT,
    deps=[dg.AssetDep(name) for name in (prediction_log.TABLE, _TITLES, *_FEATURES, "genre_champion")],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=code_version(
        __name__,
        "trending_assets.assets.monitoring.references",
        "trending_assets.domain.drift",
        "trending_assets.domain.catalog.labels",
        "trending_assets.domain.genres.datasets",
        "trending_assets.domain.genres.predictor",
    ),
    group_name="monitoring",
    owners=[OWNER],
    kinds={"python", "parquet"},
    description=(
        "For each genre: the champion's probabilities and how often it is selected, as the prediction log has them or, "
        "where it has too few, for the day's titles that the champion did not learn from, against titles that it was "
        "judged on; and how many of the day's titles sources give it, against the training set."
    ),
    metadata=column_schema(SCHEMA, DESCRIPTIONS),
)
def prediction_drift(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """Drift of predictions and labels of each day of the run."""
    lake, champion = home.lake, champion_reference(context, home)
    tables = (_TITLES, *_FEATURES)

    @cache
    def predictor(ref: ModelRef) -> GenrePredictor:
        return load_predictor(home.registry, ref)

    def inputs(day: str) -> dict[str, str]:
        read = [table for table in (*tables, prediction_log.TABLE) if lake.exists(table, day)] if champion else []
        return {"reference": str(champion[0]) if champion else _NO_CHAMPION} | lake.input_hashes(read, [day])

    def build(day: str) -> pa.Table:
        if champion is None or champion[1].predictions is None:
            names = [f"{what} {genre}" for genre in GENRES for what in ("probability", "selected")]
            nothing = unknown(PREDICTIONS, names, _NO_CHAMPION, 0, 0)
            return table_of({"": nothing + unknown(LABELS, label_columns(), _NO_CHAMPION, 0, 0)}, "none")
        ref, said = champion[0], champion[1].predictions
        basis, answers = _answers(lake, day, ref, said, partial(predictor, ref))
        found: dict[str, list[Finding]] = {
            basis: find_prediction_drift(said, answers, day),
            _SOURCES: _label_drift(lake, day, said),
        }
        return table_of(found, str(ref))

    def describe(day: str) -> dict[str, Any]:
        return described(lake.read(PREDICTION_DRIFT, day).to_pylist())

    write_days(context, lake, PREDICTION_DRIFT, build, inputs, describe)


def _answers(
    lake: Lake, day: str, ref: ModelRef, said: PredictionReference, predictor: Callable[[], GenrePredictor]
) -> tuple[str, _Answers]:
    """What a day's answers are, and the answers of a version."""
    logged = _logged(lake, day, ref, said)
    if max((len(probabilities) for probabilities, _ in logged.values()), default=0) >= MINIMUM_ROWS:
        return _LOGGED, logged
    unseen = _unseen(lake, day, said)
    # Asking takes seconds to get ready for.
    if unseen is None or len(unseen) < MINIMUM_ROWS:
        nothing = np.zeros(0 if unseen is None else len(unseen))
        return _ASKED, dict.fromkeys(said.probabilities, (nothing, nothing))
    asked = predictor()
    probabilities = asked.probabilities(features_of(unseen))
    selected = asked.select(probabilities).astype(np.float64)
    return _ASKED, {genre: (probabilities[:, i], selected[:, i]) for i, genre in enumerate(asked.genres)}


def _logged(lake: Lake, day: str, ref: ModelRef, said: PredictionReference) -> _Answers:
    """The distinct answers of a version that were logged on a day and are fit to be compared.

    Those that lacked features are not, nor those about titles that it learned from, of which it is surer. Text that a
    caller sent belongs to no title.
    """
    if not lake.exists(prediction_log.TABLE, day):
        return {}
    rows = lake.read(prediction_log.TABLE, day, ["model", "version", "degraded", "title_id", "genres"])
    own = pc.and_(pc.equal(rows["model"], ref.model), pc.equal(rows["version"], ref.version))
    whole = rows.filter(pc.and_not(own, pc.fill_null(rows["degraded"], fill_value=False)))
    unseen = said.unseen(title_id or "" for title_id in whole["title_id"].to_pylist())
    genres = whole.filter(pa.array(unseen))["genres"].combine_chunks()
    entries = genres.flatten()
    return distinct_answers(
        pc.list_parent_indices(genres).to_numpy(),
        entries.field("genre").to_pylist(),
        entries.field("probability").to_numpy(zero_copy_only=False),
        entries.field("selected").to_numpy(zero_copy_only=False).astype(bool),
    )


def _label_drift(lake: Lake, day: str, said: PredictionReference) -> list[Finding]:
    """Of a day that is compared for what was served on it alone, nothing may have landed."""
    if not lake.exists(_TITLES, day):
        return unknown(LABELS, label_columns(), "no title landed on the day", 0, 0)
    return label_drift(said, source_labels(lake.read(_TITLES, day, _RECORD).to_pandas()), day)


def _unseen(lake: Lake, day: str, said: PredictionReference) -> pd.DataFrame | None:
    """The day's titles that the champion did not learn from, of which it is surer; None where none landed."""
    if not all(lake.exists(name, day) for name in _FEATURES):
        return None
    frame = _titles(lake, day)
    return frame[said.unseen(frame["title_id"])]


def _titles(lake: Lake, day: str) -> pd.DataFrame:
    """The day's titles with all features."""
    frames: Iterator[pd.DataFrame] = (lake.read(name, day).to_pandas() for name in _FEATURES)
    text, *vectors = (frame.drop(columns=["created"]) for frame in frames)
    for found in vectors:
        text = text.merge(found, on=["title_id", "event_timestamp"], validate="one_to_one")
    return text
