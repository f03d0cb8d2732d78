"""The home: where each part lives under TRENDING_HOME. Two homes share nothing."""

from dataclasses import dataclass
from pathlib import Path


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
        """The model registry."""
        return self.folder / "registry"

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
    def reports(self) -> Path:
        """Reports for people: HTML that assets link to."""
        return self.folder / "reports"
