"""The home: where each part lives under TRENDING_HOME. Two homes share nothing."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from trending_assets.storage.atomic import exclusively, write_bytes


@dataclass(frozen=True)
class Home:
    """The folder under which everything lives.

    Attributes:
        folder: the folder; it is created when something is written.
    """

    folder: Path

    @property
    def lake(self) -> Path:
        """Parquet between the assets."""
        return self.folder / "lake"

    @property
    def registry(self) -> Path:
        """The model registry, unless the settings say another place."""
        return self.folder / "registry"

    @property
    def model_cache(self) -> Path:
        """Files of models out of a registry that is in a bucket."""
        return self.folder / "model_cache"

    @property
    def fitted(self) -> Path:
        """What feature views were fitted with."""
        return self.folder / "fitted"

    @property
    def feast(self) -> Path:
        """Feast's registry and SQLite online store."""
        return self.folder / "feast"

    @property
    def dagster(self) -> Path:
        """Dagster's home."""
        return self.folder / "dagster"

    @property
    def dbt(self) -> Path:
        """Target folders of dbt."""
        return self.folder / "dbt"

    @property
    def downloads(self) -> Path:
        """Cache of what was fetched from a package index."""
        return self.folder / "downloads"

    @property
    def archive(self) -> Path:
        """Files that people gave to the ``archive`` source, as they came."""
        return self.folder / "archive"

    @property
    def crawls(self) -> Path:
        """What unfinished crawls have fetched."""
        return self.folder / "crawls"

    @property
    def pseudonym_key(self) -> Path:
        """The secret that authors' pseudonyms are made with."""
        return self.folder / "secrets" / "pseudonym.key"

    @property
    def api_keys(self) -> Path:
        """Hashes of the API's keys."""
        return self.folder / "secrets" / "api_keys.json"

    @property
    def tuning(self) -> Path:
        """Optuna's studies."""
        return self.folder / "tuning"

    @property
    def prediction_log(self) -> Path:
        """What the API answered and was told, until it is compacted into the lake."""
        return self.folder / "prediction_log"

    @property
    def experiments(self) -> Path:
        """Experiments with model versions."""
        return self.folder / "experiments" / "experiments.json"

    @property
    def writes(self) -> Path:
        """Which run wrote which file of the lake."""
        return self.folder / "writes"

    @property
    def reports(self) -> Path:
        """Reports for people: HTML that assets link to."""
        return self.folder / "reports"


def read_or_create_key(path: Path) -> bytes:
    """The secret key in a file, which only its owner may read; made of 32 random bytes where there is none."""
    with exclusively(path.with_suffix(".lock")):
        if not path.is_file():
            path.parent.chmod(0o700)
            write_bytes(path, secrets.token_bytes(32), path.parent)
        return path.read_bytes()
