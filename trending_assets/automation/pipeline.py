"""The pipeline from this process: backfills and retraining, on the instance that the UI shows."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow as pa

from trending_assets.automation import jobs
from trending_assets.automation.backfills import FAILED_DAYS, Outcome, Part, carry_out, described, parts
from trending_assets.automation.cursors import ranges, take
from trending_assets.automation.landings import landings, newest_by_partition
from trending_assets.automation.plan import daily_assets, is_stale, stale_assets, stale_days
from trending_assets.automation.running import Progress, run_job
from trending_assets.domain.genres.models import FLOOR, MODEL_NAMES, UnknownModelNameError
from trending_assets.ingest.live import LiveDocuments
from trending_assets.ingest.sample import DAYS
from trending_assets.ingest.source import Source
from trending_assets.partitions import days_between
from trending_assets.resources.sources import VISITED_URL
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake, fingerprint
from trending_assets.storage.raw_documents import RawStore

RAW = dg.AssetKey(["raw", "sample"])
# The last two days of the replay are left for people to land, so that they can watch what follows.
HELD_BACK_DAYS = 2
# Dagster copies what it knows of all days for every day that a step says something of.
_MOST_DAYS = 500


class UnknownGroupError(LookupError):
    """No asset belongs to a group of that name."""


@dataclass(frozen=True)
class Pipeline:
    """The graph, with the instance and the home that it runs on.

    Attributes:
        definitions: the graph.
        instance: keeps the runs.
        folder: the home.
        raw: where raw documents are kept.
        progress: told of each step.
    """

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    folder: Path
    raw: RawStore
    progress: Progress

    def demo_days(self) -> list[str]:
        """All days but the last two of the replay, and whichever of those two have landed already."""
        landed = set(Lake(Home(self.folder).lake).days("parsed/sample"))
        return [*DAYS[:-HELD_BACK_DAYS], *(day for day in DAYS[-HELD_BACK_DAYS:] if day in landed)]

    def stale_days(self, days: Sequence[str], archive_version: str) -> list[str]:
        """The days for which something from raw documents to drift is missing or was computed by other code.

        Args:
            days: the days to look at.
            archive_version: what the sample's documents depend on beside the code; days that were taken from
                another archive, or from less or more of it, are stale.
        """
        daily = self._daily_keys()
        specs = [spec for spec in self.definitions.resolve_all_asset_specs() if spec.key in daily]
        lake = Lake(Home(self.folder).lake)
        stale = set(stale_days(specs, self.instance, lake, days))
        version = self.definitions.resolve_assets_def(RAW).code_versions_by_key[RAW] or ""
        wanted = fingerprint(version, {"documents": archive_version})
        return [day for day in days if day in stale or self.raw.origin("sample", day) != wanted]

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
        chosen = self._of_group(group)
        partitioned = any(spec.partitions_def for spec in chosen)
        keys = [spec.key for spec in chosen]
        return self.run(self.definitions.resolve_implicit_global_asset_job_def(), days if partitioned else (), keys)

    def backfill_missing(self, days: Sequence[str], group: str | None, say: Callable[[str], None]) -> Outcome:
        """Computes what days lack: in one run where all lack the same, and around the days that fail.

        Args:
            days: partitions without gaps.
            group: a group of assets; everything from raw documents to online features and drift where None.
            say: told of how far it has come, and of what is tried where a run has failed.

        Returns:
            What became of it; a run that failed over one day says so in its tag ``trending/failed_partitions``.

        Raises:
            UnknownGroupError: there is nothing to compute in a group of that name.
            RunFailedError: what has no days failed.
        """
        job = self.definitions.resolve_implicit_global_asset_job_def()

        def run(part: Part) -> str:
            return self.run(job, part.days, sorted(part.assets))

        def failed(run_id: str, day: str) -> None:
            self.instance.add_run_tags(run_id, {FAILED_DAYS: day})

        wanted = self.missing(days, group)
        if [part.days for part in wanted] != [tuple(days)]:
            for part in wanted:
                say(f"missing: {described(part)}")
        return carry_out(wanted, run, failed, say)

    def missing(self, days: Sequence[str], group: str | None) -> list[Part]:
        """What days lack, as the runs that compute it; none where everything is there.

        Raises:
            UnknownGroupError: there is nothing to compute in a group of that name.
        """
        chosen = self._of_group(group)
        keys = {spec.key for spec in chosen}
        lake = Lake(Home(self.folder).lake)
        assets = daily_assets(self.definitions, keys)
        stale = stale_assets(assets, self.instance, lake, days, self._changed_sources(keys, days))
        whole = [spec for spec in chosen if spec.partitions_def is None]

        def follows(daily: Collection[dg.AssetKey]) -> set[dg.AssetKey]:
            found = set(daily)
            for _ in whole:
                found |= {spec.key for spec in whole if any(dep.asset_key in found for dep in spec.deps)}
            return found - set(daily)

        found = parts(stale, days, follows, _MOST_DAYS)
        # Of what belongs to no day only what is older than what it reads.
        left = {spec.key for spec in whole if is_stale(spec, self.instance, self._inputs(spec))}
        left -= {key for part in found for key in part.assets}
        return [*found, Part((), frozenset(left | follows(left)))] if left else found

    def _of_group(self, group: str | None) -> list[dg.AssetSpec]:
        """The assets that a backfill of a group computes."""
        daily = self._daily_keys()
        specs = self.definitions.resolve_all_asset_specs()
        if group is None:
            chosen = [spec for spec in specs if spec.key in daily]
        else:
            executable = {s.key for s in specs if self.definitions.resolve_assets_def(s.key).is_executable}
            members = [spec for spec in specs if spec.group_name == group and spec.key in executable]
            # Of the sources' own assets only those that are switched on; what only people start is left to them.
            computed = daily | self._keys_of(jobs.retrain.name)
            chosen = [spec for spec in members if spec.key in computed] or members
        if not chosen:
            raise UnknownGroupError(
                f"nothing can be computed in a group {group!r}: there are {', '.join(self.groups())}"
            )
        return chosen

    def _changed_sources(self, keys: Collection[dg.AssetKey], days: Sequence[str]) -> dict[dg.AssetKey, set[str]]:
        """Raw asset → the days whose documents were taken from something else than the source has now."""
        changed = {}
        for key in keys:
            if key.path[0] != "raw":
                continue
            documents = (self.definitions.resources or {})[key.path[-1]]
            code = self.definitions.resolve_assets_def(key).code_versions_by_key[key] or ""
            version = "" if isinstance(documents, LiveDocuments) else code
            wanted = {day: fingerprint(version, {"documents": documents.version(day)}) for day in days}
            changed[key] = {day for day in days if self._origin(key.path[-1], day) != wanted[day]}
        return changed

    def _origin(self, source: str, day: str) -> str | None:
        try:
            return self.raw.origin(source, day)
        except (OSError, pa.ArrowInvalid):
            # The run over the day says what is wrong with it.
            return None

    def ingest(self, source: Source, days: Sequence[str], url: str | None = None) -> str:
        """Lands days of one source, whether it is switched on or not: in one run, or one for each 500 days.

        Args:
            source: the source.
            days: partitions without gaps.
            url: lands this page of the source instead of all that it has of the days.

        Returns:
            The last run's id.

        Raises:
            RunFailedError: a step or a blocking check failed; the runs before it stand.
        """
        tags = {VISITED_URL: url} if url else None
        while len(days) > _MOST_DAYS:
            self._land(source, days[:_MOST_DAYS], ("raw", "parsed"), tags)
            days = days[_MOST_DAYS:]
        return self._land(source, days, ("raw", "parsed", "exploration"), tags, [dg.AssetKey(jobs.IDENTITY_QUALITY)])

    def parse_again(self, source: Source, days: Sequence[str]) -> str:
        """Reads what raw holds of days again, and all that is made of it, without fetching; returns the run's id."""
        return self._land(source, days, ("parsed", "exploration"))

    def _land(
        self,
        source: Source,
        days: Sequence[str],
        stages: Iterable[str],
        tags: Mapping[str, str] | None = None,
        others: Iterable[dg.AssetKey] = (),
    ) -> str:
        own = [dg.AssetKey([stage, source.name]) for stage in stages] + list(others)
        # Quarantine, identity and the cleaned tables are of all sources.
        shared = [k for k in self._keys_of(jobs.INGEST) if not (k.has_prefix(["raw"]) or k.has_prefix(["parsed"]))]
        job = self.definitions.resolve_implicit_global_asset_job_def()
        return self.run(job, days, own + sorted(shared), tags)

    def _daily_keys(self) -> set[dg.AssetKey]:
        """From raw documents to online features and drift: what a backfill computes. Training is left to the sensor."""
        return self._keys_of(jobs.INGEST) | self._keys_of(jobs.features.name)

    def _keys_of(self, job: str) -> set[dg.AssetKey]:
        return set(self.definitions.resolve_job_def(job).asset_layer.executable_asset_keys)

    def retrain(self) -> str:
        """Trains every model on all landed days and lets the gate decide; returns the run's id."""
        return self.run(self.definitions.resolve_job_def(jobs.retrain.name))

    def train(self, model: str) -> str:
        """Trains one model on all landed days, and lets the gate decide between all that are in the running.

        Days that have landed and passed their checks get their features first, where they lack them. The floor that
        every model must beat is trained with it.

        Args:
            model: the model's asset.

        Returns:
            The run's id.

        Raises:
            UnknownModelNameError: it is no asset.
            RunFailedError: a step or a blocking check failed.
        """
        keys = self._keys_of(jobs.retrain.name)
        models = {dg.AssetKey(name) for name in MODEL_NAMES} & keys
        if dg.AssetKey(model) not in models:
            raise UnknownModelNameError(f"{model} is not trained by itself")
        for first, last in ranges(self._days_without_features()):
            days = days_between(date.fromisoformat(first), date.fromisoformat(last))
            for start in range(0, len(days), _MOST_DAYS):
                self.run(self.definitions.resolve_job_def(jobs.features.name), days[start : start + _MOST_DAYS])
        others = models - {dg.AssetKey(model), dg.AssetKey(FLOOR)}
        return self.run(self.definitions.resolve_job_def(jobs.retrain.name), selection=sorted(keys - others))

    def tune(self, model: str, trials: int, minutes: float) -> str:
        """Searches for what a model is best trained with, on the training set as it stands; returns the run's id.

        Args:
            model: the model's asset.
            trials: how many trials its study is to have in the end.
            minutes: no trial begins after so many.

        Raises:
            RunFailedError: the search failed.
        """
        config = {"ops": {jobs.TRIALS: {"config": {"model": model, "trials": trials, "minutes": minutes}}}}
        logs = self.folder / "logs"
        job = self.definitions.resolve_job_def(jobs.tune.name)
        return run_job(job, self.instance, logs, config=config, progress=self.progress)

    def _days_without_features(self) -> list[str]:
        landed = newest_by_partition(self.instance, "titles")
        online = newest_by_partition(self.instance, "online_store")
        passed = take(0, landings(self.instance, "titles", 0)).partitions
        return [day for day in passed if online.get(day, 0) < landed[day]]

    def needs_retraining(self) -> bool:
        """Whether an asset of the training is missing, was computed by other code, or is older than its inputs."""
        keys = self._keys_of(jobs.retrain.name)
        specs = [spec for spec in self.definitions.resolve_all_asset_specs() if spec.key in keys]
        return any(is_stale(spec, self.instance, self._inputs(spec)) for spec in specs)

    def _inputs(self, spec: dg.AssetSpec) -> set[dg.AssetKey]:
        """What an asset is stale by, where it is newer."""
        trials = dg.AssetKey(jobs.TRIALS)
        # A search for parameters is needed by nobody, and counts once there has been one.
        never = set() if self.instance.get_latest_materialization_event(trials) else {trials}
        return {dep.asset_key for dep in spec.deps} - never

    def run(
        self,
        job: dg.JobDefinition,
        days: Sequence[str] = (),
        selection: Sequence[dg.AssetKey] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Runs a job in this process and returns the run's id."""
        logs = self.folder / "logs"
        return run_job(job, self.instance, logs, days=days, selection=selection, tags=tags, progress=self.progress)

    def groups(self) -> list[str]:
        """Names of the groups that hold something to compute."""
        specs = self.definitions.resolve_all_asset_specs()
        return sorted(
            {s.group_name for s in specs if s.group_name and self.definitions.resolve_assets_def(s.key).is_executable}
        )
