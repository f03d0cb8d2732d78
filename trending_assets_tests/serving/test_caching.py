"""What callers may keep, and when they are told that it is the same still."""

import asyncio
import gzip
import json

import pytest
from fastapi.testclient import TestClient
from starlette.types import Receive, Scope, Send

from serving.caching import ConditionalGet
from serving.catalog import read_catalog
from serving.state import ServingState
from trending_assets_tests.serving.asgi import ask
from trending_assets_tests.serving.world import World

CACHED = ["/v1/titles", "/v1/titles/tt0133093", "/v1/trending", "/v1/trending?window=day", "/v1/titles?q=matrix"]


@pytest.mark.parametrize("path", CACHED)
def test_who_has_the_answer_is_told_that_it_is_the_same(ready: TestClient, path: str) -> None:
    first = ready.get(path)
    assert first.headers["cache-control"] == "public, max-age=60"
    again = ready.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == "public, max-age=60"
    assert again.headers["x-request-id"]
    assert "content-type" not in again.headers


@pytest.mark.parametrize("path", CACHED)
def test_a_new_catalogue_or_new_scores_are_another_version(
    ready: TestClient, world: World, state: ServingState, path: str
) -> None:
    old = ready.get(path).headers["etag"]
    world.land_catalog([row | {"reviews_total": 77} for row in world.titles])
    state.refresh()
    changed = ready.get(path, headers={"If-None-Match": old})
    assert changed.status_code == 200
    world.land_activity([])
    state.refresh()
    assert len({old, changed.headers["etag"], ready.get(path).headers["etag"]}) == 3


def test_the_version_is_that_of_the_rows_and_not_of_the_file(world: World) -> None:
    world.land_catalog()
    first = read_catalog(world.lake).version
    world.land_catalog()
    assert read_catalog(world.lake).version == first
    world.land_activity()
    assert read_catalog(world.lake).version != first


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ('W/"a"', 304),
        ('"a"', 304),
        ("*", 304),
        ('"b", W/"a"', 304),
        ('"b",,"a"', 304),
        ('W/"b"', 200),
        ("a", 200),
        ("", 200),
        ("W/", 200),
        ('"' + "a" * 10_000 + '"', 200),
    ],
)
def test_tags_are_compared_weakly(sent: str, status: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"etag", b'W/"a"'), (b"content-length", b"2"), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    answer = asyncio.run(ask(ConditionalGet(app), method="GET", headers={"if-none-match": sent}))
    assert (answer.status, answer.body) == (status, b"ok" if status == 200 else b"")


@pytest.mark.parametrize("path", ["/v1/titles/tt0000000", "/v1/titles?limit=0", "/nowhere"])
def test_an_error_is_never_the_same_still(ready: TestClient, path: str) -> None:
    answer = ready.get(path, headers={"If-None-Match": "*"})
    assert answer.status_code in {404, 422}
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/titles/tt0133093/genres", "/v1/models", "/healthz", "/readyz", "/metrics"])
def test_what_is_not_made_of_the_catalogue_alone_is_kept_by_nobody(ready: TestClient, path: str) -> None:
    answer = ready.get(path, headers={"If-None-Match": "*"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


def test_a_long_answer_is_compressed_for_who_takes_that(ready: TestClient) -> None:
    plain = ready.get("/v1/titles", headers={"Accept-Encoding": "identity"})
    packed = ready.get("/v1/titles", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["vary"]
    assert "Accept-Encoding" in plain.headers["vary"]
    assert int(packed.headers["content-length"]) < len(plain.content)
    assert packed.json() == plain.json()
    assert packed.headers["etag"] == plain.headers["etag"]
    known = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["etag"]}
    same = ready.get("/v1/titles", headers=known)
    assert same.status_code == 304
    assert "content-encoding" not in same.headers
    assert "content-encoding" not in ready.get("/healthz").headers


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("gzip;q=0", False),
        ("br, gzip; q=0.000", False),
        ("identity, *;q=0", False),
        ("gzipped", False),
        ("br, gzip", True),
        ("gzip;q=1.0, *;q=0", True),
        ("deflate,gzip;q=0.5", True),
    ],
)
def test_who_refuses_gzip_gets_none(ready: TestClient, accepted: str, is_packed: bool) -> None:
    answer = ready.get("/v1/titles", headers={"Accept-Encoding": accepted})
    assert ("content-encoding" in answer.headers) == is_packed
    assert answer.json()["items"]


def test_what_is_compressed_is_what_was_to_be_sent(ready: TestClient) -> None:
    with ready.stream("GET", "/v1/titles", headers={"Accept-Encoding": "gzip"}) as answer:
        packed = b"".join(answer.iter_raw())
    assert json.loads(gzip.decompress(packed))["items"]
