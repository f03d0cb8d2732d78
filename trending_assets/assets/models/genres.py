"""``genre_keyword``, ``genre_logreg`` and ``genre_xgboost``, and what the other models share with them."""

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa

from trending_assets.assets.models.tracked import tracked_training
from trending_assets.domain.catalog.records import STRINGS
from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.drift.reference import PredictionReference, Reference
from trending_assets.domain.genres.blend import MEMBERS, BlendModel
from trending_assets.domain.genres.datasets import TEST, TRAIN, features_of, label_matrix, rows_of
from trending_assets.domain.genres.held_out import AS_WRITTEN, HELD_SPLITS, TEXTS, HeldOut
from trending_assets.domain.genres.latency import measure_latency
from trending_assets.domain.genres.models import GenreModel, model_class
from trending_assets.domain.genres.plots import evaluation_plots
from trending_assets.domain.genres.reduced_tfidf import ReducedTfIdf
from trending_assets.domain.genres.self_test import SelfTest
from trending_assets.domain.genres.training import TrainedModel, train
from trending_assets.domain.genres.xgb import XGBoostModel
from trending_assets.domain.text.encoder import Encoder
from trending_assets.resources.daily import OWNER, code_version_of, column_schema
from trending_assets.resources.home import TFIDF_VIEW, HomeResource
from trending_assets.resources.pools import TRAINING
from trending_assets.resources.tracking import TrackingResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.lake import Lake, fingerprint
from trending_assets.storage.registry import Manifest, ModelRef, ModelRegistry

MODELS = ("genre_keyword", "genre_logreg", "genre_xgboost", "genre_bert", "genre_blend")
TRAINING_SET = "genre_training_set"
TRIALS = "genre_trials"
OVER_TIME = "genre_evaluation_over_time"
SEED = 20250601
LATENCY, LATENCY_P99 = "latency_ms_p50", "latency_ms_p99"
_TIMED_TITLES = 50
# What a model reads of a title; those of the text alone pass over the vectors.
READS = pa.schema(
    [
        pa.field("text", pa.string(), False),
        pa.field("kind", pa.string(), False),
        pa.field("year", pa.int64()),
        pa.field("word_count", pa.int64(), False),
        pa.field("countries", STRINGS, False),
        pa.field("runtime_minutes", pa.int64()),
        pa.field("certificate", pa.string()),
        pa.field("platforms", STRINGS, False),
        pa.field("embedding", pa.list_(pa.float32())),
        pa.field("tfidf", pa.list_(pa.float32())),
        pa.field("tfidf_version", pa.string()),
        pa.field("masked_text", pa.string(), False),
        pa.field("masked_embedding", pa.list_(pa.float32())),
        pa.field("masked_tfidf", pa.list_(pa.float32())),
    ]
)
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "xgboost-cpu", "pandas", "pyarrow", "feast", "onnxruntime")


# What decides a model beside its training set: every module that it is made by.
CODE = (
    "trending_assets.domain.genres",
    "trending_assets.domain.text",
    "trending_assets.domain.drift.descriptors",
    "trending_assets.domain.drift.reference",
    "trending_assets.domain.drift.sketches",
)


def version_of(lake: Lake, code: str, settings: Mapping[str, object] | None = None) -> str:
    """The version of a model: the newest day in its training set, then a hash of all that decides it.

    Args:
        lake: holds the training set.
        code: version of the code.
        settings: whatever else decides it.
    """
    inputs = {TRAINING_SET: lake.sha256(TRAINING_SET), "seed": str(SEED)}
    digest = fingerprint(code, inputs | {name: str(value) for name, value in (settings or {}).items()})
    return f"{lake.days('titles')[-1].replace('-', '')}-{digest[:8]}"


class NothingTrainedError(LookupError):
    """No version of any genre model has been trained."""


def contenders(registry: ModelRegistry, training_set_sha256: str) -> dict[str, ModelRef]:
    """The version of each trained model that is in the running, by the model's name.

    It is the newest that was trained on the training set, or else the newest: a model that is not trained every time
    stays in the running as it is, since a title that is tested on was never in a train split. One that reads other
    features than its code does is out of it, and so is a blend of others than are in it.

    Raises:
        NothingTrainedError: no model has been trained.
    """
    found: dict[str, ModelRef] = {}
    for name in MODELS:
        usable = [m for m in registry.manifests(name) if m.feature_service == model_class(name).feature_service]
        if name == BlendModel.name:
            members = {member: str(found.get(member)) for member in MEMBERS}
            usable = [m for m in usable if {member: m.parameters.get(member) for member in MEMBERS} == members]
        current = [m for m in usable if m.training_set_sha256 == training_set_sha256]
        if usable:
            found[name] = (current or usable)[-1].ref
    if not found:
        raise NothingTrainedError(f"none of {', '.join(MODELS)} has been trained: materialise one")
    return found


