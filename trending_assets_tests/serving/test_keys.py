"""Who is let in: keys, their scopes, how often they may come, and what nobody gets by with."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.keys import OPEN_PATHS, CurrentKeys
from serving.settings import ServingSettings
from trending_assets.storage.api_keys import SCOPES, ApiKeys, Scope
from trending_assets.storage.home import Home
from trending_assets_tests.serving.conftest import HOUR
from trending_assets_tests.serving.world import FakeEncoder, FakeFeatures, World

NOW = datetime(2025, 6, 26, tzinfo=UTC)
BODY = {"instances": [{"title": "x", "kind": "movie"}]}
FEEDBACK = {"prediction_id": "019756bf-ff00-7000-8000-000000000000", "genres": ["drama"]}
CALLS: list[tuple[Scope, str, str, object]] = [
    ("read", "GET", "/v1/titles", None),
    ("read", "GET", "/v1/titles/tt0133093", None),
    ("read", "GET", "/v1/trending", None),
    ("read", "GET", "/v1/models", None),
    ("predict", "GET", "/v1/titles/tt0133093/genres", None),
    ("predict", "POST", "/v1/genres/predict", BODY),
    ("feedback", "POST", "/v1/feedback", FEEDBACK),
    ("lineage", "GET", "/v1/lineage/{prediction_id}", None),
    ("metrics", "GET", "/metrics", None),
]


@pytest.fixture
def keys(world: World) -> ApiKeys:
    """The keys of the home, of which there is one with every scope."""
    keys = ApiKeys(Home(world.folder).api_keys)
    keys.add("first", SCOPES, NOW)
    return keys


@pytest.fixture
def app(world: World, features: FakeFeatures, keys: ApiKeys) -> FastAPI:
    """The app, which asks for keys."""
    settings = ServingSettings(home=world.folder, require_keys=True, rate_limit="20/hour", wrong_key_limit="10/hour")
    return create_app(settings, features=lambda _: features, encoder=FakeEncoder, poll_seconds=HOUR)


@pytest.fixture
def key(keys: ApiKeys) -> Callable[..., dict[str, str]]:
    """Makes a key with these scopes, and returns the header that carries it."""
    return lambda *scopes: bearer(keys.add("a caller", scopes or SCOPES, NOW)[1])


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@pytest.mark.parametrize(("scope", "method", "path", "body"), CALLS)
def test_a_call_needs_its_scope_and_no_other(
    ready: TestClient, key: Callable[..., dict[str, str]], scope: Scope, method: str, path: str, body: object
) -> None:
    path = path.replace("{prediction_id}", _predicted(ready, key("predict")))
    # A key that was let in is told nothing of what another asked for.
    expected = {404} if scope == "lineage" else {200, 202}
    assert ready.request(method, path, json=body, headers=key(scope)).status_code in expected
    refused = ready.request(method, path, json=body, headers=key(*(other for other in SCOPES if other != scope)))
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:trending-now:problem:scope-missing"
    assert f'scope="{scope}"' in refused.headers["www-authenticate"]
    anonymous = ready.request(method, path, json=body)
    assert anonymous.status_code == 401
    assert anonymous.headers["content-type"] == "application/problem+json"
    assert anonymous.headers["www-authenticate"] == 'Bearer realm="trending-now"'


def _predicted(ready: TestClient, headers: dict[str, str]) -> str:
    made = ready.get("/v1/titles/tt0133093/genres", headers=headers)
    return str(made.raise_for_status().json()["prediction_id"])


def test_a_key_is_told_of_its_own_predictions_alone(ready: TestClient, key: Callable[..., dict[str, str]]) -> None:
    mine, other = key("predict", "lineage"), key("predict", "lineage")
    path = f"/v1/lineage/{_predicted(ready, mine)}"
    assert ready.get(path, headers=mine).json()["title_id"] == "tt0133093"
    refused, unknown = ready.get(path, headers=other), ready.get(f"{path[:-4]}0000", headers=other)
    assert refused.status_code == unknown.status_code == 404
    assert refused.json()["type"] == unknown.json()["type"]
    text = ready.post("/v1/genres/predict", json=BODY, headers=mine).json()["predictions"][0]["prediction_id"]
    assert [ready.get(f"/v1/lineage/{text}", headers=each).status_code for each in (mine, other)] == [200, 404]


def test_every_call_of_the_document_is_guarded_or_open(app: FastAPI, ready: TestClient) -> None:
    paths = ready.get("/openapi.json").json()["paths"]
    for path, item in paths.items():
        for method, operation in item.items():
            answer = ready.request(method, path.replace("{title_id}", "tt0133093"))
            assert answer.status_code == (200 if path in OPEN_PATHS else 401), path
            assert ("security" in operation) == (path not in OPEN_PATHS)
    assert {(method, path) for _, method, path, _ in CALLS} == {
        (method.upper(), path.replace("{title_id}", "tt0133093"))
        for path, item in paths.items()
        for method in item
        if path not in OPEN_PATHS
    }


@pytest.mark.parametrize(
    "path",
    [
        "/v1//titles",
        "//v1/titles",
        "/v1/titles/",
        "/V1/titles",
        "/healthz/../v1/titles",
        "/healthz/%2e%2e/v1/titles",
        "/docs/..%2fv1/titles",
        "/v1/titles%2ftt0133093",
        "/v1/titles/tt0133093%2fgenres",
        "/v1/titles?path=/healthz",
        "/v1/titles;/healthz",
        "/v1/titles%00/healthz",
        "/nowhere",
    ],
)
def test_no_spelling_of_a_path_gets_by_without_a_key(ready: TestClient, path: str) -> None:
    assert ready.get(path).status_code == 401


def test_an_encoded_slash_reaches_no_scope_that_the_key_lacks(
    ready: TestClient, key: Callable[..., dict[str, str]]
) -> None:
    answer = ready.get("/v1/titles/tt0133093%2fgenres", headers=key("read"))
    assert answer.status_code == 403


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "PATCH"])
def test_no_other_method_gets_by(ready: TestClient, method: str) -> None:
    assert ready.request(method, "/v1/titles").status_code == 401


def test_only_the_header_carries_a_key(ready: TestClient, keys: ApiKeys) -> None:
    _, text = keys.add("a", SCOPES, NOW)
    for where in (
        {"params": {"api_key": text, "access_token": text}},
        {"headers": {"Cookie": f"Authorization=Bearer {text}"}},
        {"headers": {"X-API-Key": text}},
        {"headers": {"Authorization": text}},
        {"headers": {"Authorization": f"Basic {text}"}},
        {"headers": [("Authorization", f"Bearer {text}"), ("Authorization", "Bearer x")]},
        {"headers": [("Authorization", f"Bearer {text}"), ("Authorization", f"Bearer {text}")]},
        {"headers": {"Authorization": f"Bearer {text}, Bearer {text}"}},
        {"headers": {"Authorization": f"Bearer {text}".encode() + b"\xff"}},
    ):
        assert ready.get("/v1/titles", **where).status_code == 401, where
    assert ready.get("/v1/titles", headers={"authorization": f"bearer {text}"}).status_code == 200


def test_guessing_is_slowed_and_keeps_nobody_out(ready: TestClient, keys: ApiKeys) -> None:
    made, text = keys.add("a", ["read"], NOW)
    answers = [ready.get("/v1/titles", headers=bearer(f"tn_{made.key_id}_{'A' * 43}")) for _ in range(12)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 3600
    assert {json.dumps(answer.json()["detail"]) for answer in answers[:10]} == {
        '"What was sent as a key is none of this API, or one that was revoked."'
    }
    assert ready.get("/v1/titles", headers=bearer(text)).status_code == 200


def test_a_key_that_comes_too_often_waits_and_others_do_not(
    ready: TestClient, key: Callable[..., dict[str, str]]
) -> None:
    often, seldom = key("read", "metrics"), key("read", "metrics")
    assert [ready.get("/v1/models", headers=often).status_code for _ in range(21)] == [200] * 20 + [429]
    answer = ready.get("/v1/models", headers=often)
    assert answer.json()["type"] == "urn:trending-now:problem:too-many-requests"
    assert 1 <= int(answer.headers["retry-after"]) <= 3600
    counted = ready.get("/metrics", headers=seldom).text
    key_id = often["Authorization"].split("_")[1]
    assert f'trending_requests_rate_limited_total{{key="{key_id}"}} 2.0' in counted
    assert ready.get("/healthz", headers=often).status_code == 200


def test_a_body_is_not_looked_at_of_who_has_no_key(ready: TestClient) -> None:
    # With a key it is refused for its size.
    assert ready.post("/v1/genres/predict", content=b"x" * 9_000_000).status_code == 401


def test_log_lines_name_the_key_and_never_hold_it(
    ready: TestClient, keys: ApiKeys, capsys: pytest.CaptureFixture[str]
) -> None:
    made, text = keys.add("a", ["predict"], NOW)
    capsys.readouterr()
    ready.post("/v1/genres/predict", json=BODY, headers=bearer(text))
    ready.get("/v1/titles", headers=bearer(text))
    ready.get("/v1/titles", headers=bearer(text[:-1]))
    written = capsys.readouterr().err
    lines = [line for line in map(json.loads, written.splitlines()) if line["event"] == "request"]
    assert [(line["status"], line["key_id"], line["variant"]) for line in lines] == [
        (200, made.key_id, "champion"),
        (403, made.key_id, None),
        (401, None, None),
    ]
    assert text[12:-1] not in written


def test_metrics_count_who_was_refused(ready: TestClient, key: Callable[..., dict[str, str]]) -> None:
    ready.get("/v1/titles")
    ready.get("/v1/titles", headers=bearer("x"))
    ready.get("/v1/titles", headers=key("metrics"))
    counted = ready.get("/metrics", headers=key("metrics")).text
    for reason in ("missing", "wrong", "scope"):
        assert f'trending_keys_refused_total{{reason="{reason}"}} 1.0' in counted


def test_the_server_knows_new_keys_at_once_and_revoked_ones_within_a_second(keys: ApiKeys) -> None:
    now = [0.0]
    current = CurrentKeys(keys.path, clock=lambda: now[0])
    made, text = keys.add("a", ["read"], NOW)
    assert current.find(text) == made
    other, another = keys.add("b", ["read"], NOW)
    keys.revoke(made.key_id, NOW)
    now[0] = 1.0
    assert current.find(text) is None
    assert current.find(another) == other
    third, newest = keys.add("c", ["read"], NOW)
    assert current.find(newest) == third


def test_a_file_that_cannot_be_read_leaves_the_keys_as_they_were_and_none_lets_nobody_in(keys: ApiKeys) -> None:
    now = [0.0]
    current = CurrentKeys(keys.path, clock=lambda: now[0])
    made, text = keys.add("a", ["read"], NOW)
    assert current.find(text) == made
    keys.path.write_text("{")
    now[0] = 1.0
    assert current.find(text) == made
    keys.path.unlink()
    now[0] = 2.0
    assert current.find(text) is None


def test_no_answer_of_who_needs_a_key_is_kept_by_others(ready: TestClient, key: Callable[..., dict[str, str]]) -> None:
    assert ready.get("/v1/titles", headers=key()).headers["cache-control"] == "private, max-age=60"


def test_without_keys_nobody_is_asked_for_one(world: World, tmp_path: Path) -> None:
    app = create_app(ServingSettings(home=world.folder), encoder=FakeEncoder, poll_seconds=HOUR)
    with TestClient(app) as client:
        assert client.get("/v1/models").status_code == 200
        assert client.get("/v1/models", headers=bearer("anything")).status_code == 200
        assert "securitySchemes" not in client.get("/openapi.json").json()["components"]
