"""``genre_evaluation_over_time``: how models that know the past alone do on what was released after it."""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
from pydantic import Field

from trending_assets.assets.models.bert import FITS_OF_A_TRAINING, bert_fit
from trending_assets.assets.models.genres import CODE, OVER_TIME, SEED, TRAINING_SET, chosen_parameters, fitting
from trending_assets.domain.genres.bert import BertModel
from trending_assets.domain.genres.datasets import TEST, TRAIN, masked, released_later, rows_of
from trending_assets.domain.genres.held_out import AS_WRITTEN, TEXTS
from trending_assets.domain.genres.models import GenreModel, known_name, model_class
from trending_assets.domain.genres.training import evaluate, train
from trending_assets.resources.daily import OWNER, code_version_of, column_schema, write_metadata
from trending_assets.resources.home import HomeResource
from trending_assets.resources.pools import TRAINING
from trending_assets.resources.training import TrainingResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.registry import ModelRef

EARLIER, ALL = "earlier", "all"
_SCHEMA = pa.schema(
    [
        pa.field("model", pa.string(), False),
        pa.field("first_year", pa.int64(), False),
        pa.field("learned_from", pa.string(), False),
        pa.field("train_titles", pa.int64(), False),
        pa.field("text", pa.string(), False),
        pa.field("metric", pa.string(), False),
        pa.field("value", pa.float64()),
    ]
)


class OverTime(dg.Config):
    """Which models to look at, and where to cut."""

    models: list[str] = Field(
        default=["genre_keyword", "genre_logreg", "genre_xgboost"], description="genre_bert takes its budget twice."
    )
    share: float = Field(default=0.2, gt=0, lt=1, description="How many of the train titles are released last.")


@dg.asset(
    key=OVER_TIME,
    deps=[dg.AssetKey(TRAINING_SET), dg.AssetKey("title_tfidf_fitted")],
    code_version=code_version(__name__, "trending_assets.assets.models.bert", *CODE),
    group_name="models",
    owners=[OWNER],
    kinds={"python", "parquet"},
    pool=TRAINING,
    description=(
        "The time-ordered report: each model learns from the titles released first and is judged by the test titles "
        "of the last years, beside the same model that learned from all years."
    ),
    metadata=column_schema(_SCHEMA),
)
def genre_evaluation_over_time(
    context: dg.AssetExecutionContext, config: OverTime, home: HomeResource, training: TrainingResource
) -> dg.MaterializeResult[None]:
    """Trains each model twice, and judges both by the same titles."""
    lake = home.lake
    names = [known_name(name) for name in config.models]
    parameters = {name: chosen_parameters(lake, name) for name in names}

    def build() -> pa.Table:
        frame = lake.read(TRAINING_SET).to_pandas()
        later, first = released_later(frame, config.share)
        rows = [
            row for name in names for row in _rows(name, _fitting(home, training, name), frame, later, parameters[name])
        ]
        return pa.Table.from_pylist([{**row, "first_year": first} for row in rows], schema=_SCHEMA)

    inputs = {TRAINING_SET: lake.sha256(TRAINING_SET), "share": str(config.share), "parameters": str(parameters)}
    if BertModel.name in names:
        inputs |= {"budget": str(training.bert_budget), "checkpoint": training.bert_checkpoint}
    write = lake.update(OVER_TIME, build, version=code_version_of(context, OVER_TIME), inputs=inputs)
    return dg.MaterializeResult(
        metadata=write_metadata(write, lake)
        | _told(lake.read(OVER_TIME).to_pandas(), home.registry.aliases().get("champion"))
    )


def _fitting(
    home: HomeResource, training: TrainingResource, name: str
) -> Callable[[pd.DataFrame], Callable[..., GenreModel]]:
    """A training set → what fits one model on it."""
    if name == BertModel.name:
        return lambda known: bert_fit(known, training, FITS_OF_A_TRAINING)[0]
    fit = fitting(home, name)
    return lambda _: fit


def _rows(
    name: str,
    fit: Callable[[pd.DataFrame], Callable[..., GenreModel]],
    frame: pd.DataFrame,
    later: pd.DataFrame,
    parameters: dict[str, float],
) -> Iterator[dict[str, Any]]:
    judging = rows_of(later, TEST)
    for learned_from, known in ((EARLIER, later), (ALL, frame)):
        predictor = train(model_class(name), known, SEED, fit=fit(known), parameters=parameters).predictor
        titles = int((known["split"] == TRAIN).sum())
        told = {"model": name, "learned_from": learned_from, "train_titles": titles}
        for text in TEXTS:
            evaluation = evaluate(predictor, judging if text == AS_WRITTEN else masked(judging))
            for metric, value in evaluation.metrics().items():
                yield {**told, "text": text, "metric": metric, "value": value}


def _told(table: pd.DataFrame, champion: ModelRef | None) -> dict[str, Any]:
    shown = table[(table["text"] == AS_WRITTEN) & table["metric"].isin(["macro_f1", "micro_f1", "rows"])]
    index = ["model", "learned_from", "train_titles"]
    wide = shown.pivot_table(index=index, columns="metric", values="value").reset_index()
    lines = ["| model | learned from | titles | macro-F1 | micro-F1 |", f"|{'---|' * 5}"]
    lines += [
        f"| {row['model']} | {row['learned_from']} years | {row['train_titles']} "
        f"| {row['macro_f1']:.3f} | {row['micro_f1']:.3f} |"
        for row in wide.to_dict("records")
    ]
    told = "none" if champion is None else champion.model
    return {
        "champion": told if champion is None or told in set(table["model"]) else f"{told}, which is not among these",
        "judged by titles from": int(table["first_year"].iloc[0]),
        "test titles": int(wide["rows"].iloc[0]),
        "on titles of the last years": dg.MetadataValue.md("\n".join(lines)),
    }
