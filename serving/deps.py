"""Dependencies of the routes, in one place.

All of them are coroutines that wait for nothing: FastAPI would run a plain function in a thread, which takes longer.
"""

from typing import Annotated

from fastapi import Depends, Request

from serving.catalog import Catalog, CatalogTitle
from serving.predictors import Champion
from serving.problems import title_not_found
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


State = Annotated[ServingState, Depends(_state)]


async def _catalog(state: State) -> Catalog:
    return state.need_catalog()


async def _champion(state: State) -> Champion:
    return state.need_champion()


CurrentCatalog = Annotated[Catalog, Depends(_catalog)]
CurrentChampion = Annotated[Champion, Depends(_champion)]


async def _title(title_id: str, catalog: CurrentCatalog) -> CatalogTitle:
    return found_title(catalog, title_id)


FoundTitle = Annotated[CatalogTitle, Depends(_title)]
