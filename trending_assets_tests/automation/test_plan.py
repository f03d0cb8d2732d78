"""What is missing, was computed by other code, or is older than its inputs is computed again, and nothing else."""

import shutil
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from trending_assets.automation.plan import DailyAsset, is_stale, stale_assets, stale_days
from trending_assets.partitions import DAILY
from trending_assets.storage.lake import Lake
from trending_assets_tests.automation.world import DAYS, asset, land_in_a_run

_WANTED = DAYS[:4]
_VERSION = "dagster/code_version"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def _daily(name: str, version: str = "1") -> dg.AssetSpec:
    return dg.AssetSpec(name, partitions_def=DAILY, code_version=version)


def _compute(instance: dg.DagsterInstance, lake: Lake | None, key: str, days: list[str], version: str = "1") -> None:
    for day in days:
        event = dg.AssetMaterialization(dg.AssetKey(key.split("/")), partition=day, tags={_VERSION: version})
        instance.report_runless_asset_event(event)
        if lake is not None:
            lake.write(key, pa.table({"n": [1]}), day=day)


def _stale(instance: dg.DagsterInstance, lake: Lake, *specs: dg.AssetSpec) -> list[str]:
    return stale_days(specs, instance, lake, _WANTED)


def test_on_a_new_home_every_day_is_stale(instance: dg.DagsterInstance, lake: Lake) -> None:
    assert _stale(instance, lake, _daily("titles")) == _WANTED


def test_what_was_computed_by_this_code_is_not_computed_again(instance: dg.DagsterInstance, lake: Lake) -> None:
    _compute(instance, lake, "titles", _WANTED)
    assert _stale(instance, lake, _daily("titles")) == []


def test_days_that_are_missing_are_stale_and_no_other(instance: dg.DagsterInstance, lake: Lake) -> None:
    _compute(instance, lake, "titles", [_WANTED[0], _WANTED[2]])
    assert _stale(instance, lake, _daily("titles")) == [_WANTED[1], _WANTED[3]]


def test_a_day_is_stale_where_any_asset_lacks_it(instance: dg.DagsterInstance, lake: Lake) -> None:
    _compute(instance, lake, "titles", _WANTED)
    _compute(instance, lake, "raw/sample", _WANTED[:2])
    specs = (_daily("titles"), dg.AssetSpec(["raw", "sample"], partitions_def=DAILY, code_version="1"))
    assert _stale(instance, lake, *specs) == _WANTED[2:]


def test_other_code_makes_every_day_stale(instance: dg.DagsterInstance, lake: Lake) -> None:
    _compute(instance, lake, "titles", _WANTED)
    assert _stale(instance, lake, _daily("titles", version="2")) == _WANTED


def test_days_of_other_code_are_stale_though_a_later_run_computed_one_day_anew(
    instance: dg.DagsterInstance, lake: Lake
) -> None:
    _compute(instance, lake, "titles", _WANTED, version="1")
    _compute(instance, lake, "titles", _WANTED[3:], version="2")
    assert _stale(instance, lake, _daily("titles", version="2")) == _WANTED[:3]


def test_a_day_whose_file_is_gone_is_stale(instance: dg.DagsterInstance, lake: Lake) -> None:
    _compute(instance, lake, "titles", _WANTED)
    lake.path("titles", _WANTED[1]).unlink()
    assert _stale(instance, lake, _in_lake("titles")) == [_WANTED[1]]


def test_an_asset_that_keeps_nothing_in_the_lake_is_judged_by_the_log_alone(
    instance: dg.DagsterInstance, lake: Lake
) -> None:
    _compute(instance, None, "online_store", _WANTED)
    assert _stale(instance, lake, _daily("online_store")) == []


def test_assets_without_days_say_nothing_of_days(instance: dg.DagsterInstance, lake: Lake) -> None:
    _compute(instance, lake, "titles", _WANTED)
    assert _stale(instance, lake, _daily("titles"), dg.AssetSpec("model", code_version="1")) == []


def _report(instance: dg.DagsterInstance, key: str, version: str = "1") -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(key, tags={_VERSION: version}))


_MODEL = dg.AssetSpec("model", code_version="1")
_INPUT = dg.AssetKey("training_set")


@pytest.mark.parametrize(
    ("reported", "stale"),
    [
        ([], True),
        ([("training_set", "1")], True),
        ([("training_set", "1"), ("model", "1")], False),
        ([("training_set", "1"), ("model", "0")], True),
        ([("training_set", "1"), ("model", "1"), ("training_set", "1")], True),
        ([("training_set", "1"), ("model", "1"), ("other", "1")], False),
        ([("model", "1")], True),
    ],
    ids=["nothing", "no model", "up to date", "other code", "newer input", "newer stranger", "no input"],
)
def test_when_an_asset_without_days_is_stale(
    instance: dg.DagsterInstance, reported: list[tuple[str, str]], stale: bool
) -> None:
    for key, version in reported:
        _report(instance, key, version)
    assert is_stale(_MODEL, instance, [_INPUT]) is stale


def test_an_asset_without_inputs_is_stale_only_where_it_or_its_code_is_new(instance: dg.DagsterInstance) -> None:
    assert is_stale(_MODEL, instance, [])
    _report(instance, "model")
    assert not is_stale(_MODEL, instance, [])


