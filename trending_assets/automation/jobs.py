"""Jobs, one a purpose: what people start from the UI and the CLI, and what sensors request."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import dagster as dg

from trending_assets.resources.home import HomeResource

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

INGEST, FRESHNESS = "ingest", "freshness"


def ingest(sources: Iterable[str]) -> "UnresolvedAssetJobDefinition":
    """The job that lands days of the sources that are switched on."""
    names = list(sources)
    documents = dg.AssetSelection.assets(*([stage, name] for name in names for stage in ("raw", "parsed")))
    return dg.define_asset_job(
        INGEST,
        selection=documents | dg.AssetSelection.assets("quarantine") | dg.AssetSelection.groups("cleaned"),
        description=f"Lands days of {', '.join(names)}: documents, parsed records, cleaned tables and the catalogue.",
    )


features = dg.define_asset_job(
    "features",
    selection=dg.AssetSelection.groups("features", "monitoring"),
    description="Computes the features of landed days, puts them online, and measures their drift.",
)

retrain = dg.define_asset_job(
    "retrain",
    selection=dg.AssetSelection.groups("training", "models"),
    description="Trains every genre model on all landed days; the gate decides which one serves.",
)


def freshness(checks: Iterable[dg.AssetChecksDefinition]) -> "UnresolvedAssetJobDefinition":
    """The job that looks whether sources still land, which a landing itself cannot tell."""
    return dg.define_asset_job(
        FRESHNESS,
        selection=dg.AssetSelection.checks(*checks),
        description="Judges whether the sources that are switched on still land.",
    )


@dg.op
def roll_back_champion(context: dg.OpExecutionContext, home: HomeResource) -> None:
    """Makes the previous champion the champion again; serving follows within seconds."""
    champion = home.registry.rollback()
    context.log.info("champion is %s again", champion)


@dg.job(description="Makes the previous champion the champion again.")
def rollback() -> None:
    """One step, since serving follows the alias by itself."""
    roll_back_champion()
