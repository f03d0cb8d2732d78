"""Dependencies of the routes, in one place."""

from typing import Annotated

from fastapi import Depends, Request

from serving.catalog import Catalog, CatalogTitle
from serving.predictors import Champion
from serving.problems import title_not_found
from serving.state import ServingState


def _state(request: Request) -> ServingState:
    state: ServingState = request.app.state.serving
    return state


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
