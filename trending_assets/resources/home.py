"""The home as a resource: gives the lake, the model registry and the feature store as plain objects."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

from trending_assets.domain.text.personal import pseudonym
from trending_assets.storage.feature_store import FeastUrls, open_feature_store
from trending_assets.storage.fitted import FittedTfIdfStore
from trending_assets.storage.home import Home, read_or_create_key
from trending_assets.storage.lake import Lake
from trending_assets.storage.raw_documents import RawStore, open_raw_store
from trending_assets.storage.registry import ModelRegistry, open_registry
from trending_assets.storage.write_journal import WriteJournal

if TYPE_CHECKING:
    from feast import FeatureStore

TFIDF_VIEW = "title_tfidf__v1"


class HomeResource(dg.ConfigurableResource["HomeResource"]):
    """One TRENDING_HOME.

    Attributes:
        folder: the home, an absolute path.
        registry_place: where the model registry is: a folder or ``s3://bucket/prefix``; in the home where empty.
        raw_store_url: MongoDB's URL, where raw documents are kept there; empty where they are kept in the lake.
        online_store_url: Redis's or Valkey's URL, where features are online there; empty where they are in SQLite.
        feast_registry_url: PostgreSQL's URL, where Feast's registry is there; empty where it is a file.
    """

    folder: str
    registry_place: str = ""
    raw_store_url: str = ""
    online_store_url: str = ""
    feast_registry_url: str = ""
    _run_id: str | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Learns which run uses it; Dagster gives each run a copy of its own."""
        self._run_id = context.run.run_id if context.run else None

    @property
    def paths(self) -> Home:
        """Where each part lives."""
        return Home(Path(self.folder))

    @property
    def lake(self) -> Lake:
        """The lake, where each write is noted with its run."""
        return Lake(self.paths.lake, WriteJournal(self.paths.writes, self._run_id))

    def raw_store(self) -> RawStore:
        """Where raw documents are kept."""
        return open_raw_store(self.lake, self.raw_store_url)

    @property
    def registry(self) -> ModelRegistry:
        """The model registry."""
        return open_registry(self.paths, self.registry_place)

    @property
    def fitted_tfidf(self) -> FittedTfIdfStore:
        """What the view ``title_tfidf__v1`` is computed with."""
        return FittedTfIdfStore(self.paths.fitted / TFIDF_VIEW, readers=("title_tfidf", "online_store"))

    def pseudonyms(self) -> Callable[[str, str], str]:
        """Author and source → what stands for the author after parsing; made with the key of this home."""
        key = read_or_create_key(self.paths.pseudonym_key)
        return lambda author, source: pseudonym(author, source, key)

    @property
    def feast_urls(self) -> FeastUrls:
        """Servers that hold Feast's parts."""
        return FeastUrls(online_store=self.online_store_url, registry=self.feast_registry_url)

    def feature_store(self) -> "FeatureStore":
        """Feast's feature store."""
        return open_feature_store(self.paths.folder, self.feast_urls)
