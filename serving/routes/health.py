"""Whether the process is alive, whether it can answer, and what it counts."""

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from serving.catalog import Catalog
from serving.deps import State
from serving.features import OnlineStoreError, UnknownFeatureServiceError
from serving.known_titles import StoreUnavailableError
from serving.predictors import missing_features
from serving.problems import not_ready, problem_responses
from serving.schemas import Health, Readiness
from serving.state import ServingState

router = APIRouter(tags=["health"])
# By itself, since those who watch over the process need no key, and those who read its numbers do.
metrics_router = APIRouter(tags=["health"])

_PROBES = 16


@router.get("/healthz", responses=problem_responses())
async def healthz() -> Health:
    """The process answers."""
    return Health(status="alive")


@router.get("/readyz", responses=problem_responses(503))
async def readyz(state: State) -> Readiness:
    """Catalogue, champion and online features are there, and the features are fresh."""
    reasons = [part.reason_for_none for part in (state.catalog, state.champion, state.features) if part.value is None]
    catalog, champion = state.catalog.value, state.champion.value
    if not reasons:
        reasons = await _feature_troubles(state)
    if reasons or catalog is None or champion is None:
        raise not_ready("not-ready", "Not everything that a prediction by id needs is there yet.", reasons)
    return Readiness(
        status="ready",
        model=champion.name,
        feature_service=champion.manifest.feature_service,
        catalog_as_of=catalog.as_of,
        titles=len(catalog.titles),
    )


@metrics_router.get("/metrics", response_class=PlainTextResponse, responses=problem_responses())
def metrics(state: State) -> Response:
    """Metrics for Prometheus."""
    return Response(generate_latest(state.metrics.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


async def _feature_troubles(state: ServingState) -> list[str]:
    """Why features cannot be served, from a look at titles across the catalogue; nothing where most are fine.

    A majority decides: a partition that has just landed is in the catalogue a moment before its features are online,
    and taking the server out of service for that would help nobody.
    """
    catalog, service = state.need_catalog(), state.need_champion().manifest.feature_service
    probes = _probes(catalog)
    try:
        rows = await state.known.probe(state.need_features(), service, probes)
    except UnknownFeatureServiceError:
        return [f"the feature store has no feature service {service} yet"]
    except StoreUnavailableError:
        return ["the online store does not answer: titles are predicted from the features that were last known of them"]
    except OnlineStoreError:
        return ["the online store cannot be read"]
    missing = sum(bool(missing_features(row)) for row in rows)
    stale = sum(row.stale(catalog.end()) for row in rows)
    troubles = []
    if missing * 2 > len(rows):
        troubles.append(f"{missing} of {len(rows)} probed titles lack online features")
    if stale * 2 > len(rows):
        troubles.append(f"the online features of {stale} of {len(rows)} probed titles are stale")
    return troubles


def _probes(catalog: Catalog) -> list[str]:
    # Nothing is ever computed of a title that no source tells the plot of.
    told = [title.title_id for title in catalog.titles if title.plot is not None]
    return told[:: max(1, len(told) // _PROBES)][:_PROBES]
