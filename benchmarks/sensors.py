"""What a tick of all sensors takes after a long history: 3 years of daily partitions, 10 sources.

    python -m benchmarks.sensors [--days 1095] [--sources 10]

Assets that compute nothing land the history, 30 days a run, under the names that the sensors look at. Then every sensor
is evaluated as the daemon does: at first with no cursor, with nothing new, and after one more day.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa

from trending_assets.automation import alerts, jobs, sensors
from trending_assets.automation import drift as acting_on_drift
from trending_assets.automation.cursors import Consumed
from trending_assets.automation.event_log import BATCHES
from trending_assets.automation.running import open_instance
from trending_assets.automation.sensors import LANDED_UP_TO, RANGE_END, RANGE_START
from trending_assets.partitions import DAILY
from trending_assets.resources.alerts import AlertsResource
from trending_assets.resources.home import HomeResource
from trending_assets.resources.training import TrainingResource
from trending_assets.storage.drift_tables import DATA_QUALITY, FEATURE_DRIFT, PREDICTION_DRIFT
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake

_FIRST = date(2001, 1, 1)
_DAYS_A_RUN = 30
_TRAINING_SET = "genre_training_set"
_QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
_SENSORS = (
    sensors.features_on_landing,
    sensors.retrain_on_new_partitions,
    sensors.dead_runs,
    alerts.alert_on_failed_runs,
    alerts.alert_on_late_sources,
    acting_on_drift.act_on_drift,
)
# Nothing is late here, so that nobody is told; a sensor without anyone to tell would not look.
_RESOURCES: dict[str, object] = {
    "alerts": AlertsResource(urls="json://127.0.0.1:9/"),
    "training": TrainingResource(retrained=["genre_logreg"], bert_minutes=0.0, bert_new_rows=0),
}


def _asset(key: str, *deps: str) -> dg.AssetsDefinition:
    @dg.asset(key=key.split("/"), deps=deps, partitions_def=DAILY, backfill_policy=dg.BackfillPolicy.single_run())
    def landed(context: dg.AssetExecutionContext) -> None:
        for day in context.partition_keys:
            context.add_asset_metadata({"title_text rows": 1, "preview": "| a |" * 100}, partition_key=day)

    return landed


def _freshness(source: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=["parsed", source], name=alerts.FRESHNESS_CHECK)
    def is_fresh() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    return is_fresh


def definitions(sources: int) -> dg.Definitions:
    """Assets under the names that the sensors look at, and a retraining that does nothing."""
    names = [f"source{number}" for number in range(sources)]
    landed = [*(_asset(f"parsed/{name}") for name in names), _asset("titles"), _asset("online_store", "titles")]

    @dg.asset(name=_TRAINING_SET)
    def training_set() -> None: ...

    asked = {jobs.features.name: "online_store", jobs.retrain.name: _TRAINING_SET}
    checks = [_freshness(name) for name in names]
    named = [dg.define_asset_job(job, [asset]) for job, asset in asked.items()]
    return dg.Definitions(assets=[*landed, training_set], asset_checks=checks, jobs=named)


def land(instance: dg.DagsterInstance, defined: dg.Definitions, first: date, days: int) -> None:
    """One run over days of every asset."""
    tags = {RANGE_START: first.isoformat(), RANGE_END: (first + timedelta(days=days - 1)).isoformat()}
    job = defined.resolve_implicit_global_asset_job_def()
    keys = defined.resolve_asset_graph().materializable_asset_keys - {dg.AssetKey(_TRAINING_SET)}
    job.execute_in_process(instance=instance, tags=tags, run_config=_QUIET, asset_selection=sorted(keys))


def measure_drift(home: Home, first: date, days: int) -> None:
    """Days of the tables of drift and quality, each of forty columns in which nothing has moved."""
    names = [f"column {number}" for number in range(40)]
    rows = {"status": "measured", "p_adjusted": 1.0, "drifted": False, "reference": "genre_logreg/1", "why": ""}
    sizes = {"current_rows": 50, "reference_rows": 600}
    drift = pa.Table.from_pylist([{"column": name, **rows, **sizes} for name in names])
    quality = pa.Table.from_pylist([{"source": name, "measure": "documents", "verdict": "usual"} for name in names])
    lake = Lake(home.lake)
    for day in ((first + timedelta(days=number)).isoformat() for number in range(days)):
        for table in (FEATURE_DRIFT, PREDICTION_DRIFT):
            lake.write(table, drift, day=day)
        lake.write(DATA_QUALITY, quality, day=day)


def tick(
    instance: dg.DagsterInstance, defined: dg.Definitions, home: Home, cursors: dict[str, str | None]
) -> dict[str, float]:
    """Seconds of one tick of each sensor; ``cursors`` are moved on."""
    took = {}
    resources = _RESOURCES | {"home": HomeResource(folder=str(home.folder))}
    for sensor in _SENSORS:
        context = dg.build_sensor_context(
            instance,
            cursor=cursors.get(sensor.name),
            definitions=defined,
            resources={name: resources[name] for name in sensor.required_resource_keys},
            sensor_name=sensor.name,
        )
        start = time.perf_counter()
        result = sensor.evaluate_tick(context)
        took[sensor.name] = time.perf_counter() - start
        cursors[sensor.name] = result.cursor
    return took


def measure(days: int, sources: int) -> Sequence[tuple[str, dict[str, float]]]:
    """What was timed, and the seconds of each sensor."""
    defined, cursors = definitions(sources), dict[str, str | None]()
    with tempfile.TemporaryDirectory() as folder, open_instance(home := Home(Path(folder))) as instance:
        measure_drift(home, _FIRST, days)
        for start in range(0, days, _DAYS_A_RUN):
            land(instance, defined, _FIRST + timedelta(days=start), min(_DAYS_A_RUN, days - start))
        first = tick(instance, defined, home, cursors)
        asked = Consumed.parse(cursors[sensors.retrain_on_new_partitions.name] or "").asked
        job = defined.resolve_job_def(jobs.retrain.name)
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.SUCCESS, tags={LANDED_UP_TO: str(asked)})
        tick(instance, defined, home, cursors)
        nothing = tick(instance, defined, home, cursors)
        land(instance, defined, _FIRST + timedelta(days=days), 1)
        measure_drift(home, _FIRST + timedelta(days=days), 1)
        return [
            ("no cursor", first),
            ("nothing new", nothing),
            ("one more day", tick(instance, defined, home, cursors)),
        ]


def main() -> None:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=1095)
    parser.add_argument("--sources", type=int, default=10)
    options = parser.parse_args()
    found = measure(options.days, options.sources)
    for variable in BATCHES:
        os.environ.pop(variable)
    sys.stdout.write("".join([f"{'seconds a tick':28}", *(f"{name:>14}" for name, _ in found), "\n"]))
    for name in [sensor.name for sensor in _SENSORS]:
        sys.stdout.write("".join([f"{name:28}", *(f"{took[name]:14.3f}" for _, took in found), "\n"]))
    sys.stdout.write("".join([f"{'all of them':28}", *(f"{sum(took.values()):14.3f}" for _, took in found), "\n"]))


if __name__ == "__main__":
    main()
