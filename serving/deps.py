"""Dependencies of the routes, in one place.

All of them are coroutines that wait for nothing: FastAPI would run a plain function in a thread, which takes longer.
"""

from typing import Annotated

from fastapi import Depends, Request

from serving.catalog import Catalog, CatalogTitle
from serving.predictors import ServedModel
from serving.problems import InvalidField, invalid_request, title_not_found
from serving.state import ServingState


def serving_state(request: Request) -> ServingState:
    """What the app that answers holds."""
    state: ServingState = request.app.state.serving
    return state


def found_title(catalog: Catalog, title_id: str) -> CatalogTitle:
    """A title by its id or an alias.

    Raises:
        ProblemError: there is none (404).
    """
    title = catalog.get(title_id)
    if title is None:
        raise title_not_found()
    return title


async def _state(request: Request) -> ServingState:
    return serving_state(request)


async def each_once(request: Request) -> None:
    """Refuses a request with a parameter that is sent twice: which of the two is meant is anybody's guess.

    Raises:
        ProblemError: there is one (422).
    """
    sent = [name for name, _ in request.query_params.multi_items()]
    if len(set(sent)) != len(sent):
        raise invalid_request([InvalidField(location="query", message="a parameter is sent twice")])


State = Annotated[ServingState, Depends(_state)]


async def _catalog(state: State) -> Catalog:
    return state.need_catalog()


async def _champion(state: State) -> ServedModel:
    return state.need_champion()


CurrentCatalog = Annotated[Catalog, Depends(_catalog)]
CurrentChampion = Annotated[ServedModel, Depends(_champion)]


async def _title(title_id: str, catalog: CurrentCatalog) -> CatalogTitle:
    return found_title(catalog, title_id)


FoundTitle = Annotated[CatalogTitle, Depends(_title)]
