import json
import logging
import re
import uuid

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from serving.observability import accepted_request_id
from trending_assets_tests.serving.world import FakeFeatures

SECRET = "a very private plot about nobody"


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]):
    """The JSON lines that the process writes to standard error while a test runs."""
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_every_request_has_an_id_and_a_line_without_its_text(lines, ready: TestClient) -> None:
    body = {"instances": [{"title": SECRET, "plot": SECRET, "kind": "movie"}]}
    answer = ready.post("/v1/genres/predict", json=body)
    request_id = answer.headers["x-request-id"]
    assert uuid.UUID(request_id).version == 7
    written = lines()
    (line,) = [line for line in written if line.get("request_id") == request_id]
    assert line["event"] == "request"
    assert (line["method"], line["route"], line["status"]) == ("POST", "/v1/genres/predict", 200)
    assert line["milliseconds"] > 0
    assert SECRET not in json.dumps(written)


def test_a_callers_id_is_kept_where_it_is_harmless(ready: TestClient) -> None:
    assert ready.get("/healthz", headers={"X-Request-ID": "job-17.a_b"}).headers["x-request-id"] == "job-17.a_b"


@pytest.mark.parametrize("incoming", [None, "", "x" * 65, 'x"y', "a b", "a\nb", "ü", "{}", f"tn_0123abcd_{'k' * 43}"])
def test_any_other_id_is_replaced(incoming: str | None) -> None:
    assert uuid.UUID(accepted_request_id(incoming)).version == 7


@pytest.mark.parametrize("path", ["/healthz", "/v1/titles/tt0", "/nowhere", "/v1/titles?limit=0"])
def test_every_answer_carries_an_id(ready: TestClient, path: str) -> None:
    answer = ready.get(path)
    assert answer.headers["x-request-id"]
    if answer.status_code >= 400:
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_fault_of_ours_says_nothing_of_its_inside(lines, ready: TestClient, features: FakeFeatures) -> None:
    features.error = RuntimeError(SECRET)
    answer = ready.get("/v1/titles/tt0133093/genres")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "about:blank"
    assert "RuntimeError" not in answer.text
    written = lines()
    (failed,) = [line for line in written if line["event"] == "request_failed"]
    assert failed["error"] == "RuntimeError"
    assert failed["request_id"] == answer.headers["x-request-id"]
    assert re.search(r"world\.py:\d+ read$", failed["frames"][-1])
    assert SECRET not in json.dumps(written)


def test_unknown_routes_and_methods(ready: TestClient) -> None:
    unknown = ready.get("/v2/titles")
    assert unknown.status_code == 404
    assert unknown.json()["detail"] == "The API has no such path; /openapi.json lists those it has."
    wrong = ready.delete("/v1/titles")
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "GET"
    assert wrong.json()["title"] == "Method Not Allowed"


def test_lines_of_other_loggers_are_json_too(lines, app: FastAPI) -> None:
    logging.getLogger("uvicorn.error").error("port %d is taken", 80)
    assert lines()[0]["event"] == "port 80 is taken"


def test_the_line_and_the_time_of_a_prediction_name_the_variant(lines, ready: TestClient) -> None:
    ready.get("/v1/titles/tt0133093/genres")
    ready.post("/v1/genres/predict", json={"instances": [{"title": "x", "kind": "movie"}] * 2})
    ready.get("/v1/titles/tt0133093")
    assert [(line["route"], line["variant"], line["key_id"]) for line in lines() if line["event"] == "request"] == [
        ("/v1/titles/{title_id}/genres", "champion", None),
        ("/v1/genres/predict", "champion", None),
        ("/v1/titles/{title_id}", None, None),
    ]
    counted = ready.get("/metrics").text
    name = "trending_http_request_seconds_count"
    assert f'{name}{{method="GET",route="/v1/titles/{{title_id}}/genres",variant="champion"}} 1.0' in counted
    assert f'{name}{{method="GET",route="/v1/titles/{{title_id}}",variant=""}} 1.0' in counted


def test_metrics_count_by_route_and_model(ready: TestClient, features: FakeFeatures) -> None:
    ready.get("/v1/titles/tt0133093/genres")
    ready.get("/v1/titles/tt0088763/genres")
    ready.get("/nowhere/at/all")
    features.rows["tt0133093"] = features.row({"text": "The Matrix", "kind": "movie", "year": 1999})
    ready.get("/v1/titles/tt0133093/genres")
    answer = ready.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'trending_http_requests_total{method="GET",route="/v1/titles/{title_id}/genres",status="200"} 3.0',
        'trending_http_requests_total{method="GET",route="unmatched",status="404"} 1.0',
        'trending_predictions_total{features="online",model="genre_majority",version="20250626-aaaaaaaa"} 3.0',
        'trending_degraded_predictions_total{model="genre_majority",version="20250626-aaaaaaaa"} 1.0',
        'trending_loads_total{part="champion"} 1.0',
    ):
        assert line in answer.text
    assert "tt0133093" not in answer.text
