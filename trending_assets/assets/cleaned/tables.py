"""The tables that dbt makes with DuckDB; dbt's tests become their asset checks."""

import itertools
import json
import os
import shutil
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliInvocation, DbtCliResource, dbt_assets
from packaging.version import Version

from trending_assets.assets.cleaned.manifest import MANIFEST, PROJECT
from trending_assets.ingest.source import Source
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, column_schema, write_metadata
from trending_assets.resources.home import HomeResource
from trending_assets.resources.pools import DUCKDB
from trending_assets.resources.versions import code_version
from trending_assets.storage.lake import Lake

MODELS = ("stg_titles", "stg_reviews", "stg_signals", "titles", "reviews", "daily_activity")


# What dbt's models call the parsed records of all sources.
_PARSED = dg.AssetKey(["parsed", "records"])


class _Dbt(DbtCliResource):
    """dbt, without the six seconds in which `dbt --version` is asked what the installed package says too."""

    @cached_property
    def _cli_version(self) -> Version:
        return Version(installed("dbt-core"))


class _Translator(DagsterDbtTranslator):
    """Gives dbt's models the names, owner and kinds that every asset has, and every source's records as input."""

    def __init__(self, sources: Iterable[Source]) -> None:
        super().__init__()
        self._parsed = [dg.AssetDep(dg.AssetKey(["parsed", source.name])) for source in sources]

    def get_asset_spec(self, manifest: Any, unique_id: str, project: Any) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        deps = [d for dep in spec.deps for d in (self._parsed if dep.asset_key == _PARSED else [dep])]
        return spec.replace_attributes(
            key=spec.key if spec.key.has_prefix(["parsed"]) else dg.AssetKey(spec.key.path[-1]),
            deps=deps,
            group_name="cleaned",
            owners=[OWNER],
            kinds={"dbt", "duckdb", "parquet"},
            code_version=code_version(__name__, "trending_assets.dbt_project"),
        )


def cleaned_tables(sources: Iterable[Source]) -> dg.AssetsDefinition:
    """The tables over the parsed records of all sources."""

    @dbt_assets(
        manifest=json.loads(MANIFEST.read_text()),
        name="cleaned_tables",
        pool=DUCKDB,
        partitions_def=DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
        dagster_dbt_translator=_Translator(sources),
    )
    def tables(context: dg.AssetExecutionContext, home: HomeResource) -> Iterator[Any]:
        yield from _run(context, home)

    return tables


def _run(context: dg.AssetExecutionContext, home: HomeResource) -> Iterator[Any]:
    """Runs dbt once over all days of the run and swaps its files in after every test has passed.

    dbt writes into a folder of its own, since DuckDB's writes are not atomic; a run that is killed, or whose
    tests fail, leaves the lake as it was.
    """
    lake, days = home.lake, sorted(context.partition_keys)
    staging = lake.staging / uuid.uuid4().hex
    try:
        for model, day in itertools.product(MODELS, days):
            (staging / model / f"day={day}").mkdir(parents=True)
        invocation = _build(context, home, staging, days)
        events = list(invocation.stream())
        checks = [event for event in events if isinstance(event, dg.AssetCheckResult)]
        if not invocation.is_successful():
            yield from checks
            log = invocation.target_path / "dbt.log"
            raise dg.Failure(
                f"dbt failed: nothing of {days[0]} to {days[-1]} was changed in the lake; its log is {log}"
            )
        shutil.rmtree(invocation.target_path, ignore_errors=True)
        for model in MODELS:
            if dg.AssetKey(model) in context.selected_asset_keys:
                _swap_in(context, lake, staging, model, days)
        yield from (event for event in events if not isinstance(event, dg.AssetCheckResult))
        yield from checks
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _build(context: dg.AssetExecutionContext, home: HomeResource, staging: Path, days: list[str]) -> DbtCliInvocation:
    lake = home.lake
    landed = [model for model in MODELS if all(lake.exists(model, day) for day in days)]
    window = {
        "TRENDING_LAKE": str(lake.root),
        "TRENDING_STAGING": str(staging),
        "TRENDING_DAYS": ",".join(days),
        # A run of some models only reads the others as they stand in the lake.
        "TRENDING_LANDED": ",".join(landed),
    }
    dbt = _Dbt(
        project_dir=str(PROJECT), profiles_dir=str(PROJECT), dbt_executable=str(Path(sys.executable).with_name("dbt"))
    )
    with _environment(window):
        return dbt.cli(["build"], context=context, target_path=home.paths.dbt / staging.name, raise_on_error=False)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    # dagster-dbt hands its own environment to dbt, and offers no way to add to it.
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


def _swap_in(context: dg.AssetExecutionContext, lake: Lake, staging: Path, model: str, days: list[str]) -> None:
    for day in days:
        write = lake.adopt(model, staging / model / f"day={day}" / "part.parquet", day=day)
        metadata = write_metadata(write, lake) | column_schema(lake.read(model, day).schema)
        context.add_asset_metadata(metadata, asset_key=model, partition_key=day)
