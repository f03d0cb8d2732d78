"""The graph as a whole is what was reviewed: assets, checks, jobs and sensors are those of a committed file."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from trending_assets.definitions import build_defs

SNAPSHOT = Path(__file__).with_name("graph.json")
UPDATE = "python -m trending_assets_tests.assets.test_specs"


def describe(definitions: dg.Definitions) -> dict[str, Any]:
    """What a review of the graph looks at: everything that a person or another asset relies on."""
    graph = definitions.resolve_asset_graph()
    checks: dict[str, list[str]] = {}
    for key in sorted(graph.asset_check_keys):
        blocking = graph.get_check_spec(key).blocking
        checks.setdefault(key.asset_key.to_user_string(), []).append(f"{key.name}{' (blocking)' if blocking else ''}")
    assets = {
        spec.key.to_user_string(): {
            "group": spec.group_name,
            "owners": list(spec.owners),
            "kinds": sorted(spec.kinds),
            "description": spec.description,
            "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "partitions": type(spec.partitions_def).__name__ if spec.partitions_def else None,
            "columns": _columns(spec),
            "checks": checks.get(spec.key.to_user_string(), []),
        }
        for spec in sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key)
    }
    repository = definitions.get_repository_def()
    jobs = {
        job.name: sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)
        for job in definitions.resolve_all_job_defs()
        if not job.name.startswith("__")
    }
    sensors = {
        sensor.name: {"status": sensor.default_status.value, "jobs": sorted(t.job_name for t in sensor.targets)}
        for sensor in repository.sensor_defs
    }
    return {"assets": assets, "jobs": jobs, "sensors": sensors}


def _columns(spec: dg.AssetSpec) -> dict[str, str] | None:
    schema = spec.metadata.get("dagster/column_schema")
    if schema is None:
        return None
    value = schema.value if isinstance(schema, dg.MetadataValue) else schema
    return {c.name: c.type + ("" if c.constraints.nullable else " not null") for c in value.columns}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The graph of this checkout."""
    return describe(build_defs())


@pytest.mark.parametrize("part", ["assets", "jobs", "sensors"])
def test_the_graph_is_the_one_that_was_reviewed(part: str, described: dict[str, Any]) -> None:
    reviewed, current = json.loads(SNAPSHOT.read_text())[part], json.loads(json.dumps(described))[part]
    changed = {
        name: {"reviewed": reviewed.get(name, "was not there"), "current": current.get(name, "is gone")}
        for name in sorted(reviewed.keys() | current.keys())
        if reviewed.get(name) != current.get(name)
    }
    assert not changed, (
        f"the {part} are not those in {SNAPSHOT.name}: {json.dumps(changed, indent=1)}\n"
        f"If that is meant, write the file anew with `{UPDATE}`, and look at its difference in the review."
    )


@pytest.mark.parametrize("fact", ["group", "owners", "kinds", "description"])
def test_every_asset_states(fact: str, described: dict[str, Any]) -> None:
    assert [name for name, asset in described["assets"].items() if not asset[fact]] == []


def test_every_group_of_the_lineage_has_assets(described: dict[str, Any]) -> None:
    groups = {asset["group"] for asset in described["assets"].values()}
    assert groups == {"sources", "raw", "parsed", "cleaned", "features", "training", "models", "monitoring"}


def test_the_sensors_run_from_the_start(described: dict[str, Any]) -> None:
    stopped = {name for name, sensor in described["sensors"].items() if sensor["status"] != "RUNNING"}
    # Whoever wants to hear of what went well says so.
    assert stopped == {"alert_on_succeeded_runs"}


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(describe(build_defs()), indent=1, sort_keys=True, ensure_ascii=False) + "\n")
