"""Settings: every knob of the pipelines, read from the environment with the prefix ``TRENDING_``."""

from pathlib import Path

from pydantic import field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """All settings. Every default works with no account, no key and no server.

    Attributes:
        home: the folder under which everything lives: lake, registry, online store, Dagster home.
        full_sample: take the sample's films that have neither id nor year too.
    """

    model_config = SettingsConfigDict(env_prefix="TRENDING_", extra="ignore")

    home: Path = Path(".trending")
    full_sample: bool = False

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()
