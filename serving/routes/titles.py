"""The catalogue: lists, search and single titles."""

from typing import Annotated

from fastapi import APIRouter, Query

from serving.catalog import CatalogTitle
from serving.cursors import decode_cursor, encode_cursor
from serving.deps import CurrentCatalog, FoundTitle
from serving.problems import problem_responses
from serving.schemas import Title, TitlePage, TitlesQuery, TitleSummary

router = APIRouter(tags=["titles"])


@router.get("/v1/titles", responses=problem_responses(422, 503))
def list_titles(query: Annotated[TitlesQuery, Query()], catalog: CurrentCatalog) -> TitlePage:
    """Titles by id; with `q`, exact names first, then names that begin with it, then all that hold its words."""
    scope = {"list": "titles", **query.filters()}
    after = decode_cursor(query.cursor, scope, tuple[int, str]) if query.cursor else None
    page = catalog.search(query, query.limit, after)
    return TitlePage(
        items=[TitleSummary.model_validate(title) for title in page.items],
        next_cursor=encode_cursor(scope, page.next_key) if page.next_key else None,
    )


@router.get("/v1/titles/{title_id}", responses=problem_responses(404, 503), response_model=Title)
async def get_title(title: FoundTitle) -> CatalogTitle:
    """One title with its sources, by its id or an alias of it."""
    return title
