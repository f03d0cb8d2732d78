"""Settings: every knob of the pipelines, read from the environment with the prefix ``TRENDING_``."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """All settings. Every default works with no account, no key and no server.

    Attributes:
        home: the folder under which everything lives: lake, registry, online store, Dagster home.
        full_sample: take the sample's films that have neither id nor year too.
        retrain_min_titles: new titles that must have landed before a retraining is requested.
    """

    model_config = SettingsConfigDict(env_prefix="TRENDING_", extra="ignore")

    home: Path = Path(".trending")
    full_sample: bool = False
    retrain_min_titles: int = Field(default=1, ge=1)

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()