def _in_lake(name: str) -> dg.AssetSpec:
    return _daily(name).replace_attributes(kinds={"parquet"})


_SOURCE, _TITLES, _ACTIVITY = (dg.AssetKey(name) for name in ("source", "titles", "activity"))
# What is computed of a day reads that day; activity reads the day before it too.
_GRAPH = [
    DailyAsset(_in_lake("source"), {}, frozenset({_SOURCE})),
    DailyAsset(_in_lake("titles"), {_SOURCE: 0}, frozenset({_TITLES})),
    DailyAsset(_in_lake("activity"), {_TITLES: 1}, frozenset({_ACTIVITY})),
]


def _lacking(
    instance: dg.DagsterInstance, lake: Lake, changed: dict[dg.AssetKey, list[str]] | None = None
) -> dict[str, set[dg.AssetKey]]:
    return stale_assets(_GRAPH, instance, lake, _WANTED, changed or {})


def _compute_all(instance: dg.DagsterInstance, lake: Lake, days: list[str]) -> None:
    for key in ("source", "titles", "activity"):
        _compute(instance, lake, key, days)


def test_a_new_home_lacks_every_asset_of_every_day(instance: dg.DagsterInstance, lake: Lake) -> None:
    assert _lacking(instance, lake) == {day: {_SOURCE, _TITLES, _ACTIVITY} for day in _WANTED}


def test_where_all_is_there_nothing_is_lacking(instance: dg.DagsterInstance, lake: Lake) -> None:
    _compute_all(instance, lake, _WANTED)
    assert _lacking(instance, lake) == {}


def test_what_is_made_of_a_stale_asset_is_stale_too_and_what_it_is_made_of_is_not(
    instance: dg.DagsterInstance, lake: Lake
) -> None:
    _compute_all(instance, lake, _WANTED)
    lake.path("titles", _WANTED[1]).unlink()
    assert _lacking(instance, lake) == {_WANTED[1]: {_TITLES, _ACTIVITY}, _WANTED[2]: {_ACTIVITY}}


def test_where_the_lake_is_gone_everything_is_lacking(instance: dg.DagsterInstance, lake: Lake) -> None:
    _compute_all(instance, lake, _WANTED)
    shutil.rmtree(lake.root)
    assert _lacking(instance, lake) == {day: {_SOURCE, _TITLES, _ACTIVITY} for day in _WANTED}


def test_a_day_that_came_late_makes_stale_what_looks_back_on_it(instance: dg.DagsterInstance, lake: Lake) -> None:
    _compute_all(instance, lake, [_WANTED[0], _WANTED[2], _WANTED[3]])
    _compute_all(instance, lake, [_WANTED[1]])
    assert _lacking(instance, lake) == {_WANTED[2]: {_ACTIVITY}}
    _compute(instance, lake, "activity", [_WANTED[2]])
    assert _lacking(instance, lake) == {}


def test_days_that_the_source_has_otherwise_now_are_stale(instance: dg.DagsterInstance, lake: Lake) -> None:
    _compute_all(instance, lake, _WANTED)
    assert _lacking(instance, lake, {_SOURCE: [_WANTED[3]]}) == {_WANTED[3]: {_SOURCE, _TITLES, _ACTIVITY}}


def test_assets_that_one_step_computes_are_stale_together(instance: dg.DagsterInstance, lake: Lake) -> None:
    _compute_all(instance, lake, _WANTED)
    lake.path("activity", _WANTED[0]).unlink()
    both = frozenset({_TITLES, _ACTIVITY})
    graph = [_GRAPH[0], *(DailyAsset(asset.spec, asset.reads, both) for asset in _GRAPH[1:])]
    assert stale_assets(graph, instance, lake, _WANTED[:1], {}) == {_WANTED[0]: set(both)}


def test_a_day_out_of_a_run_in_which_a_blocking_check_failed_is_stale(instance: dg.DagsterInstance, lake: Lake) -> None:
    made = [asset("titles", passed=day != _WANTED[1], code_version="1") for day in _WANTED[:2]]
    for each, day in zip(made, _WANTED[:2], strict=True):
        land_in_a_run(instance, each, day)
    titles = DailyAsset(_daily("titles"), {}, frozenset({_TITLES}))
    assert stale_assets([titles], instance, lake, _WANTED[:2], {}) == {_WANTED[1]: {_TITLES}}


def test_a_day_out_of_a_run_that_was_killed_before_a_check_of_it_is_stale(
    instance: dg.DagsterInstance, lake: Lake
) -> None:
    @dg.asset(name="titles", partitions_def=DAILY, code_version="1")
    def titles() -> None:
        """Lands."""

    @dg.asset_check(asset="titles", blocking=True)
    def check() -> dg.AssetCheckResult:
        raise KeyboardInterrupt

    graph = [DailyAsset(_daily("titles"), {}, frozenset({_TITLES}))]
    with pytest.raises((KeyboardInterrupt, dg.DagsterExecutionInterruptedError)):
        dg.materialize([titles, check], instance=instance, partition_key=_WANTED[0])
    assert instance.get_materialized_partitions(_TITLES) == {_WANTED[0]}
    assert stale_assets(graph, instance, lake, _WANTED[:1], {}) == {_WANTED[0]: {_TITLES}}
