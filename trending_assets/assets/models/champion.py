"""``genre_evaluation``, ``genre_champion`` and ``title_predictions``: which model serves, and what it says."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa

from trending_assets.assets.models.genres import (
    LATENCY,
    LATENCY_P99,
    MODELS,
    SEED,
    TRAINING_SET,
    contenders,
    held_out_of,
)
from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.datasets import TEST, VALIDATION, features_of
from trending_assets.domain.genres.gate import FLOORS, choose_challenger, decide, masked_numbers
from trending_assets.domain.genres.held_out import AS_WRITTEN, HELD_SPLITS, MASKED, TEXTS, HeldOut
from trending_assets.domain.genres.majority import MajorityModel
from trending_assets.domain.genres.metrics import TELLING_ROWS, Evaluation, taken_for, widest_gap
from trending_assets.domain.genres.models import ModelFileError
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.genres.training import train
from trending_assets.domain.predictions.records import GENRE_SCORES
from trending_assets.resources.daily import OWNER, code_version_of, column_schema, write_metadata
from trending_assets.resources.gate import GateResource
from trending_assets.resources.home import HomeResource
from trending_assets.resources.pools import TRAINING
from trending_assets.resources.versions import code_version
from trending_assets.storage.registry import ModelRef, ModelRegistry, load_predictor

APPROVAL = "It passed the gate and waits for a person: `trending models promote challenger` makes it the champion."
BLOCKING_CHECKS = {
    "quarantine": "quarantine_is_complete",
    "titles": "titles_meet_expectations",
    "reviews": "reviews_meet_expectations",
    "genre_training_set": "training_set_is_sound",
}
# Of whom a model may know less: the gap between the best and the worst of them is reported.
COMPARED_GROUPS = ("country", "language")
_CODE = code_version(__name__, "trending_assets.domain.genres")
_FEATURES = ("title_text", "title_embedding", "title_tfidf")
_EVALUATION = pa.schema(
    [
        pa.field("model", pa.string(), False),
        pa.field("version", pa.string(), False),
        pa.field("split", pa.string(), False),
        pa.field("text", pa.string(), False),
        pa.field("slice", pa.string(), False),
        pa.field("metric", pa.string(), False),
        pa.field("value", pa.float64()),
    ]
)
_DECISIONS = pa.schema(
    [
        pa.field("id", pa.string(), False),
        pa.field("candidate", pa.string(), False),
        pa.field("champion_before", pa.string()),
        pa.field("promoted", pa.bool_(), False),
        pa.field("reasons", pa.list_(pa.string()), False),
        pa.field("numbers", pa.map_(pa.string(), pa.float64()), False),
        pa.field("run_id", pa.string()),
    ]
)
_PREDICTIONS = pa.schema(
    [
        pa.field("title_id", pa.string(), False),
        pa.field("genres", GENRE_SCORES, False),
        pa.field("model", pa.string(), False),
        pa.field("version", pa.string(), False),
    ]
)


class Contender:
    """A model in the running, and what it says of the titles that are held out."""

    def __init__(self, predictor: GenrePredictor, frame: pd.DataFrame, held_out: HeldOut | None = None) -> None:
        """A model and the training set whose held-out titles it was asked about; it is asked now where it was not."""
        self._predictor, self._frame = predictor, frame
        self._held_out = held_out or HeldOut.of(predictor, frame)

    def on(self, split: str, text: str = AS_WRITTEN) -> Evaluation:
        """How it does on one split, with texts as written or masked."""
        return self._held_out.evaluate(self._predictor, self._frame, split, text)


def _registered(home: HomeResource, ref: ModelRef, frame: pd.DataFrame) -> Contender:
    return Contender(load_predictor(home.registry, ref), frame, held_out_of(home, ref))


def _standing(
    home: HomeResource, champion: ModelRef | None, frame: pd.DataFrame
) -> tuple[Contender | None, str | None]:
    """The champion; where this code can ask it no more, nothing and why that refuses a candidate."""
    if champion is None:
        return None, None
    try:
        return _registered(home, champion, frame), None
    except ModelFileError as error:
        return None, (
            f"The champion can be asked no more ({error}), so the candidate is not known to be no worse: "
            "`trending models promote challenger` makes it the champion all the same."
        )


def _contenders(home: HomeResource, frame: pd.DataFrame) -> tuple[dict[str, Contender], dict[str, ModelRef]]:
    """The floors and candidates, by name, and the versions of those in the registry."""
    refs = contenders(home.registry, home.lake.sha256(TRAINING_SET))
    registered = {name: _registered(home, ref, frame) for name, ref in refs.items()}
    return {"genre_majority": Contender(train(MajorityModel, frame, SEED).predictor, frame), **registered}, refs


def best_candidate(contenders: Mapping[str, Contender]) -> str | None:
    """Who is best on the validation titles without the names of genres; None where there are but floors."""
    candidates = {name: each.on(VALIDATION, MASKED) for name, each in contenders.items() if name not in FLOORS}
    return choose_challenger(candidates) if candidates else None


@dg.asset(
    key="genre_evaluation",
    deps=[dg.AssetKey(TRAINING_SET), *(dg.AssetKey(name) for name in MODELS)],
    code_version=_CODE,
    group_name="models",
    owners=[OWNER],
    kinds={"python", "parquet"},
    description="Every model on the same validation and test titles: metrics by slice and genre, floors included.",
    metadata=column_schema(_EVALUATION),
)
def genre_evaluation(home: HomeResource) -> dg.MaterializeResult[None]:
    """Metrics of each model in the running on the current training set; what is unknown is null."""
    lake = home.lake
    frame = lake.read(TRAINING_SET).to_pandas()
    found, refs = _contenders(home, frame)
    rows: list[dict[str, Any]] = []
    table = ["| model | macro-F1 | micro-F1 | macro-F1, masked | micro-F1, masked | p50 ms | p99 ms | MB | gaps |"]
    table.append(f"|{'---|' * 9}")
    for name, contender in found.items():
        version = refs[name].version if name in refs else "fitted in place"
        shown = []
        for split, text in product(HELD_SPLITS, TEXTS):
            evaluation = contender.on(split, text)
            told = {"model": name, "version": version, "split": split, "text": text}
            rows += [told | row for row in _rows(evaluation)]
            if split == TEST:
                metrics = evaluation.metrics()
                shown += [f"{metrics[m]:.4f}" if m in metrics else "unknown" for m in ("macro_f1", "micro_f1")]
        costs = _costs(home.registry, refs.get(name))
        told = {"model": name, "version": version, "split": TEST, "text": AS_WRITTEN, "slice": "all"}
        rows += [told | {"metric": metric, "value": value} for metric, value in costs.items()]
        shown += ["unknown" if value is None else f"{value:,.2f}" for value in costs.values()]
        shown.append(_gaps(contender.on(TEST)))
        table.append(f"| {name} | {' | '.join(shown)} |")
    write = lake.write("genre_evaluation", pa.Table.from_pylist(rows, schema=_EVALUATION))
    titles = {split: int((frame["split"] == split).sum()) for split in HELD_SPLITS}
    return dg.MaterializeResult(
        metadata=write_metadata(write, lake)
        | {"on test titles": dg.MetadataValue.md("\n".join(table)), "titles": titles}
    )


def _costs(registry: ModelRegistry, ref: ModelRef | None) -> dict[str, float | None]:
    """Latency and size of a version; None is unknown, as for a floor that no version is kept of."""
    costs = registry.manifest(ref).costs if ref else {}
    size = registry.size(ref) / 1e6 if ref else None
    return {LATENCY: costs.get(LATENCY), LATENCY_P99: costs.get(LATENCY_P99), "size_mb": size}


def _gaps(evaluation: Evaluation) -> str:
    gaps = {kind: widest_gap(evaluation.slices, kind) for kind in COMPARED_GROUPS}
    return ", ".join(
        f"{kind} {gap.width:.3f} ({gap.best} to {gap.worst})"
        if gap
        else f"{kind} unknown (no two of {TELLING_ROWS} titles or more)"
        for kind, gap in gaps.items()
    )


def _rows(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    for metric, value in evaluation.metrics().items():
        yield {"slice": "all", "metric": metric, "value": value}
    for name, metrics in evaluation.slices.items():
        for metric, value in metrics.items():
            yield {"slice": name, "metric": metric, "value": value}
    for kind in COMPARED_GROUPS:
        gap = widest_gap(evaluation.slices, kind)
        yield {"slice": kind, "metric": "micro_f1_gap", "value": gap.width if gap else None}
    for (genre, other), titles in taken_for(evaluation.labels, evaluation.selected, GENRES).items():
        yield {"slice": f"genre={genre}", "metric": f"taken_for={other}", "value": float(titles)}
    for genre, found in evaluation.per_genre.items():
        for metric, measured in found.items():
            yield {"slice": f"genre={genre}", "metric": metric, "value": measured}


@dg.asset(
    key="genre_champion",
    deps=[dg.AssetKey("genre_evaluation"), dg.AssetKey(TRAINING_SET), dg.AssetKey("online_store")],
    code_version=_CODE,
    group_name="models",
    owners=[OWNER],
    kinds={"python"},
    pool=TRAINING,
    description=(
        "The gate: of the candidates the one that is best on texts without the names of genres becomes champion if it "
        "beats the floors and is no worse than the champion on the same test titles. Every decision is kept with its "
        "reasons, and can be queried as gate_decisions."
    ),
    metadata=column_schema(_DECISIONS),
)
def genre_champion(
    context: dg.AssetExecutionContext, home: HomeResource, gate: GateResource
) -> dg.MaterializeResult[None]:
    """Decides on the candidate that does best on the validation titles without the names of genres."""
    registry = home.registry
    frame = home.lake.read(TRAINING_SET).to_pandas()
    found, refs = _contenders(home, frame)
    best = best_candidate(found)
    if best is None:
        return dg.MaterializeResult(metadata={"decision": "nothing but floors has been trained"})
    champion = registry.aliases().get("champion")
    before = str(champion) if champion else None
    told = {
        "candidate": str(refs[best]),
        "champion_before": before,
        "training_set_sha256": home.lake.sha256(TRAINING_SET),
    }
    earlier = [d for d in registry.decisions() if told.items() <= d.items()]
    if champion == refs[best] or earlier:
        if earlier:
            _carry_out(registry, refs[best], promoted=earlier[-1]["promoted"])
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": dg.MetadataValue.int(len(registry.decisions())),
                "champion": str(registry.aliases().get("champion", "none")),
                "candidate": str(refs[best]),
                "decision": "nothing new to decide",
            }
        )
    standing, why_not = _standing(home, champion, frame)
    decision = decide(
        found[best].on(TEST),
        standing.on(TEST) if standing else None,
        {name: found[name].on(TEST) for name in FLOORS if name in found},
        data_checks_passed=_checks_passed(context.instance),
        latency_ms=registry.manifest(refs[best]).costs.get(LATENCY),
    )
    unnamed = masked_numbers(found[best].on(TEST, MASKED), standing.on(TEST, MASKED) if standing else None)
    decision = replace(decision, numbers={**decision.numbers, **unnamed})
    if why_not is not None:
        decision = decision.refused(why_not)
    awaited = decision.promoted and gate.require_approval
    promoted = decision.promoted and not awaited
    record = {
        **told,
        "promoted": promoted,
        "reasons": [APPROVAL] if awaited else decision.reasons,
        "numbers": decision.numbers,
        "run_id": context.run.run_id,
    }
    # The record comes first: a run that is killed in between is completed from it.
    decision_id = registry.record_decision(record)
    _carry_out(registry, refs[best], promoted=promoted)
    return dg.MaterializeResult(metadata=_decision_metadata(registry, record, decision_id))


def _carry_out(registry: ModelRegistry, candidate: ModelRef, *, promoted: bool) -> None:
    """Does what was decided, once; a champion that was rolled back is not promoted again."""
    if not promoted:
        registry.challenge(candidate)
    elif registry.aliases().get("previous") != candidate:
        registry.promote(candidate)


def _checks_passed(instance: dg.DagsterInstance) -> bool:
    keys = [dg.AssetCheckKey(dg.AssetKey(asset), name) for asset, name in BLOCKING_CHECKS.items()]
    # A source that never landed has nothing to account for.
    landed = [
        key for key in instance.get_asset_keys(prefix=["parsed"]) if instance.get_latest_materialization_event(key)
    ]
    keys += [dg.AssetCheckKey(key, "documents_accounted_for") for key in landed]
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    return all(key in latest and latest[key].status.value == "SUCCEEDED" for key in keys)


def _decision_metadata(registry: ModelRegistry, record: Mapping[str, Any], decision_id: str) -> dict[str, Any]:
    return {
        "dagster/row_count": dg.MetadataValue.int(len(registry.decisions())),
        "champion": str(registry.aliases().get("champion", "none")),
        "decision": "promoted" if record["promoted"] else "refused",
        "candidate": record["candidate"],
        "reasons": dg.MetadataValue.md("\n".join(f"- {reason}" for reason in record["reasons"])),
        "decision_id": decision_id,
        **{name: dg.MetadataValue.float(value) for name, value in record["numbers"].items() if value is not None},
    }


@dg.asset(
    key="title_predictions",
    deps=[dg.AssetKey("genre_champion"), *(dg.AssetKey(name) for name in _FEATURES)],
    code_version=_CODE,
    group_name="models",
    owners=[OWNER],
    kinds={"python", "parquet"},
    # Before the gate has promoted a first model there is nothing to predict with, and nothing wrong.
    output_required=False,
    description="The champion's genres for every title of the catalogue.",
    metadata=column_schema(_PREDICTIONS),
)
def title_predictions(context: dg.AssetExecutionContext, home: HomeResource) -> Iterator[dg.MaterializeResult[None]]:
    """Predictions of the champion from the offline features."""
    lake, registry = home.lake, home.registry
    champion = registry.aliases().get("champion")
    if champion is None:
        context.log.warning("no champion: the gate has promoted no model yet, see the metadata of genre_champion")
        return
    days = lake.days("title_embedding")
    hashes = lake.input_hashes(_FEATURES, days)

    def build() -> pa.Table:
        text = lake.read_days("title_text", days).drop_columns("created").to_pandas()
        embedding = lake.read_days("title_embedding", days, ["title_id", "event_timestamp", "embedding"]).to_pandas()
        tfidf = lake.read_days(
            "title_tfidf", days, ["title_id", "event_timestamp", "tfidf", "tfidf_version"]
        ).to_pandas()
        for vectors in (embedding, tfidf):
            text = text.merge(vectors, on=["title_id", "event_timestamp"], validate="one_to_one")
        frame = text.sort_values(["title_id", "event_timestamp"]).drop_duplicates("title_id", keep="last")
        scores = load_predictor(registry, champion).predict(features_of(frame))
        rows = [
            {
                "title_id": title_id,
                "genres": [vars(score) for score in found],
                "model": champion.model,
                "version": champion.version,
            }
            for title_id, found in zip(frame["title_id"], scores, strict=True)
        ]
        return pa.Table.from_pylist(rows, schema=_PREDICTIONS)

    write = lake.update(
        "title_predictions",
        build,
        version=code_version_of(context, "title_predictions"),
        inputs=hashes | {"champion": str(champion)},
    )
    yield dg.MaterializeResult(metadata=write_metadata(write, lake) | {"champion": str(champion)})
