"""The whole graph, group by group in the order of the lineage. The only module that imports everything."""

from collections.abc import Mapping

import dagster as dg

from trending_assets.assets.cleaned import catalog, identity, tables
from trending_assets.assets.features import activity, store, text
from trending_assets.assets.models import champion, genres
from trending_assets.assets.monitoring import drift
from trending_assets.assets.parsed import sample as parsed_sample
from trending_assets.assets.raw import sample as raw_sample
from trending_assets.assets.sources import sample as source_sample
from trending_assets.assets.training import genres as training_set
from trending_assets.automation import jobs, sensors
from trending_assets.checks import accounting, expectations, training
from trending_assets.resources.home import HomeResource
from trending_assets.resources.sources import SampleSource
from trending_assets.settings import Settings
from trending_assets.storage.home import Home

GROUPS = {
    "sources": [source_sample],
    "raw": [raw_sample],
    "parsed": [parsed_sample],
    "cleaned": [identity, tables, catalog],
    "features": [text, activity, store],
    "training": [training_set],
    "models": [genres, champion],
    "monitoring": [drift],
}
CHECKS = [accounting, expectations, training]


def build_defs(overrides: Mapping[str, object] | None = None) -> dg.Definitions:
    """All definitions, for the home that the settings name.

    Args:
        overrides: resources that replace the standard ones, by name: ``home`` and one a source.
    """
    settings = Settings()
    resources: dict[str, object] = {
        "home": HomeResource(folder=str(settings.home)),
        "sample": SampleSource(downloads=str(Home(settings.home).downloads), full=settings.full_sample),
    }
    return dg.Definitions(
        assets=dg.load_assets_from_modules(
            [module for modules in GROUPS.values() for module in modules],
            include_specs=True,  # a source is a spec, not a function
        ),
        asset_checks=dg.load_asset_checks_from_modules(CHECKS),
        jobs=[jobs.ingest, jobs.features, jobs.retrain, jobs.rollback],
        sensors=[sensors.features_on_landing, sensors.retrain_on_new_partitions, sensors.dead_runs],
        resources=resources | dict(overrides or {}),
        # A step in a process of its own costs two seconds; runs are the unit of parallelism.
        executor=dg.in_process_executor,
    )


defs = build_defs()
