"""``genre_bert``: the fine-tuned encoder, trained within a budget and only where enough has come since."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from trending_assets.assets.models.genres import (
    CODE,
    READS,
    SEED,
    TRAINING_SET,
    TRIALS,
    chosen_parameters,
    model_metadata,
    register,
    version_of,
)
from trending_assets.assets.models.tracked import tracked_training
from trending_assets.domain.genres.bert import ROWS_OF_MACRO, BertModel
from trending_assets.domain.genres.datasets import TRAIN, VALIDATION, known_genres, rows_of
from trending_assets.domain.genres.training import FOLDS, TrainedModel, train
from trending_assets.domain.text.bert import CHECKPOINT_FILES
from trending_assets.resources.daily import OWNER, code_version_of, column_schema
from trending_assets.resources.home import HomeResource
from trending_assets.resources.pools import TRAINING
from trending_assets.resources.tracking import TrackingResource
from trending_assets.resources.training import TrainingResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.registry import ModelRef
from trending_assets.storage.tracking import TrackedRun

_NAME = BertModel.name
# The tag that Dagster gives to what a sensor asked for.
_SENSOR = "dagster/sensor_name"
_LIBRARIES = ("torch", "transformers", "tokenizers", "onnx")
# Fits of a training in fits of all train rows: one without the fold that is held out, one with it.
FITS_OF_A_TRAINING = 2 - 1 / FOLDS
# Enough to see where a training goes, at a small part of its time.
_MOST_JUDGED = 500
# On fewer titles half a point of F1 is a cell or two; more than tell of macro-F1 take minutes.
_LEAST_COMPARED, _MOST_COMPARED = 300, ROWS_OF_MACRO


@dg.asset(
    key=_NAME,
    deps=[dg.AssetKey(TRAINING_SET), dg.AssetKey(TRIALS)],
    code_version=code_version(__name__, "trending_assets.assets.models.genres", *CODE),
    group_name="models",
    owners=[OWNER],
    kinds={"pytorch", "onnx"},
    pool=TRAINING,
    description=(
        "all-MiniLM-L6-v2, or another BERT, fine-tuned end to end on the texts, for TRENDING_BERT_PASSES or within "
        "TRENDING_BERT_MINUTES. "
        "A sensor's retraining keeps the newest version until TRENDING_BERT_NEW_ROWS labelled titles have come since."
    ),
    metadata=column_schema(READS),
)
def genre_bert(
    context: dg.AssetExecutionContext, home: HomeResource, training: TrainingResource, tracking: TrackingResource
) -> dg.MaterializeResult[None]:
    """The version for the current training set and budget, or the newest one where a sensor asked too early."""
    code = code_version_of(context, _NAME)
    checkpoint, parameters = _sha256(training.checkpoint), chosen_parameters(home.lake, _NAME)
    settings = {**training.bert_budget, "checkpoint": checkpoint, **parameters}
    ref = ModelRef(_NAME, version_of(home.lake, code, settings))
    told: dict[str, Any] = {}
    if not home.registry.exists(ref):
        kept, new_rows = _newest(home, code, checkpoint)
        if kept and _SENSOR in context.run.tags and new_rows < training.bert_new_rows:
            ref, told = kept, {"kept": f"{new_rows} new titles, trained anew from {training.bert_new_rows} on"}
        else:
            with tracked_training(context, tracking, home, ref, code) as run:
                fit = partial(_fit, training=training, parameters=parameters, run=run)
                register(home, ref, code, context.run.run_id, fit, _LIBRARIES)
    return dg.MaterializeResult(metadata=model_metadata(home.registry.manifest(ref), home) | told)


def _newest(home: HomeResource, code: str, checkpoint: str) -> tuple[ModelRef | None, int]:
    """The newest version that this code trained from this checkpoint, and how many more train titles there are now."""
    manifests = home.registry.manifests(_NAME)
    current = [m for m in manifests if (m.code_version, m.parameters["checkpoint_sha256"]) == (code, checkpoint)]
    if not current:
        return None, 0
    rows = home.lake.read(TRAINING_SET, columns=["split"])["split"].to_pylist().count(TRAIN)
    return current[-1].ref, rows - int(current[-1].parameters["train_rows"])


def bert_fit(frame: pd.DataFrame, training: TrainingResource, fits: float) -> tuple[Callable[..., BertModel], float]:
    """What fits one model on the budget, and how often it sees each row.

    Args:
        frame: the training set.
        training: the budget and the checkpoint.
        fits: how many fits of all train rows the budget has to do for.
    """
    from trending_assets.domain.genres.bert_training import affordable_passes

    folder, passes = training.checkpoint, training.bert_passes
    if passes is None:
        genres = len(known_genres(frame))
        passes = affordable_passes(folder, rows_of(frame, TRAIN), genres, fits, training.bert_minutes * 60)
    # The training set holds the embeddings of the encoder that comes with the project.
    return partial(BertModel.fit, passes=passes, checkpoint=folder, embedded=not training.bert_checkpoint), passes


def _fit(
    frame: pd.DataFrame, training: TrainingResource, parameters: Mapping[str, float], run: TrackedRun
) -> TrainedModel:
    from trending_assets.domain.genres.bert_training import without_poor_precision

    rows = rows_of(frame, TRAIN)
    judged = rows_of(frame, VALIDATION).head(_MOST_JUDGED)
    fit_one, passes = bert_fit(frame, training, FITS_OF_A_TRAINING)

    def fit(fitted: pd.DataFrame, *more: Any) -> BertModel:
        name = "train" if len(fitted) == len(rows) else "fold"

        def watch(passes: float, found: Mapping[str, float]) -> None:
            run.log({f"{name}/{what}": value for what, value in {"passes": passes, **found}.items()})

        # What nobody reads is not worth its time.
        seen = {"validation": judged, "watch": watch} if run.tracked else {}
        return fit_one(fitted, *more, **seen)

    compared = compared_rows(frame)
    trained = without_poor_precision(train(BertModel, frame, SEED, fit=fit, parameters=parameters), compared)
    budget = {"passes": passes, **training.bert_budget}
    return replace(
        trained, parameters={**trained.parameters, **budget, "checkpoint_sha256": _sha256(training.checkpoint)}
    )


def compared_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows by which the precisions of one model are compared: of validation, and of train where those are few.

    Where validation has half of what tells of macro-F1, train has the other half; one model is compared with itself
    here, so that rows it was fitted on tell too.

    Args:
        frame: the training set.
    """
    unseen = rows_of(frame, VALIDATION).head(_MOST_COMPARED)
    wanted = _MOST_COMPARED if len(unseen) >= _MOST_COMPARED / 2 else _LEAST_COMPARED
    return pd.concat([unseen, rows_of(frame, TRAIN).head(max(0, wanted - len(unseen)))])


def _sha256(checkpoint: Path) -> str:
    """Names all of a checkpoint that decides what is learned from it."""
    digest = hashlib.sha256()
    for name in CHECKPOINT_FILES:
        digest.update(hashlib.sha256((checkpoint / name).read_bytes()).digest())
    return digest.hexdigest()