def held_out_of(home: HomeResource, ref: ModelRef) -> HeldOut | None:
    """What a version says of the titles that are held out; None where it was trained on another training set."""
    if home.registry.manifest(ref).training_set_sha256 != home.lake.sha256(TRAINING_SET):
        return None
    return HeldOut.stored(home.registry.verified(ref))


def chosen_parameters(lake: Lake, model: str) -> dict[str, float]:
    """What the newest study of a model found best; empty where there is none, which means its defaults."""
    if not lake.exists(TRIALS):
        return {}
    rows = lake.read(TRIALS, columns=["model", "parameters", "chosen"]).to_pylist()
    found = [dict(row["parameters"]) for row in rows if row["chosen"] and row["model"] == model]
    search_space = model_class(model).search_space
    return found[0] if found and found[0].keys() <= search_space.keys() else {}


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _model_asset(name: str, description: str, kinds: set[str]) -> dg.AssetsDefinition:
    @dg.asset(
        key=name,
        deps=[dg.AssetKey(TRAINING_SET), *([dg.AssetKey(TRIALS)] if model_class(name).search_space else [])],
        code_version=code_version(__name__, *CODE),
        group_name="models",
        owners=[OWNER],
        kinds=kinds,
        pool=TRAINING,
        description=description,
        metadata=column_schema(READS),
    )
    def model(
        context: dg.AssetExecutionContext, home: HomeResource, tracking: TrackingResource
    ) -> dg.MaterializeResult[None]:
        code = code_version_of(context, name)
        parameters = chosen_parameters(home.lake, name)
        ref = ModelRef(name, version_of(home.lake, code, parameters))
        if not home.registry.exists(ref):
            fit = partial(train, model_class(name), seed=SEED, parameters=parameters)
            with tracked_training(context, tracking, home, ref, code):
                register(home, ref, code, context.run.run_id, lambda frame: fit(frame=frame))
        return dg.MaterializeResult(metadata=model_metadata(home.registry.manifest(ref), home))

    return model


def register(
    home: HomeResource,
    ref: ModelRef,
    code: str,
    run_id: str,
    fit: Callable[[pd.DataFrame], TrainedModel],
    libraries: Sequence[str] = (),
    held_out: HeldOut | None = None,
) -> None:
    """Trains a model on the training set, measures it on the test titles, and adds it to the registry.

    Args:
        home: holds the training set and the registry.
        ref: the version.
        code: version of the code that trains it.
        run_id: the run.
        fit: trains it on the training set.
        libraries: what the model depends on beside the libraries that all models do.
        held_out: what it says of the titles that are held out; it is asked where None.
    """
    lake: Lake = home.lake
    frame = lake.read(TRAINING_SET).to_pandas()
    started = time.perf_counter()
    trained = fit(frame)
    costs = {"training_seconds": time.perf_counter() - started}
    test = rows_of(frame, TEST)
    held_out = held_out or HeldOut.of(trained.predictor, frame)
    evaluation, without_genres = (held_out.evaluate(trained.predictor, frame, TEST, text) for text in TEXTS)
    encoder = cache(Encoder)
    timed = features_of(test)[:_TIMED_TITLES]
    if latency := measure_latency(trained.predictor, timed, lambda texts: encoder().encode(texts)):
        costs |= {LATENCY: latency.p50, LATENCY_P99: latency.p99}
    service = home.feature_store().get_feature_service(trained.model.feature_service)
    fields: dict[str, Any] = {
        "trained_at": datetime.now(UTC),
        "code_version": code,
        "feature_service": trained.model.feature_service,
        "feature_views": {view.name: code_version("feature_repo.views") for view in service.feature_view_projections},
        "genres": list(trained.predictor.genres),
        "thresholds": trained.thresholds,
        "metrics": evaluation.metrics(),
        "masked_metrics": without_genres.metrics(),
        "costs": costs,
        "slices": evaluation.slices,
        "per_genre": evaluation.per_genre,
        "training_set_sha256": lake.sha256(TRAINING_SET),
        "data_partitions": lake.days("titles"),
        "run_ids": [run_id],
        "library_versions": {library: installed(library) for library in (*_LIBRARIES, *libraries)},
        "parameters": {"train_rows": len(trained.title_ids), **trained.parameters},
        "seed": SEED,
    }

    drift_reference = _drift_reference(trained, held_out, frame)
    self_test = SelfTest.of(trained.predictor, lambda texts: encoder().encode(texts))

    def save(folder: Path) -> None:
        trained.model.save(folder)
        trained.save_out_of_fold(folder)
        held_out.save(folder)
        drift_reference.save(folder)
        self_test.save(folder)
        for name, png in evaluation_plots(evaluation, str(ref)).items():
            (folder / name).write_bytes(png)

    home.registry.register(ref, fields, save)


