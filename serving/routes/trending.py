"""What is trending: titles by their trend score, with what it is made of."""

from typing import Annotated

from fastapi import APIRouter, Query

from serving.cursors import decode_cursor, encode_cursor
from serving.deps import CurrentCatalog
from serving.problems import problem_responses
from serving.schemas import TitleSummary, TrendingPage, TrendingParts, TrendingQuery, TrendingTitle

router = APIRouter(tags=["trending"])


@router.get("/v1/trending", responses=problem_responses(422, 503))
def list_trending(query: Annotated[TrendingQuery, Query()], catalog: CurrentCatalog) -> TrendingPage:
    """Titles by how much faster than usual, and how much, they are talked of at the end of the newest day.

    Titles of which nothing was said for four weeks are not in it.
    """
    scope = {"list": "trending", **query.filters()}
    after = decode_cursor(query.cursor, scope, tuple[float, str]) if query.cursor else None
    page = catalog.trending(query.window, query, query.limit, after)
    return TrendingPage(
        items=[
            TrendingTitle(
                title=TitleSummary.model_validate(trend.title),
                score=trend.score,
                parts=TrendingParts.model_validate(trend),
                as_of=trend.as_of,
            )
            for trend in page.items
        ],
        next_cursor=encode_cursor(scope, page.next_key) if page.next_key else None,
    )
