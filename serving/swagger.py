"""Swagger UI, the page that shows the API. Its files come out of a package, so it needs no other network."""

from collections.abc import Callable
from importlib.resources import files

from fastapi import APIRouter, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

PAGE = "/docs"
_FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
PATHS = frozenset({PAGE, *(f"{PAGE}/{name}" for name in _FILES)})
# They change with the package alone.
_KEPT = {"Cache-Control": "public, max-age=3600"}


def swagger_router(title: str) -> APIRouter:
    """The page and its files, which are no part of the API's document.

    Args:
        title: the API's name.
    """
    router = APIRouter(include_in_schema=False)
    script, style, icon = (f"{PAGE}/{name}" for name in _FILES)

    @router.get(PAGE)
    async def page() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=title,
            swagger_js_url=script,
            swagger_css_url=style,
            swagger_favicon_url=icon,
        )

    for name, media_type in _FILES.items():
        router.add_api_route(f"{PAGE}/{name}", _giver(name, media_type), name=name)
    return router


def _giver(name: str, media_type: str) -> Callable[[], Response]:
    def give() -> Response:
        content = (files("fastapi_swagger.resources") / name).read_bytes()
        return Response(content, media_type=media_type, headers=_KEPT)

    return give
