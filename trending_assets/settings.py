"""Settings: every knob of the pipelines, read from the environment with the prefix ``TRENDING_``."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """All settings. Every default works with no account, no key and no server.

    Attributes:
        home: the folder under which everything lives: lake, registry, online store, Dagster home.
        full_sample: take the sample's films that have neither id nor year too.
        sources: names of the sources that the job ``ingest`` and backfills land, separated by commas; any other
            lands when it is asked for.
        raw_store: MongoDB's URL, to keep raw documents there; they are kept in the lake where it is not set.
        raw_retention_days: how many days raw documents of live sources are kept; for ever where it is not set, but
            for sources whose terms say otherwise.
        require_approval: what passes the gate waits for a person, who promotes it by a command.
        contact: an e-mail address or a URL under which the sites that are asked reach whoever runs this.
    """

    model_config = SettingsConfigDict(env_prefix="TRENDING_", extra="ignore")

    home: Path = Path(".trending")
    full_sample: bool = False
    sources: str = "sample"
    raw_store: str | None = None
    raw_retention_days: int | None = Field(default=None, ge=1)
    require_approval: bool = False
    contact: str | None = None

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @property
    def source_names(self) -> list[str]:
        """The sources that are switched on."""
        return [name.strip() for name in self.sources.split(",") if name.strip()]
