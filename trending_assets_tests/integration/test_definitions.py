"""The definitions load fast and without a trace, every asset says what it is, and Dagster's own tools accept them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from trending_assets.assets.cleaned import tables
from trending_assets.assets.cleaned.manifest import MANIFEST, parse_project
from trending_assets.definitions import build_defs
from trending_assets.ingest.registry import SOURCES

ROOT = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).with_name("asset_specs.json")
HEAVY = (
    "torch",
    "transformers",
    "feast",
    "great_expectations",
    "evidently",
    "xgboost",
    "sklearn",
    "onnxruntime",
    "wandb",
)


def described(definitions: dg.Definitions) -> dict[str, object]:
    """Every asset as the snapshot keeps it: what changes when the graph changes."""
    return {
        spec.key.to_user_string(): {
            "group": spec.group_name,
            "owners": list(spec.owners),
            "kinds": sorted(spec.kinds),
            "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "daily": spec.partitions_def is not None,
            "description": spec.description,
        }
        for spec in sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key)
    }


def test_every_asset_says_what_it_is() -> None:
    definitions = build_defs()
    dbt = {"stg_titles", "stg_reviews", "stg_signals", "titles", "reviews", "daily_activity"}
    for spec in definitions.resolve_all_asset_specs():
        name = spec.key.to_user_string()
        assert spec.group_name in {
            "sources", "raw", "parsed", "cleaned", "features", "training", "models", "monitoring",
        }, name  # fmt: skip
        assert spec.owners, name
        assert spec.kinds, name
        assert spec.description, name
        # dbt's tables state their columns when they are written.
        assert name in dbt or "dagster/column_schema" in spec.metadata, name
        assert spec.code_version or name.startswith("source/"), name


def test_the_graph_is_the_one_that_was_reviewed() -> None:
    now = json.dumps(described(build_defs()), indent=1, ensure_ascii=False) + "\n"
    assert now == SNAPSHOT.read_text(), (
        "the graph changed: if it was meant to, run `python -m trending_assets_tests.integration.test_definitions`"
    )


def test_blocking_checks_stand_where_later_work_would_be_wrong() -> None:
    specs = {
        (spec.asset_key.to_user_string(), spec.name): spec.blocking
        for checks in build_defs().asset_checks or []
        for spec in checks.check_specs
    }
    blocking = {key for key, stops in specs.items() if stops}
    assert {
        ("parsed/sample", "documents_accounted_for"),
        ("quarantine", "quarantine_is_complete"),
        ("titles", "titles_meet_expectations"),
        ("reviews", "reviews_meet_expectations"),
        ("genre_training_set", "training_set_is_sound"),
    } <= blocking
    assert {name for asset, name in cleaned_tables_checks() if asset == "titles"} >= {
        "not_null_titles_title",
        "unique_within_day_titles_title_id",
    }


def cleaned_tables_checks() -> set[tuple[str, str]]:
    """dbt's tests, as asset checks: table and name."""
    return {(spec.asset_key.to_user_string(), spec.name) for spec in tables.cleaned_tables(SOURCES).check_specs}


@pytest.mark.parametrize("module", ["trending_assets.definitions", "trending_assets.cli"])
def test_importing_loads_nothing_heavy_and_leaves_no_trace(module: str, tmp_path: Path) -> None:
    code = f"""
import socket, sys
def refuse(*arguments, **options): raise AssertionError("network at import")
socket.socket.connect = refuse
import {module}
print(sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    environment = os.environ | {"TRENDING_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [["dagster", "definitions", "validate", "-w", "workspace.yaml"], ["dg", "check", "defs"]],
    ids=["dagster", "dg"],
)
def test_dagsters_own_tools_accept_the_definitions(command: list[str], tmp_path: Path) -> None:
    program = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    environment = os.environ | {"TRENDING_HOME": str(tmp_path / "home"), "DAGSTER_HOME": str(tmp_path)}
    done = subprocess.run(program, check=False, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dbt_manifest_is_current() -> None:
    current = json.dumps(parse_project(), indent=1, sort_keys=True) + "\n"
    assert current == MANIFEST.read_text(), "a dbt model changed: run `make manifest`"


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(described(build_defs()), indent=1, ensure_ascii=False) + "\n")
