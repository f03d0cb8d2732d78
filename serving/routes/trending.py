"""What is trending: for now the plain count of reviews in a window, and named so."""

from typing import Annotated

from fastapi import APIRouter, Query

from serving.catalog import WINDOW_DAYS
from serving.cursors import decode_cursor, encode_cursor
from serving.deps import CurrentCatalog
from serving.problems import problem_responses
from serving.schemas import TitleSummary, TrendingPage, TrendingParts, TrendingQuery, TrendingTitle

router = APIRouter(tags=["trending"])


@router.get("/v1/trending", responses=problem_responses(422, 503))
def list_trending(query: Annotated[TrendingQuery, Query()], catalog: CurrentCatalog) -> TrendingPage:
    """Titles by the number of reviews that arrived in the window, counted back from the newest partition."""
    scope = {"list": "trending", **query.filters()}
    after = decode_cursor(query.cursor, scope, tuple[int, str]) if query.cursor else None
    page = catalog.trending(query.window, query, query.limit, after)
    days = WINDOW_DAYS[query.window]
    return TrendingPage(
        items=[
            TrendingTitle(
                title=TitleSummary.model_validate(title),
                score=title.reviews_in(query.window),
                method=f"review_count_{days}d",
                parts=TrendingParts(reviews=title.reviews_in(query.window), window_days=days, window_end=catalog.as_of),
            )
            for title in page.items
        ],
        next_cursor=encode_cursor(scope, page.next_key) if page.next_key else None,
    )
