"""Feast's feature store of one home: where its registry and online store live, and who may write it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from trending_assets.storage.home import Home

if TYPE_CHECKING:
    from feast import FeatureStore, RepoConfig

PROJECT = "trending_now"


def repo_config(home: Path) -> "RepoConfig":
    """Feast's configuration for a home: file registry, SQLite online, DuckDB offline.

    The same as ``feature_repo/feature_store.yaml``, which stock Feast reads, but for any home.
    """
    from feast import RepoConfig

    folder = Home(home).feast
    return RepoConfig(
        project=PROJECT,
        provider="local",
        registry={"registry_type": "file", "path": str(folder / "registry.db"), "cache_ttl_seconds": 60},
        online_store={"type": "sqlite", "path": str(folder / "online_store.db")},
        offline_store={"type": "duckdb"},
        entity_key_serialization_version=3,
    )


def open_feature_store(home: Path) -> "FeatureStore":
    """The feature store of a home. Nothing is read or created until it is used."""
    from feast import FeatureStore

    return FeatureStore(config=repo_config(home))


@contextmanager
def writing_feature_store(home: Path) -> Iterator[None]:
    """Waits until no other process writes the feature store, and keeps others out of the block.

    Feast rewrites its file registry whole on every apply and materialise: of two writers at a time, one
    loses its entries.
    """
    folder = Home(home).feast
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "writer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
