"""The whole graph, group by group in the order of the lineage. The only module that imports everything."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from trending_assets.assets.cleaned import catalog, identity, quality, tables
from trending_assets.assets.features import activity, store, text, tfidf
from trending_assets.assets.models import bert, blend, card, champion, genres, over_time, tuning
from trending_assets.assets.monitoring import (
    data_quality,
    feature_drift,
    live_metrics,
    prediction_drift,
    prediction_log,
)
from trending_assets.assets.parsed import exploration, records
from trending_assets.assets.raw import documents
from trending_assets.assets.sources import external
from trending_assets.assets.training import genres as training_set
from trending_assets.automation import alerts, jobs, schedules, sensors
from trending_assets.automation import drift as acting_on_drift
from trending_assets.checks import accounting, drift, expectations, freshness, training, volume
from trending_assets.domain.genres.models import known_name
from trending_assets.ingest.registry import SOURCES, source_named
from trending_assets.ingest.source import Source
from trending_assets.resources.alerts import AlertsResource
from trending_assets.resources.gate import GateResource
from trending_assets.resources.home import HomeResource
from trending_assets.resources.sources import source_resources
from trending_assets.resources.tracking import TrackingResource
from trending_assets.resources.training import TrainingResource
from trending_assets.settings import Settings
from trending_assets.storage.tracking import tracking_mode


def _assets(sources: Sequence[Source]) -> Mapping[str, Sequence[Any]]:
    """Group → its assets; those of the first groups follow from the sources."""
    return {
        "sources": external.external_assets(sources),
        "raw": documents.raw_assets(sources),
        "parsed": [
            *records.parsed_assets(sources),
            records.quarantine_asset(sources),
            *exploration.exploration_assets(sources),
        ],
        "cleaned": [
            identity.title_identity(sources),
            tables.cleaned_tables(sources),
            *dg.load_assets_from_modules([catalog, quality]),
        ],
        "features": dg.load_assets_from_modules([text, tfidf, activity, store]),
        "training": dg.load_assets_from_modules([training_set]),
        "models": dg.load_assets_from_modules([genres, bert, blend, champion, card, tuning, over_time]),
        "monitoring": [
            *dg.load_assets_from_modules([feature_drift, prediction_drift, prediction_log, live_metrics]),
            data_quality.data_quality(sources),
        ],
    }


def build_defs(overrides: Mapping[str, object] | None = None, sources: Sequence[Source] = SOURCES) -> dg.Definitions:
    """All definitions, for the home that the settings name.

    Args:
        overrides: resources that replace the standard ones, by name: ``home``, ``gate``, ``training``, ``tracking``
            and one a source.
        sources: the registry of sources.

    Raises:
        UnknownSourceError: the settings switch a source on that is not in the registry.
    """
    settings = Settings()
    switched_on = [source_named(name, sources).name for name in settings.source_names]
    resources: dict[str, object] = {
        "home": HomeResource(
            folder=str(settings.home),
            registry_place=settings.registry or "",
            # A URL may hold a password, and what configures a resource is shown to people.
            raw_store_url=dg.EnvVar("TRENDING_RAW_STORE") if settings.raw_store else "",
            online_store_url=dg.EnvVar("TRENDING_ONLINE_STORE") if settings.online_store else "",
            feast_registry_url=dg.EnvVar("TRENDING_FEAST_REGISTRY") if settings.feast_registry else "",
        ),
        "alerts": AlertsResource(urls=dg.EnvVar("TRENDING_ALERT_URLS") if settings.alert_urls else ""),
        "gate": GateResource(require_approval=settings.require_approval),
        "training": TrainingResource(
            retrained=[known_name(name) for name in settings.retrained],
            retrain_new_titles=settings.retrain_new_titles,
            retrain_quiet_seconds=settings.retrain_quiet_seconds,
            retrain_on_drift=settings.on_drift == "retrain",
            bert_minutes=settings.bert_minutes,
            bert_passes=settings.bert_passes,
            bert_new_rows=settings.bert_new_rows,
            bert_checkpoint=str(settings.bert_checkpoint or ""),
        ),
        "tracking": TrackingResource(folder=str(settings.home), mode=tracking_mode(settings.tracking, os.environ)[0]),
        **source_resources(
            sources,
            settings.home,
            full_sample=settings.full_sample,
            contact=settings.contact,
            raw_store=settings.raw_store,
        ),
    }
    fresh = freshness.freshness_checks(sources, switched_on)
    return dg.Definitions(
        assets=[asset for group in _assets(sources).values() for asset in group],
        asset_checks=[
            *accounting.documents_accounted_for(sources),
            accounting.quarantine_is_complete(sources),
            *volume.volume_checks(sources),
            *fresh,
            *dg.load_asset_checks_from_modules([expectations, training, drift]),
        ],
        jobs=[
            jobs.ingest(switched_on),
            jobs.features,
            jobs.compact_predictions,
            jobs.judge_predictions,
            jobs.compare_predictions,
            jobs.retrain,
            jobs.tune,
            jobs.evaluate_over_time,
            jobs.rollback,
            jobs.freshness(fresh),
            jobs.retention(sources, settings.raw_retention_days),
        ],
        schedules=[
            schedules.freshness,
            schedules.retention,
            schedules.compaction,
            schedules.delayed_truth,
            schedules.served_yesterday,
            *schedules.landings(sources, switched_on),
        ],
        sensors=[
            sensors.features_on_landing,
            sensors.retrain_on_new_partitions,
            sensors.dead_runs,
            alerts.alert_on_failed_runs,
            alerts.alert_on_succeeded_runs,
            alerts.alert_on_late_sources,
            acting_on_drift.act_on_drift,
        ],
        resources=resources | dict(overrides or {}),
        # A step in a process of its own costs two seconds; runs are the unit of parallelism.
        executor=dg.in_process_executor,
    )


defs = build_defs()
