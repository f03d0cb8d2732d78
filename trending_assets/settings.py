"""Settings: every knob of the pipelines, read from the environment with the prefix ``TRENDING_``."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """All settings. Every default works with no account, no key and no server.

    Attributes:
        home: the folder under which everything lives: lake, registry, online store, Dagster home.
        registry: where the model registry is: a folder, or ``s3://bucket/prefix`` with the keys and the endpoint of the
            AWS environment; ``registry`` in the home where it is not set.
        full_sample: take the sample's films that have neither id nor year too.
        sources: names of the sources that the job ``ingest`` and backfills land, separated by commas; any other
            lands when it is asked for.
        raw_store: MongoDB's URL, to keep raw documents there; they are kept in the lake where it is not set.
        online_store: ``redis://[user:password@]host[:port][/db]`` of Redis or Valkey, or ``rediss://``, to keep online
            features there; they are in SQLite in the home where it is not set.
        feast_registry: ``postgresql+psycopg://user:password@host[:port]/database``, to keep Feast's registry there; it
            is a file in the home where it is not set.
        raw_retention_days: how many days raw documents of live sources are kept; for ever where it is not set, but
            for sources whose terms say otherwise.
        require_approval: what passes the gate waits for a person, who promotes it by a command.
        retrain_models: names of the genre models that a sensor's retraining trains anew, separated by commas; of the
            others the newest version stays in the running.
        retrain_new_titles: how many titles must have come since the last retraining of a sensor that succeeded
            for it to ask for another.
        retrain_quiet_seconds: for so long no day may have landed when it does, so that days that land one after the
            other are one retraining.
        on_drift: what is done where features, predictions or labels have drifted from what the champion learned:
            ``alert`` tells those in ``alert_urls``, ``retrain`` asks for one retraining too.
        bert_minutes: the budget of a training of ``genre_bert``, which sees its titles as often as that allows on the
            machine at hand; 0 fits its linear layer alone.
        bert_passes: how often ``genre_bert`` sees each train title; what ``bert_minutes`` allows where it is not set.
        bert_new_rows: how many labelled titles must have come since for a sensor's retraining to train ``genre_bert``
            anew.
        bert_checkpoint: folder of the BERT that ``genre_bert`` begins with; all-MiniLM-L6-v2 where it is not set.
        tracking: ``auto`` tracks trainings by Weights & Biases, offline where there is no ``WANDB_API_KEY``; ``off``
            does not.
        alert_urls: whom to tell of runs that fail and of sources that are late: URLs of Apprise, separated by commas or
            spaces, such as Slack's, Discord's or ``mailtos://`` for e-mail. They hold secrets; nobody is told where
            it is not set.
        dagster_config: a ``dagster.yaml`` that the Dagster home takes, such as ``infra/dagster/dagster.yaml`` for
            PostgreSQL; SQLite under the home where it is not set.
        contact: an e-mail address or a URL under which the sites that are asked reach whoever runs this.
    """

    model_config = SettingsConfigDict(env_prefix="TRENDING_", extra="ignore")

    home: Path = Path(".trending")
    registry: str | None = None
    full_sample: bool = False
    sources: str = "sample"
    raw_store: str | None = None
    online_store: str | None = Field(default=None, repr=False)
    feast_registry: str | None = Field(default=None, repr=False)
    raw_retention_days: int | None = Field(default=None, ge=1)
    require_approval: bool = False
    retrain_models: str = "genre_keyword,genre_logreg,genre_xgboost,genre_bert,genre_blend"
    retrain_new_titles: int = Field(default=1, ge=0)
    retrain_quiet_seconds: float = Field(default=10.0, ge=0)
    on_drift: Literal["alert", "retrain"] = "alert"
    bert_minutes: float = Field(default=20.0, ge=0)
    bert_passes: float | None = Field(default=None, ge=0)
    bert_new_rows: int = Field(default=5000, ge=0)
    bert_checkpoint: Path | None = None
    tracking: Literal["auto", "off"] = "auto"
    alert_urls: str | None = Field(default=None, repr=False)
    dagster_config: Path | None = None
    contact: str | None = None

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("dagster_config")
    @classmethod
    def _absolute_where_set(cls, config: Path | None) -> Path | None:
        return config.expanduser().absolute() if config else None

    @field_validator("registry")
    @classmethod
    def _absolute_unless_a_url(cls, registry: str | None) -> str | None:
        return registry if not registry or "://" in registry else str(Path(registry).expanduser().absolute())

    @property
    def source_names(self) -> list[str]:
        """The sources that are switched on."""
        return _names(self.sources)

    @property
    def retrained(self) -> list[str]:
        """The genre models that a sensor's retraining trains anew."""
        return _names(self.retrain_models)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
