"""The pipeline from this process: backfills and retraining, on the instance that the UI shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from trending_assets.automation import jobs
from trending_assets.automation.plan import is_stale, stale_days
from trending_assets.automation.running import Progress, run_job
from trending_assets.partitions import DAILY
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake, fingerprint

RAW = dg.AssetKey(["raw", "sample"])
# From raw documents to online features and drift: what a backfill computes. Training is left to the sensor.
DAILY_GROUPS = ("raw", "parsed", "cleaned", "features", "monitoring")
# The last two days of the replay are left for people to land, so that they can watch what follows.
HELD_BACK_DAYS = 2


class UnknownGroupError(LookupError):
    """No asset belongs to a group of that name."""


@dataclass(frozen=True)
class Pipeline:
    """The graph, with the instance and the home that it runs on.

    Attributes:
        definitions: the graph.
        instance: keeps the runs.
        folder: the home.
        progress: told of each step.
    """

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    folder: Path
    progress: Progress

    def demo_days(self) -> list[str]:
        """All days but the last two of the replay, and whichever of those two have landed already."""
        days = DAILY.get_partition_keys()
        landed = set(Lake(Home(self.folder).lake).days("raw/sample"))
        return [day for i, day in enumerate(days) if i < len(days) - HELD_BACK_DAYS or day in landed]

    def stale_days(self, days: Sequence[str], archive_version: str) -> list[str]:
        """The days for which something from raw documents to drift is missing or was computed by other code.

        Args:
            days: the days to look at.
            archive_version: what the sample's documents depend on beside the code; days that were taken from
                another archive, or from less or more of it, are stale.
        """
        specs = [spec for spec in self.definitions.resolve_all_asset_specs() if spec.group_name in DAILY_GROUPS]
        lake = Lake(Home(self.folder).lake)
        stale = set(stale_days(specs, self.instance, lake, days))
        version = self.definitions.resolve_assets_def(RAW).code_versions_by_key[RAW] or ""
        wanted = fingerprint(version, {"archive": archive_version})
        return [day for day in days if day in stale or lake.fingerprint("raw/sample", day) != wanted]

    def backfill(self, days: Sequence[str], group: str | None = None) -> str:
        """Computes days in one run: a group's assets, or everything from raw documents to online features and drift.

        Args:
            days: partitions without gaps.
            group: a group of assets.

        Returns:
            The run's id.

        Raises:
            UnknownGroupError: there is nothing to compute in a group of that name.
            RunFailedError: a step or a blocking check failed.
        """
        groups = DAILY_GROUPS if group is None else (group,)
        chosen = [spec for spec in self.definitions.resolve_all_asset_specs() if spec.group_name in groups]
        keys = [spec.key for spec in chosen if self.definitions.resolve_assets_def(spec.key).is_executable]
        if not keys:
            raise UnknownGroupError(
                f"nothing can be computed in a group {group!r}: there are {', '.join(self.groups())}"
            )
        daily = any(spec.partitions_def for spec in chosen)
        return self.run(self.definitions.resolve_implicit_global_asset_job_def(), days if daily else (), keys)

    def retrain(self) -> str:
        """Trains every model on all landed days and lets the gate decide; returns the run's id."""
        return self.run(self.definitions.resolve_job_def(jobs.retrain.name))

    def needs_retraining(self) -> bool:
        """Whether an asset of the training is missing, was computed by other code, or is older than its inputs."""
        specs = [
            spec for spec in self.definitions.resolve_all_asset_specs() if spec.group_name in ("training", "models")
        ]
        return any(is_stale(spec, self.instance, [dep.asset_key for dep in spec.deps]) for spec in specs)

    def run(
        self, job: dg.JobDefinition, days: Sequence[str] = (), selection: Sequence[dg.AssetKey] | None = None
    ) -> str:
        """Runs a job in this process and returns the run's id."""
        logs = self.folder / "logs"
        return run_job(job, self.instance, logs, days=days, selection=selection, progress=self.progress)

    def groups(self) -> list[str]:
        """Names of the groups that hold something to compute."""
        specs = self.definitions.resolve_all_asset_specs()
        return sorted(
            {s.group_name for s in specs if s.group_name and self.definitions.resolve_assets_def(s.key).is_executable}
        )
