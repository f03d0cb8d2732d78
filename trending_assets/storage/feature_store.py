"""Feast's feature store of one home: where its registry and online store live, and who may write it."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from trending_assets.storage.atomic import exclusively
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


def writing_feature_store(home: Path) -> AbstractContextManager[None]:
    """Waits until no other process writes the feature store, and keeps others out of the block.

    Feast rewrites its file registry whole on every apply and materialise: of two writers at a time, one
    loses its entries.
    """
    return exclusively(Home(home).feast / "writer.lock")
