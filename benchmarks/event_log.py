"""Logging a run over many days: the project's event log beside Dagster's own, on one asset that computes nothing.

    python -m benchmarks.event_log [--days 365]

Each takes the same run on an empty instance in SQLite; the materialisations of all days are read back and counted.
"""

import argparse
import os
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import yaml

from trending_assets.automation.event_log import BATCHES
from trending_assets.automation.running import open_instance
from trending_assets.automation.sensors import RANGE_END, RANGE_START
from trending_assets.partitions import DAILY
from trending_assets.storage.home import Home

_FIRST = date(2001, 1, 1)


@dg.asset(partitions_def=DAILY, backfill_policy=dg.BackfillPolicy.single_run())
def counted(context: dg.AssetExecutionContext) -> None:
    """Says as much of each day as the project's assets do."""
    for day in context.partition_keys:
        context.add_asset_metadata({"rows": 1, "preview": dg.MetadataValue.md("| a |" * 100)}, partition_key=day)


def measure(instance: dg.DagsterInstance, days: int) -> float:
    """Seconds of one run over days."""
    job = dg.Definitions(assets=[counted]).resolve_implicit_global_asset_job_def()
    tags = {RANGE_START: _FIRST.isoformat(), RANGE_END: (_FIRST + timedelta(days=days - 1)).isoformat()}
    quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
    start = time.perf_counter()
    job.execute_in_process(instance=instance, tags=tags, run_config=quiet)
    seconds = time.perf_counter() - start
    if len(instance.get_materialized_partitions(counted.key)) != days:
        raise SystemExit("not every day was logged")
    return seconds


def main() -> None:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    days = parser.parse_args().days
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "dagster"
        own.mkdir()
        (own / "dagster.yaml").write_text(yaml.safe_dump({"telemetry": {"enabled": False}}))
        with dg.DagsterInstance.from_config(str(own)) as instance:
            peer = measure(instance, days)
        with open_instance(Home(Path(folder) / "home")) as instance:
            ours = measure(instance, days)
        for variable in BATCHES:
            os.environ.pop(variable)
    for name, seconds in (("project", ours), ("dagster", peer)):
        sys.stdout.write(f"{name:8} {seconds:7.2f} s {seconds / days * 1000:6.2f} ms a day\n")


if __name__ == "__main__":
    main()