def _drift_reference(trained: TrainedModel, held_out: HeldOut, frame: pd.DataFrame) -> Reference:
    """What drift is measured against while this version serves: what it learned from, and what it then said."""
    rows = rows_of(frame, TRAIN)
    # Of titles that a model has seen it is surer than it will be of others.
    probabilities = np.concatenate([held_out.probabilities[split, AS_WRITTEN] for split in HELD_SPLITS])
    labels = label_matrix(rows[rows["labels_complete"]], GENRES)
    genres = trained.predictor.genres
    said = PredictionReference.of(probabilities, trained.thresholds, genres, labels, rows["title_id"])
    return Reference.of(rows, said)


def model_metadata(manifest: Manifest, home: HomeResource) -> dict[str, Any]:
    """What the UI shows of a version."""
    columns = ["precision", "recall", "f1", "average_precision", "ece", "support"]
    table = pd.DataFrame.from_dict(manifest.per_genre, orient="index")[columns].round(3)
    rows = [
        f"| {genre} | " + " | ".join("unknown" if pd.isna(v) else f"{v:g}" for v in row) + " |"
        for genre, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    header = f"| genre | {' | '.join(columns)} |\n|{'---|' * 7}"
    plots = {
        path.stem.replace("_", " and "): dg.MetadataValue.md(f"![{path.stem}](data:image/png;base64,{_base64(path)})")
        for path in sorted(home.registry.verified(manifest.ref).glob("*.png"))
    }
    splits = home.lake.read(TRAINING_SET, columns=["split"])["split"].to_pylist()
    return {
        "dagster/row_count": dg.MetadataValue.int(splits.count(TRAIN)),
        "version": manifest.version,
        "registry": dg.MetadataValue.path(home.registry.uri_of(manifest.ref)),
        "trained on days": len(manifest.data_partitions),
        **{f"parameter {name}": value for name, value in manifest.parameters.items()},
        "size in bytes": home.registry.size(manifest.ref),
        **{name.replace("_", " "): dg.MetadataValue.float(value) for name, value in manifest.costs.items()},
        **{name: dg.MetadataValue.float(value) for name, value in manifest.metrics.items()},
        **{f"masked {name}": dg.MetadataValue.float(value) for name, value in manifest.masked_metrics.items()},
        **plots,
        "by genre": dg.MetadataValue.md("\n".join([header, *rows])),
    }


genre_keyword = _model_asset(
    "genre_keyword", "Keywords written by hand for each genre: the floor that a model has to beat.", {"python"}
)
genre_logreg = _model_asset(
    "genre_logreg", "TF-IDF and one-vs-rest logistic regression over text and facts.", {"scikitlearn"}
)


@dg.asset(
    key=XGBoostModel.name,
    deps=[dg.AssetKey(TRAINING_SET), dg.AssetKey("title_tfidf_fitted"), dg.AssetKey(TRIALS)],
    code_version=code_version(__name__, *CODE),
    group_name="models",
    owners=[OWNER],
    kinds={"xgboost"},
    pool=TRAINING,
    description="Multi-label gradient-boosted trees over the embedding, reduced TF-IDF and facts.",
    metadata=column_schema(READS),
)
def genre_xgboost(
    context: dg.AssetExecutionContext, home: HomeResource, tracking: TrackingResource
) -> dg.MaterializeResult[None]:
    """The version for the current training set, with what the reduced TF-IDF was fitted to."""
    parameters, reduction = chosen_parameters(home.lake, XGBoostModel.name), _reduction(home)
    code, told = code_version_of(context, XGBoostModel.name), {TFIDF_VIEW: reduction.version}
    ref = ModelRef(XGBoostModel.name, version_of(home.lake, code, {**told, **parameters}))

    def fit(frame: pd.DataFrame) -> TrainedModel:
        fit_one = partial(XGBoostModel.fit, reduction=reduction)
        trained = train(XGBoostModel, frame, SEED, fit=fit_one, parameters=parameters)
        return replace(trained, parameters={**trained.parameters, **told})

    if not home.registry.exists(ref):
        with tracked_training(context, tracking, home, ref, code):
            register(home, ref, code, context.run.run_id, fit)
    return dg.MaterializeResult(metadata=model_metadata(home.registry.manifest(ref), home))


def _reduction(home: HomeResource) -> ReducedTfIdf:
    fitted = home.fitted_tfidf.read()
    return fitted.reduction if fitted else ReducedTfIdf.unfitted()


def fitting(home: HomeResource, name: str) -> Callable[..., GenreModel]:
    """What fits one model of this name on the training set of a home; ``genre_bert`` needs a budget too."""
    if name == XGBoostModel.name:
        return partial(XGBoostModel.fit, reduction=_reduction(home))
    return model_class(name).fit
