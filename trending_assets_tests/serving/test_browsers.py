"""What browsers may do with answers."""

import datetime as dt
import re

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.settings import ServingSettings
from serving.swagger import PATHS
from trending_assets.storage.api_keys import ApiKeys
from trending_assets.storage.home import Home
from trending_assets_tests.serving.conftest import HOUR
from trending_assets_tests.serving.world import FakeEncoder, World

GOOD, EVIL = "https://good.example", "https://evil.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


@pytest.mark.parametrize("path", ["/healthz", "/v1/titles", "/v1/titles/tt0", "/nowhere", "/metrics", "/openapi.json"])
def test_every_answer_carries_the_headers(ready: TestClient, path: str) -> None:
    headers = ready.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_swagger_needs_this_server_alone(ready: TestClient) -> None:
    page = ready.get("/docs")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "http" not in page.text
    parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(parts) == 3
    for path in parts:
        part = ready.get(path)
        assert part.status_code == 200
        assert part.headers["cache-control"] == "public, max-age=3600"
        # nosniff: a browser runs a script, and takes a style, only if it is called one.
        assert part.headers["content-type"].split(";")[0] in {"text/javascript", "text/css", "image/png"}
        assert not re.search(rb"url\(['\"]?https?:|@import", part.content) or path.endswith(".js")
    assert "url: '/openapi.json'" in page.text


def test_who_may_read_the_document_may_read_the_page(world: World) -> None:
    ApiKeys(Home(world.folder).api_keys).add("anybody", ["read"], dt.datetime.now(dt.UTC))
    with TestClient(create_app(ServingSettings(home=world.folder, require_keys=True), poll_seconds=HOUR)) as client:
        for path in PATHS | {"/openapi.json"}:
            assert client.get(path).status_code == 200
        assert client.get("/docs/../v1/titles").status_code == 401
        assert client.get("/docs/else").status_code == 401
        assert not [path for path in client.get("/openapi.json").json()["paths"] if path.startswith("/docs")]


def test_no_origin_is_let_in_unless_it_is_named(ready: TestClient) -> None:
    answer = ready.get("/v1/titles", headers={"Origin": EVIL})
    assert "access-control-allow-origin" not in answer.headers
    preflight = ready.options("/v1/genres/predict", headers={"Origin": EVIL} | PREFLIGHT)
    assert preflight.status_code == 405
    assert "access-control-allow-origin" not in preflight.headers


def test_named_origins_are_let_in_and_no_others(world: World) -> None:
    settings = ServingSettings(home=world.folder, cors_origins=f"{GOOD},http://localhost:5173")
    with TestClient(create_app(settings, encoder=FakeEncoder, poll_seconds=HOUR)) as client:
        preflight = client.options("/v1/genres/predict", headers={"Origin": GOOD} | PREFLIGHT)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == GOOD
        assert "access-control-allow-credentials" not in preflight.headers
        answer = client.get("/v1/models", headers={"Origin": GOOD})
        assert answer.headers["access-control-allow-origin"] == GOOD
        assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
        for origin in (EVIL, f"{GOOD}.evil.example", "http://good.example", "null", f"{GOOD}:8443"):
            assert client.options("/v1/models", headers={"Origin": origin} | PREFLIGHT).status_code == 400
            assert "access-control-allow-origin" not in client.get("/v1/models", headers={"Origin": origin}).headers
