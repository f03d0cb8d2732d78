"""Jobs, one a purpose: what people start from the UI and the CLI, and what sensors request."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from trending_assets.ingest.source import Source
from trending_assets.resources.home import HomeResource
from trending_assets.storage import prediction_log
from trending_assets.storage.card_files import write_model_card
from trending_assets.storage.drift_tables import PREDICTION_DRIFT

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

IDENTITY_QUALITY = "identity_quality"
INGEST, FRESHNESS, RETENTION = "ingest", "freshness", "retention"
TRIALS = "genre_trials"
OVER_TIME = "genre_evaluation_over_time"
LIVE_METRICS = "live_metrics"


def ingest(sources: Iterable[str]) -> "UnresolvedAssetJobDefinition":
    """The job that lands days of the sources that are switched on."""
    return _landing(INGEST, list(sources))


def ingest_one(source: Source) -> "UnresolvedAssetJobDefinition":
    """The job that lands days of one source."""
    return _landing(f"{INGEST}_{source.name}", [source.name])


def _landing(job: str, names: Sequence[str]) -> "UnresolvedAssetJobDefinition":
    # What is measured over all history is not measured again with every day.
    cleaned = dg.AssetSelection.groups("cleaned") - dg.AssetSelection.assets(IDENTITY_QUALITY)
    documents = dg.AssetSelection.assets(*([stage, name] for name in names for stage in ("raw", "parsed")))
    return dg.define_asset_job(
        job,
        selection=documents | dg.AssetSelection.assets("quarantine") | cleaned,
        description=f"Lands days of {', '.join(names)}: documents, parsed records, cleaned tables and the catalogue.",
    )


features = dg.define_asset_job(
    "features",
    # What was served on a day has nothing to do with what landed on it.
    selection=dg.AssetSelection.groups("features", "monitoring")
    - dg.AssetSelection.assets(prediction_log.TABLE, LIVE_METRICS),
    description="Computes the features of landed days, puts them online, and measures drift and data quality.",
)

compact_predictions = dg.define_asset_job(
    "compact_predictions",
    selection=dg.AssetSelection.assets(prediction_log.TABLE, LIVE_METRICS),
    description="Compacts what the API answered and was told into the prediction log, and measures how good it was.",
)

judge_predictions = dg.define_asset_job(
    "judge_predictions",
    selection=dg.AssetSelection.assets(LIVE_METRICS),
    description="Measures again how good earlier predictions were, by labels that have arrived since.",
)

compare_predictions = dg.define_asset_job(
    "compare_predictions",
    selection=dg.AssetSelection.assets(PREDICTION_DRIFT),
    description="Compares what the API answered on a day that is over with what the champion was judged on.",
)

retrain = dg.define_asset_job(
    "retrain",
    # What trains models to learn about them is started by people alone.
    selection=dg.AssetSelection.groups("training", "models") - dg.AssetSelection.assets(TRIALS, OVER_TIME),
    description="Trains every genre model on all landed days; the gate decides which one serves.",
)


tune = dg.define_asset_job(
    "tune",
    selection=dg.AssetSelection.assets(TRIALS),
    description="Searches for what a genre model is best trained with; the launchpad says which model, and how long.",
)


evaluate_over_time = dg.define_asset_job(
    "evaluate_over_time",
    selection=dg.AssetSelection.assets(OVER_TIME),
    description="The time-ordered report: models that learned from the past alone, judged by what came after it.",
)


def freshness(checks: Iterable[dg.AssetChecksDefinition]) -> "UnresolvedAssetJobDefinition":
    """The job that looks whether sources still land, which a landing itself cannot tell."""
    return dg.define_asset_job(
        FRESHNESS,
        selection=dg.AssetSelection.checks(*checks),
        description="Judges whether the sources that are switched on still land.",
    )


def retention(sources: Iterable[Source], days: int | None) -> dg.JobDefinition:
    """The job that removes raw documents whose time is over.

    What people gave to the archive and the sample are not touched: their days are those of the data.

    Args:
        sources: the registry; those that are crawled count.
        days: how many days documents are kept, where a source's terms do not say fewer; None is for ever.
    """
    stated = {source.name: [d for d in (days, source.retention_days) if d] for source in sources if source.crawl}
    kept = {name: min(limits) for name, limits in stated.items() if limits}

    @dg.op(name="expire_raw_documents")
    def expire(context: dg.OpExecutionContext, home: HomeResource) -> None:
        """Removes what is older than it may be, day by day."""
        today, store = datetime.now(UTC).date(), home.raw_store()
        for source, most in kept.items():
            expired = store.expire(source, today - timedelta(days=most))
            context.log.info("%s: %d days are older than %d days and were removed", source, len(expired), most)

    @dg.job(name=RETENTION, description="Removes raw documents of live sources that are older than they may be.")
    def job() -> None:
        expire()

    return job


@dg.op
def roll_back_champion(context: dg.OpExecutionContext, home: HomeResource) -> None:
    """Makes the previous champion the champion again; serving follows within seconds."""
    champion = home.registry.roll_back_by_hand(context.run_id)
    write_model_card(home.paths, home.registry)
    context.log.info("champion is %s again", champion)


@dg.job(description="Makes the previous champion the champion again.")
def rollback() -> None:
    """One step, since serving follows the alias by itself."""
    roll_back_champion()
