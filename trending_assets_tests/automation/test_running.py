"""Runs from this process are kept where the UI looks for them, and a failed one says which step failed and why."""

import shutil
from pathlib import Path

import dagster as dg
import pytest
import yaml

import feature_repo
from trending_assets.automation.dead_runs import PID_TAG
from trending_assets.automation.running import (
    INSTANCE_SETTINGS,
    WORKSPACE,
    RunFailedError,
    open_instance,
    prepare_dagster_home,
    run_job,
)
from trending_assets.storage.home import Home
from trending_assets_tests.automation.world import DAYS, asset

_ROOT = Path(feature_repo.__file__).parent.parent
_WHERE = {"storage", "local_artifact_storage", "compute_logs"}


def test_the_file_at_the_root_says_the_same_apart_from_where_things_are_stored() -> None:
    settings = yaml.safe_load((_ROOT / "dagster.yaml").read_text())
    assert {key: value for key, value in settings.items() if key not in _WHERE} == INSTANCE_SETTINGS
    assert set(settings) >= _WHERE


def test_the_workspace_of_a_home_is_the_one_at_the_root() -> None:
    assert yaml.safe_load((_ROOT / "workspace.yaml").read_text()) == WORKSPACE


@pytest.mark.parametrize(("name", "settings"), [("dagster.yaml", INSTANCE_SETTINGS), ("workspace.yaml", WORKSPACE)])
def test_a_home_is_prepared_once_and_mended_where_it_differs(
    tmp_path: Path, name: str, settings: dict[str, object]
) -> None:
    home = Home(tmp_path / "a home")
    at_root = yaml.safe_load((_ROOT / name).read_text())
    content = dict(settings)
    if "storage" in at_root:
        at_root["storage"]["custom"]["config"]["base_dir"] = str(home.dagster)
        content["storage"] = at_root["storage"]
    folder = prepare_dagster_home(home)
    written = folder / name
    assert folder == home.dagster
    assert yaml.safe_load(written.read_text()) == content
    first = written.stat().st_ino
    prepare_dagster_home(home)
    assert written.stat().st_ino == first
    written.write_text("telemetry: {enabled: true}\n")
    prepare_dagster_home(home)
    assert yaml.safe_load(written.read_text()) == content
    assert {path.name for path in folder.iterdir()} == {"dagster.yaml", "workspace.yaml"}


def test_plain_dagster_at_the_root_sees_the_runs_of_the_default_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(_ROOT / "dagster.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    with open_instance(Home(tmp_path / ".trending")) as ours:
        assert dg.materialize([asset("titles")], instance=ours, partition_key=DAYS[0]).success
        ours_runs = [run.run_id for run in ours.get_runs()]
    with dg.DagsterInstance.from_config(str(tmp_path)) as plain:
        assert [run.run_id for run in plain.get_runs()] == ours_runs
        assert plain.get_materialized_partitions(dg.AssetKey("titles")) == {DAYS[0]}
        assert not plain.telemetry_enabled


def _unseen(step: str, state: str, seconds: float) -> None:
    """Progress that nobody looks at."""


def _job(*assets: dg.AssetsDefinition) -> dg.JobDefinition:
    return dg.Definitions(assets=assets, executor=dg.in_process_executor).resolve_implicit_global_asset_job_def()


def test_a_run_is_told_step_by_step_and_can_be_found_by_its_id(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    steps: list[tuple[str, str]] = []
    run_id = run_job(
        _job(asset("titles", backfill_policy=dg.BackfillPolicy.single_run())),
        instance,
        tmp_path / "logs",
        days=DAYS[2:5],
        progress=lambda step, state, _: steps.append((step, state)),
    )
    assert steps == [("titles", "start"), ("titles", "success")]
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.is_success
    assert PID_TAG in run.tags
    assert instance.get_materialized_partitions(dg.AssetKey("titles")) == set(DAYS[2:5])


def test_what_steps_print_goes_to_the_runs_log_and_not_to_the_terminal(
    instance: dg.DagsterInstance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @dg.asset
    def talking() -> None:
        print("a word from inside")  # noqa: T201

    run_id = run_job(_job(talking), instance, tmp_path / "logs", progress=_unseen)
    assert "a word from inside" in (tmp_path / "logs" / f"{run_id}.log").read_text()
    assert "a word from inside" not in "".join(capsys.readouterr())


def test_only_the_assets_asked_for_are_computed(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run_job(
        _job(asset("titles"), asset("reviews")),
        instance,
        tmp_path,
        days=DAYS[:1],
        selection=[dg.AssetKey("reviews")],
        progress=_unseen,
    )
    assert instance.get_materialized_partitions(dg.AssetKey("titles")) == set()
    assert instance.get_materialized_partitions(dg.AssetKey("reviews")) == {DAYS[0]}


def test_a_step_that_fails_is_named_with_its_reason_its_run_and_its_log(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    @dg.asset
    def failing() -> None:
        raise RuntimeError("could not fetch") from KeyError("the index is down")

    with pytest.raises(RunFailedError) as failed:
        run_job(_job(failing), instance, tmp_path / "logs", progress=_unseen)
    message = str(failed.value)
    (run,) = instance.get_runs()
    assert message.startswith("failing failed: ")
    assert "the index is down" in message
    assert f"run {run.run_id}" in message
    assert str(tmp_path / "logs" / f"{run.run_id}.log") in message
    assert "Traceback" not in message


def test_a_blocking_check_that_fails_fails_the_run_and_is_named(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    with pytest.raises(RunFailedError, match="check check of titles failed"):
        run_job(_job(asset("titles", passed=False)), instance, tmp_path, days=DAYS[:1], progress=_unseen)


def test_a_check_that_only_warns_fails_no_run(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    warning = asset("titles", passed=False, blocking=False, severity="WARN")
    assert run_job(_job(warning), instance, tmp_path, days=DAYS[:1], progress=_unseen)


def test_a_check_that_only_warns_is_not_taken_for_the_reason_of_a_failure(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    warning = asset("titles", passed=False, severity="WARN")

    @dg.asset(deps=[warning], partitions_def=warning.partitions_def)
    def failing() -> None:
        raise RuntimeError("could not fetch")

    with pytest.raises(RunFailedError, match=r"^failing failed: .*could not fetch"):
        run_job(_job(warning, failing), instance, tmp_path, days=DAYS[:1], progress=_unseen)
