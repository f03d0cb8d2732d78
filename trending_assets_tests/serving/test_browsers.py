"""What browsers may do with answers."""

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.settings import ServingSettings
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


def test_swagger_may_load_itself_and_nothing_else(ready: TestClient) -> None:
    page = ready.get("/docs")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "https://cdn.jsdelivr.net" in policy
    for source in ("script", "link"):
        assert f"<{source}" in page.text
    loaded = {part.split("/")[2] for part in page.text.split('"') if part.startswith("https://")}
    assert loaded
    assert all(f"https://{host}" in policy for host in loaded)


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
