"""dbt's manifest, reduced to what Dagster reads from it, so that definitions load without running dbt.

``python -m trending_assets.assets.cleaned.manifest`` writes it again after a model was changed; a test
fails while it is out of date.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2] / "dbt_project"
MANIFEST = PROJECT / "manifest.json"

_KEPT_KEYS = ("nodes", "sources", "parent_map", "child_map")
_EMPTY_KEYS = (
    "macros", "docs", "exposures", "metrics", "groups", "selectors", "disabled", "group_map",
    "saved_queries", "semantic_models", "unit_tests", "functions",
)  # fmt: skip
# What changes from run to run or from machine to machine, or repeats the model's file.
_DROPPED_FIELDS = frozenset(
    {"created_at", "root_path", "build_path", "compiled_path", "raw_code", "checksum", "deferred"}
)


def reduce_manifest(manifest: dict[str, Any]) -> dict[str, Any]:
    """The parts of a manifest that Dagster reads, without times, machine paths and code."""
    kept: dict[str, Any] = {
        "metadata": {key: manifest["metadata"][key] for key in ("dbt_schema_version", "project_name", "adapter_type")}
    }
    for key in _KEPT_KEYS:
        kept[key] = {
            name: {k: v for k, v in entry.items() if k not in _DROPPED_FIELDS}
            if isinstance(entry, dict)
            else sorted(entry)
            for name, entry in sorted(manifest[key].items())
        }
    return kept | {key: {} for key in _EMPTY_KEYS}


def parse_project() -> dict[str, Any]:
    """Parses the dbt project and returns its reduced manifest.

    Raises:
        RuntimeError: dbt cannot parse the project.
    """
    from dbt.cli.main import dbtRunner

    with tempfile.TemporaryDirectory() as target:
        arguments = ["--quiet", "parse", "--no-partial-parse", "--project-dir", str(PROJECT)]
        folders = ["--profiles-dir", str(PROJECT), "--target-path", target, "--log-path", target]
        done = dbtRunner().invoke([*arguments, *folders])
        if not done.success:
            raise RuntimeError(f"dbt cannot parse {PROJECT}: {done.exception}")
        return reduce_manifest(json.loads((Path(target) / "manifest.json").read_text()))


if __name__ == "__main__":
    MANIFEST.write_text(json.dumps(parse_project(), indent=1, sort_keys=True) + "\n")
