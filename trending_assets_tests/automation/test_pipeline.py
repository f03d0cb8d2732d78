"""What lands of a long history: every day once, in order, and what looks at all of it only at the end."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from trending_assets.automation import pipeline
from trending_assets.automation.pipeline import Pipeline, UnknownGroupError
from trending_assets.definitions import build_defs
from trending_assets.ingest.registry import source_named
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.raw_documents import LakeRawStore

_DAYS = [f"2024-05-{day:02}" for day in range(1, 8)]
_AT_THE_END = {dg.AssetKey(["exploration", "archive"]), dg.AssetKey("identity_quality")}


class _Recording(Pipeline):
    """A pipeline that remembers what it was to run."""

    def run(
        self,
        job: dg.JobDefinition,
        days: Sequence[str] = (),
        selection: Sequence[dg.AssetKey] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        runs.append((list(days), set(selection or ()), dict(tags or {})))
        return str(len(runs))


runs: list[tuple[list[str], set[dg.AssetKey], dict[str, str]]] = []


@pytest.mark.parametrize(("most", "sizes"), [(500, [7]), (3, [3, 3, 1]), (7, [7]), (1, [1] * 7)])
def test_days_land_in_runs_of_at_most_so_many(
    most: int, sizes: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.clear()
    monkeypatch.setattr(pipeline, "_MOST_DAYS", most)
    instance: Any = None
    recording = _Recording(
        build_defs(), instance, tmp_path, LakeRawStore(Lake(Home(tmp_path).lake)), lambda step, state, seconds: None
    )
    assert recording.ingest(source_named("archive"), _DAYS) == str(len(sizes))
    assert [len(days) for days, _, _ in runs] == sizes
    assert [day for days, _, _ in runs for day in days] == _DAYS
    for _, selection, _ in runs:
        assert dg.AssetKey(["raw", "archive"]) in selection
        assert dg.AssetKey("catalog_snapshot") in selection
    assert [selection >= _AT_THE_END for _, selection, _ in runs] == [False] * (len(sizes) - 1) + [True]


def _pipeline(instance: dg.DagsterInstance, folder: Path) -> Pipeline:
    raw = LakeRawStore(Lake(Home(folder).lake))
    return Pipeline(build_defs(), instance, folder, raw, lambda step, state, seconds: None)


@pytest.mark.parametrize("group", ["raw", "parsed", "cleaned", "features", "monitoring"])
def test_of_a_daily_group_a_new_home_lacks_all_days_in_one_run(
    group: str, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    (part,) = _pipeline(instance, tmp_path).missing(_DAYS, group)
    assert list(part.days) == _DAYS
    groups = {spec.key: spec.group_name for spec in build_defs().resolve_all_asset_specs()}
    assert {groups[key] for key in part.assets} == {group}


@pytest.mark.parametrize("group", ["training", "models"])
def test_of_a_group_without_days_a_new_home_lacks_all_but_what_people_start(
    group: str, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    (part,) = _pipeline(instance, tmp_path).missing(_DAYS, group)
    assert part.days == ()
    assert part.assets
    assert not part.assets & {dg.AssetKey("genre_trials"), dg.AssetKey("genre_evaluation_over_time")}


def test_a_group_that_there_is_not_is_named(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    with pytest.raises(UnknownGroupError, match="'poems': there are cleaned, "):
        _pipeline(instance, tmp_path).missing(_DAYS, "poems")
