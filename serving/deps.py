"""Dependencies of the routes, in one place."""

from typing import Annotated

from fastapi import Depends, Request

from serving.catalog import Catalog, CatalogTitle
from serving.predictors import Champion
from serving.problems import InvalidField, invalid_request, title_not_found
from serving.state import ServingState


def _state(request: Request) -> ServingState:
    state: ServingState = request.app.state.serving
    return state


async def each_once(request: Request) -> None:
    """Refuses a request with a parameter that is sent twice: which of the two is meant is anybody's guess.

    Raises:
        ProblemError: there is one (422).
    """
    sent = [name for name, _ in request.query_params.multi_items()]
    if len(set(sent)) != len(sent):
        raise invalid_request([InvalidField(location="query", message="a parameter is sent twice")])


State = Annotated[ServingState, Depends(_state)]


def _catalog(state: State) -> Catalog:
    return state.need_catalog()


def _champion(state: State) -> Champion:
    return state.need_champion()


CurrentCatalog = Annotated[Catalog, Depends(_catalog)]
CurrentChampion = Annotated[Champion, Depends(_champion)]


def _title(title_id: str, catalog: CurrentCatalog) -> CatalogTitle:
    title = catalog.get(title_id)
    if title is None:
        raise title_not_found()
    return title


FoundTitle = Annotated[CatalogTitle, Depends(_title)]
