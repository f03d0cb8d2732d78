"""``genre_keyword``, ``genre_logreg`` and ``genre_xgboost``: one trained version each in the registry."""

import base64
import time
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version as installed
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa

from trending_assets.domain.genres.datasets import TEST, TRAIN, features_of, masked, rows_of
from trending_assets.domain.genres.latency import measure_latency
from trending_assets.domain.genres.models import model_class
from trending_assets.domain.genres.plots import precision_recall_plot
from trending_assets.domain.genres.training import evaluate, train
from trending_assets.domain.text.encoder import Encoder
from trending_assets.resources.daily import OWNER, code_version_of, column_schema
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.lake import Lake
from trending_assets.storage.registry import Manifest, ModelRef

MODELS = ("genre_keyword", "genre_logreg", "genre_xgboost")
TRAINING_SET = "genre_training_set"
POOL = "training"
SEED = 20250601
LATENCY = "latency_ms_p50"
_TIMED_TITLES = 50
# What a model reads of a title; those of the text alone pass over the embedding.
_READS = pa.schema(
    [
        pa.field("text", pa.string(), False),
        pa.field("kind", pa.string(), False),
        pa.field("year", pa.int64()),
        pa.field("word_count", pa.int64(), False),
        pa.field("embedding", pa.list_(pa.float32())),
        pa.field("masked_text", pa.string(), False),
        pa.field("masked_embedding", pa.list_(pa.float32())),
    ]
)
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "xgboost-cpu", "pandas", "pyarrow", "feast", "onnxruntime")


def version_of(training_set_sha256: str, last_day: str, code: str) -> str:
    """The version of a model: the newest day in its training set, then a hash of all that decides it."""
    from trending_assets.storage.lake import fingerprint

    digest = fingerprint(code, {TRAINING_SET: training_set_sha256, "seed": str(SEED)})
    return f"{last_day.replace('-', '')}-{digest[:8]}"


def _model_asset(name: str, description: str, kinds: set[str]) -> dg.AssetsDefinition:
    @dg.asset(
        key=name,
        deps=[dg.AssetKey(TRAINING_SET)],
        code_version=code_version(__name__, "trending_assets.domain.genres", "trending_assets.domain.text"),
        group_name="models",
        owners=[OWNER],
        kinds=kinds,
        pool=POOL,
        description=description,
        metadata=column_schema(_READS),
    )
    def model(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
        code = code_version_of(context, name)
        ref = ModelRef(name, version_of(home.lake.sha256(TRAINING_SET), home.lake.days("titles")[-1], code))
        if not home.registry.exists(ref):
            _train(home, ref, code, context.run.run_id)
        manifest = home.registry.manifest(ref)
        return dg.MaterializeResult(metadata=_metadata(manifest, home))

    return model


def _train(home: HomeResource, ref: ModelRef, code: str, run_id: str) -> None:
    lake: Lake = home.lake
    frame = lake.read(TRAINING_SET).to_pandas()
    started = time.perf_counter()
    trained = train(model_class(ref.model), frame, SEED)
    costs = {"training_seconds": time.perf_counter() - started}
    test = rows_of(frame, TEST)
    evaluation, without_genres = evaluate(trained.predictor, test), evaluate(trained.predictor, masked(test))
    encoder = cache(Encoder)
    timed = features_of(test)[:_TIMED_TITLES]
    if latency := measure_latency(trained.predictor, timed, lambda texts: encoder().encode(texts)):
        costs |= {LATENCY: latency.p50, "latency_ms_p99": latency.p99}
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
        "library_versions": {library: installed(library) for library in _LIBRARIES},
        "seed": SEED,
    }
    home.registry.register(ref, fields, trained.model.save)


def _metadata(manifest: Manifest, home: HomeResource) -> dict[str, Any]:
    plot = base64.b64encode(precision_recall_plot(manifest.per_genre, title=str(manifest.ref))).decode()
    columns = ["precision", "recall", "f1", "average_precision", "ece", "support"]
    table = pd.DataFrame.from_dict(manifest.per_genre, orient="index")[columns].round(3)
    rows = [
        f"| {genre} | " + " | ".join("unknown" if pd.isna(v) else f"{v:g}" for v in row) + " |"
        for genre, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    header = f"| genre | {' | '.join(columns)} |\n|{'---|' * 7}"
    splits = home.lake.read(TRAINING_SET, columns=["split"])["split"].to_pylist()
    return {
        "dagster/row_count": dg.MetadataValue.int(splits.count(TRAIN)),
        "version": manifest.version,
        "registry": dg.MetadataValue.path(str(home.registry.folder(manifest.ref))),
        "trained on days": len(manifest.data_partitions),
        "size in bytes": home.registry.size(manifest.ref),
        **{name.replace("_", " "): dg.MetadataValue.float(value) for name, value in manifest.costs.items()},
        **{name: dg.MetadataValue.float(value) for name, value in manifest.metrics.items()},
        **{f"masked {name}": dg.MetadataValue.float(value) for name, value in manifest.masked_metrics.items()},
        "precision and recall": dg.MetadataValue.md(f"![precision and recall by genre](data:image/png;base64,{plot})"),
        "by genre": dg.MetadataValue.md("\n".join([header, *rows])),
    }


genre_keyword = _model_asset(
    "genre_keyword", "Keywords written by hand for each genre: the floor that a model has to beat.", {"python"}
)
genre_logreg = _model_asset(
    "genre_logreg", "TF-IDF and one-vs-rest logistic regression over text, kind and year.", {"scikitlearn"}
)
genre_xgboost = _model_asset(
    "genre_xgboost", "Multi-label gradient-boosted trees over the embedding, kind, year and length.", {"xgboost"}
)
