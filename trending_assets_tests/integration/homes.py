"""Homes that the real graph fills from a small source, and what is compared of them."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import dagster as dg

from trending_assets.automation.pipeline import Pipeline
from trending_assets.automation.running import open_instance
from trending_assets.definitions import build_defs
from trending_assets.ingest.documents import DocumentSource
from trending_assets.ingest.registry import SOURCES
from trending_assets.ingest.source import Source
from trending_assets.resources.home import HomeResource
from trending_assets.storage.atomic import exclusively
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.raw_documents import LakeRawStore
from trending_assets.storage.registry import ModelRegistry, open_registry
from trending_assets_tests.chaos.state import comparable
from trending_assets_tests.integration.small_source import HISTORY, small_source


@dataclass(frozen=True)
class SmallHome:
    """A home and the source that fills it.

    Attributes:
        folder: the home.
        source: gives the documents of the sample.
        others: gives the documents of other sources, by their names.
        sources: the registry.
    """

    folder: Path
    source: DocumentSource = field(default_factory=small_source)
    others: Mapping[str, object] = field(default_factory=dict)
    sources: Sequence[Source] = SOURCES

    @property
    def lake(self) -> Lake:
        """Its lake."""
        return Lake(Home(self.folder).lake)

    @property
    def registry(self) -> ModelRegistry:
        """Its model registry."""
        return open_registry(Home(self.folder), None)

    @cached_property
    def definitions(self) -> dg.Definitions:
        """The real graph over this home and source."""
        resources = {"sample": self.source, "home": HomeResource(folder=str(self.folder)), **self.others}
        return build_defs(resources, self.sources)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Its Dagster instance."""
        with open_instance(Home(self.folder)) as instance:
            yield instance

    def run(self, job: str, days: Sequence[str] = (), selection: Sequence[str] | None = None) -> str:
        """Runs a job, or some assets of it, and returns the run's id."""
        keys = [dg.AssetKey(name.split("/")) for name in selection] if selection else None
        with self.instance() as instance:
            return self.pipeline(instance).run(self.definitions.resolve_job_def(job), days, keys)

    def backfill(self, days: Sequence[str], group: str | None = None) -> str:
        """Computes days in one run as the command line does, and returns the run's id."""
        with self.instance() as instance:
            return self.pipeline(instance).backfill(days, group)

    def ingest(self, source: Source, days: Sequence[str], url: str | None = None) -> str:
        """Lands days of a source, or one of its pages, as the command line does."""
        with self.instance() as instance:
            return self.pipeline(instance).ingest(source, days, url)

    def pipeline(self, instance: dg.DagsterInstance) -> Pipeline:
        """What runs its jobs, and keeps quiet about it."""
        return Pipeline(
            self.definitions, instance, self.folder, LakeRawStore(self.lake), lambda step, state, seconds: None
        )

    def with_source(self, source: DocumentSource) -> "SmallHome":
        """The same home, filled from another source from now on."""
        return SmallHome(self.folder, source)

    def copied_to(self, folder: Path, source: DocumentSource | None = None) -> "SmallHome":
        """A copy that shares nothing with this one."""
        # Feast takes seconds to load, and a process that only runs assets does not need it here.
        from feature_repo.repository import apply

        # Whoever reads the original meanwhile makes and removes these; the databases have all that they need.
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("*-wal", "*-shm"))
        # Feast's registry holds the paths of the lake that it was applied for.
        apply(folder)
        return SmallHome(folder, source or self.source)

    def digests(self) -> dict[str, str]:
        """Path → sha-256 of every file of the lake; what a killed write left in staging is not in the lake."""
        root, staging = self.lake.root, self.lake.staging
        files = [path for path in root.rglob("*") if not path.is_dir() and staging not in path.parents]
        return {str(p.relative_to(root)): hashlib.sha256(comparable(p)).hexdigest() for p in sorted(files)}


def build_finished(folder: Path) -> None:
    """Lands the first four days in one run, and trains."""
    home = SmallHome(folder)
    home.backfill(HISTORY)
    home.run("retrain")


def made_once(folder: Path, build: Callable[[Path], None]) -> Path:
    """The folder, built by whichever process comes first; the others wait for it.

    Args:
        folder: where it belongs; built beside it and renamed, so that a failed build is no building.
        build: fills the folder it is given.
    """
    with exclusively(folder.with_suffix(".lock")):
        if not folder.is_dir():
            shutil.rmtree(staged := folder.with_suffix(".building"), ignore_errors=True)
            build(staged)
            staged.rename(folder)
    return folder


def differing(ours: Mapping[str, object], theirs: Mapping[str, object]) -> list[str]:
    """The keys whose values are not the same in both, or that one of them lacks.

    A failed comparison of the two themselves would be spelt out line by line, which takes pytest minutes.
    """
    return sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
