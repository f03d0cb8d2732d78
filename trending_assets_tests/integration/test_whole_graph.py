"""The whole graph on a small source: every asset is materialised, every check passes, and what is said of each."""

import base64
import re
from collections.abc import Iterator

import dagster as dg
import pytest

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.storage.registry import ModelRef
from trending_assets_tests.integration.homes import SmallHome
from trending_assets_tests.integration.small_source import HISTORY, UPDATED_ID, malformed

LEARNED = {"comedy", "documentary", "horror", "romance", "science-fiction", "western"}
MODELS = ("genre_keyword", "genre_logreg", "genre_xgboost")
_LATENCIES = ("latency_ms_p50", "latency_ms_p99")
BLOCKING = {
    ("parsed/sample", "documents_accounted_for"),
    ("quarantine", "quarantine_is_complete"),
    ("titles", "titles_meet_expectations"),
    ("reviews", "reviews_meet_expectations"),
    ("genre_training_set", "training_set_is_sound"),
}


@pytest.fixture(scope="module")
def instance(finished: SmallHome) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of the finished home."""
    with finished.instance() as opened:
        yield opened


def _executable(finished: SmallHome) -> list[dg.AssetSpec]:
    definitions = finished.definitions
    specs = definitions.resolve_all_asset_specs()
    return [spec for spec in specs if definitions.get_assets_def(spec.key).is_executable and not _unasked(spec.key)]


def _unasked(key: dg.AssetKey) -> bool:
    # Sources that are not switched on land only when they are asked for, and nobody explored or measured.
    stage, *source = key.path
    return stage in ("exploration", "identity_quality") or (stage in ("raw", "parsed") and source != ["sample"])


def _metadata(instance: dg.DagsterInstance, asset: str, day: str | None = None) -> dict[str, dg.MetadataValue]:
    key = dg.AssetKey(asset.split("/"))
    partitions = [day] if day else None
    found = instance.fetch_materializations(dg.AssetRecordsFilter(key, asset_partitions=partitions), limit=1).records
    assert found, f"{asset} was not materialised for {day}"
    materialization = found[0].asset_materialization
    assert materialization is not None
    return dict(materialization.metadata)


def test_every_asset_is_materialised_on_every_day(finished: SmallHome, instance: dg.DagsterInstance) -> None:
    missing = []
    for spec in _executable(finished):
        if spec.partitions_def is None:
            missing += [] if instance.get_latest_materialization_event(spec.key) else [spec.key.to_user_string()]
        elif set(instance.get_materialized_partitions(spec.key)) != set(HISTORY):
            missing.append(spec.key.to_user_string())
    # Only a person starts the first two, and nothing has been served yet.
    assert sorted(missing) == ["genre_evaluation_over_time", "genre_trials", "live_metrics", "prediction_log"]
    assert len(_executable(finished)) > 20


def test_row_counts_are_those_of_the_files(finished: SmallHome, instance: dg.DagsterInstance) -> None:
    lake, wrong = finished.lake, {}
    counted = 0
    for spec in _executable(finished):
        table = "/".join(spec.key.path)
        if spec.partitions_def is not None and lake.days(table):
            said = [_metadata(instance, table, day)["dagster/partition_row_count"].value for day in HISTORY]
            held = [lake.read(table, day).num_rows for day in HISTORY]
        elif lake.exists(table):
            said, held = [_metadata(instance, table)["dagster/row_count"].value], [lake.read(table).num_rows]
        else:
            continue
        counted += 1
        if said != held:
            wrong[table] = (said, held)
    assert wrong == {}
    assert counted >= 17


def test_every_table_states_its_columns(finished: SmallHome, instance: dg.DagsterInstance) -> None:
    lake = finished.lake
    for spec in _executable(finished):
        table = "/".join(spec.key.path)
        days = lake.days(table)
        if not days and not lake.exists(table):
            continue
        said = {**spec.metadata, **_metadata(instance, table, days[0] if days else None)}["dagster/column_schema"]
        schema = said.value if isinstance(said, dg.MetadataValue) else said
        assert isinstance(schema, dg.TableSchema)
        stored = lake.read(table, days[0] if days else None).schema.names
        assert [column.name for column in schema.columns] == stored, table


def test_all_blocking_checks_are_there_and_passed(finished: SmallHome, instance: dg.DagsterInstance) -> None:
    graph = finished.definitions.resolve_asset_graph()
    keys = {key for key in graph.asset_check_keys if not _unasked(key.asset_key)}
    blocking = {key for key in keys if graph.get_check_spec(key).blocking}
    # How lately something landed, how far it has drifted and what it lacks: what has landed is used all the same.
    assert {key.name for key in keys - blocking} == {"is_fresh", "has_not_drifted", "is_as_before"}
    assert {(key.asset_key.to_user_string(), key.name) for key in blocking} >= BLOCKING
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
    states = {f"{key.asset_key.to_user_string()}: {key.name}": latest[key].status.value for key in latest}
    # The names of the small source's titles are numbered, and so a classifier knows later days from earlier ones; and
    # on one day more documents are quarantined than on the day before.
    told = {"feature_drift: has_not_drifted", "data_quality: is_as_before"}
    assert {name for name, state in states.items() if state != "SUCCEEDED"} == told
    assert latest.keys() == keys


def test_the_tests_of_dbt_are_checks_of_its_tables(finished: SmallHome) -> None:
    checked = {key.asset_key.to_user_string() for key in finished.definitions.resolve_asset_graph().asset_check_keys}
    assert checked >= {"stg_titles", "stg_reviews", "stg_signals", "titles", "reviews", "daily_activity"}


@pytest.mark.parametrize("model", MODELS)
def test_a_model_shows_its_precision_and_recall_by_genre(model: str, instance: dg.DagsterInstance) -> None:
    metadata = _metadata(instance, model)
    markdown = str(metadata["precision and recall"].value)
    found = re.fullmatch(r"!\[precision_recall\]\(data:image/png;base64,(.+)\)", markdown)
    assert found is not None
    png = base64.b64decode(found[1], validate=True)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert b"IEND" in png[-12:]
    table = str(metadata["by genre"].value)
    assert all(f"| {genre} |" in table for genre in LEARNED)
    assert isinstance(metadata["macro_f1"].value, float)


def test_drift_is_measured_where_there_is_enough_to_compare_and_unknown_elsewhere(finished: SmallHome) -> None:
    for day in HISTORY:
        rows = finished.lake.read("feature_drift", day).to_pylist()
        assert {"kind", "year", "word_count", "unknown_words", "embedding"} <= {row["column"] for row in rows}
        measured = day == HISTORY[2]
        assert {row["status"] for row in rows} == {"measured" if measured else "unknown"}
        assert all((row["score"] is not None) is measured for row in rows)
        assert all((row["drifted"] is not None) is measured for row in rows)


def test_the_gate_promoted_a_model_that_beats_the_floors(finished: SmallHome) -> None:
    (decision,) = finished.registry.decisions()
    champion = finished.registry.aliases()["champion"]
    assert decision["promoted"] is True
    assert decision["candidate"] == str(champion)
    numbers = decision["numbers"]
    assert numbers["candidate_macro_f1"] > max(numbers["genre_keyword_macro_f1"], numbers["genre_majority_macro_f1"])
    assert len(decision["reasons"]) == 2
    assert set(finished.registry.manifest(champion).genres) == LEARNED


def test_what_each_model_costs_is_evaluated_too(finished: SmallHome) -> None:
    rows = finished.lake.read("genre_evaluation").to_pylist()
    costs = {name: {r["model"]: r["value"] for r in rows if r["metric"] == name} for name in (*_LATENCIES, "size_mb")}
    models = {row["model"] for row in rows}
    for name, found in costs.items():
        assert set(found) == models
        # It is fitted in place, and no version of it is kept.
        assert found.pop("genre_majority") is None
        assert all(value > 0 for value in found.values()), name
    for model, p50 in costs["latency_ms_p50"].items():
        ref = ModelRef(model, finished.registry.versions(model)[-1])
        assert finished.registry.manifest(ref).costs["latency_ms_p50"] == p50 <= costs["latency_ms_p99"][model]
        assert finished.registry.size(ref) == pytest.approx(costs["size_mb"][model] * 1e6)


def test_a_manifest_says_what_the_model_was_trained_on(finished: SmallHome, instance: dg.DagsterInstance) -> None:
    champion = finished.registry.aliases()["champion"]
    manifest = finished.registry.manifest(champion)
    assert manifest.data_partitions == HISTORY
    assert manifest.training_set_sha256 == finished.lake.sha256("genre_training_set")
    (run_id,) = manifest.run_ids
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.job_name == "retrain"


def test_every_title_of_the_catalogue_has_a_prediction_by_the_champion(finished: SmallHome) -> None:
    champion = finished.registry.aliases()["champion"]
    rows = finished.lake.read("title_predictions").to_pylist()
    catalogue = finished.lake.read("catalog_snapshot", columns=["title_id"])["title_id"].to_pylist()
    assert [row["title_id"] for row in rows] == catalogue
    assert {(row["model"], row["version"]) for row in rows} == {(champion.model, champion.version)}
    for row in rows:
        assert {entry["genre"] for entry in row["genres"]} == LEARNED
        chances = [entry["probability"] for entry in row["genres"]]
        assert chances == sorted(chances, reverse=True)
        assert all(entry["selected"] == (entry["probability"] >= entry["threshold"]) for entry in row["genres"])


def test_the_catalogue_tells_of_a_title_what_its_newest_record_says(finished: SmallHome) -> None:
    rows = {row["title_id"]: row for row in finished.lake.read("catalog_snapshot").to_pylist()}
    updated = rows[UPDATED_ID]
    assert updated["genres"] == ["comedy"]
    assert "dentists" in updated["plot"]
    assert all(row["as_of"].isoformat() == HISTORY[-1] for row in rows.values())
    assert all(set(row["genres"]) <= set(GENRES) for row in rows.values())
    assert {row["kind"] for row in rows.values()} == {"movie", "show"}


def test_reviews_are_counted_once_each(finished: SmallHome) -> None:
    total = sum(row["reviews_total"] for row in finished.lake.read("catalog_snapshot").to_pylist())
    kept = {
        review["review_id"]
        for day in HISTORY
        for document in finished.lake.read("parsed/sample", day, ["reviews"]).to_pylist()
        for review in document["reviews"]
    }
    assert total == len(kept) == 8 * len(HISTORY)


def test_quarantine_holds_what_could_not_be_used(finished: SmallHome) -> None:
    held = {day: finished.lake.read("quarantine", day).num_rows for day in HISTORY}
    assert held == dict.fromkeys(HISTORY, 0) | {HISTORY[1]: len(malformed(HISTORY[1]))}
