"""The OpenAPI document says the truth: requests made from it get answers that fit it."""

import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from serving import schemas
from serving.app import create_app
from serving.examples import EXAMPLES
from serving.explanations import MAX_EXPLAINED
from serving.settings import ServingSettings
from trending_assets.domain.predictions import lineage
from trending_assets.storage.api_keys import SCOPES, ApiKeys
from trending_assets.storage.home import Home
from trending_assets_tests.serving.world import TITLES, FakeEncoder, FakeFeatures, World

# `make fuzz` asks for thousands, and for others each time.
CASES = int(os.environ.get("FUZZ_CASES", "25"))
SEED = os.environ.get("FUZZ_SEED")
# What a JSON schema cannot say of a request: where the only thing that is wrong is one of these, it fits the document.
UNSAYABLE = [
    re.compile(location)
    for location in (
        r"query",  # years in order
        r"query\.cursor",  # a cursor is one that the API gave for this query
        r"body\.prediction_id",  # the time in an id is not to come
        r"body\.instances\.\d+",  # title and plot hold something besides white space and control characters
        r"body\.instances\.\d+\.countries",  # each is a country
    )
]
# Each request has the key; one whose only fault was a key of schemathesis's own would be let in.
WITHOUT_KEYS = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})
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


@dataclass
class Served:
    """An app, and the headers that let in who asks."""

    app: FastAPI
    headers: dict[str, str]


@pytest.fixture(scope="module", params=["ready", "empty", "guarded"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """An app with everything, one with nothing, and one that asks for keys."""
    features, headers = FakeFeatures(), {}
    home: Path = tmp_path_factory.mktemp(request.param)
    guarded = request.param == "guarded"
    if guarded:
        _, text = ApiKeys(Home(home).api_keys).add("fuzzer", SCOPES, datetime(2025, 6, 26, tzinfo=UTC))
        headers = {"Authorization": f"Bearer {text}"}
    often = "1000000/second"
    settings = ServingSettings(home=home, require_keys=guarded, rate_limit=often, wrong_key_limit=often)
    app = create_app(settings, features=lambda _: features, encoder=FakeEncoder)
    if request.param != "empty":
        world = World(home)
        world.land_catalog()
        world.land_activity()
        world.promote()
        world.apply_features()
        features.fill(world.titles)
        app.state.serving.refresh()
    return Served(app, headers)


def test_every_operation_is_tested_here(app: FastAPI) -> None:
    paths: dict[str, Any] = app.openapi()["paths"]
    assert {(method.upper(), path) for path, item in paths.items() for method in item} == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_fit_the_document(served: Served, method: str, path: str) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", served.app, config=WITHOUT_KEYS)
    operation = schema[path][method]
    known_ids = st.sampled_from([*(row["title_id"] for row in TITLES), "moviebox:603", "tt0000000"])

    @given(
        case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        title_id=known_ids,
        use_known=st.booleans(),
    )
    @seed(SEED)
    @settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        derandomize=SEED is None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: schemathesis.Case, title_id: str, use_known: bool) -> None:
        if use_known and "title_id" in case.path_parameters:
            case.path_parameters["title_id"] = title_id
        answer = case.call(headers=served.headers)
        assert answer.status_code < 500 or answer.status_code == 503
        assert answer.headers["x-request-id"]
        # Every one of schemathesis's checks but that on 5xx, which knows no 503 that is meant.
        excluded = [not_a_server_error, *([positive_data_acceptance] if _breaks_an_unsayable_rule(answer) else [])]
        case.validate_response(answer, headers=served.headers, excluded_checks=excluded)

    check()


def _breaks_an_unsayable_rule(answer: schemathesis.Response) -> bool:
    if answer.status_code != 422:
        return False
    return all(
        any(rule.fullmatch(error["location"]) for rule in UNSAYABLE)
        # Of two parameters together.
        or error["message"] == f"`explain` takes at most {MAX_EXPLAINED} instances"
        for error in answer.json()["errors"]
    )


def test_problems_and_examples_are_declared(app: FastAPI) -> None:
    document = app.openapi()
    for item in document["paths"].values():
        for operation in item.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]
    components = document["components"]["schemas"]
    assert "HTTPValidationError" not in components
    for name in ("Prediction", "Instance", "FeedbackRequest", "Problem"):
        assert components[name]["examples"]


def test_every_call_shows_an_example_that_fits(app: FastAPI) -> None:
    document = app.openapi()
    names = document["components"]["schemas"]
    models = {name: getattr(module, name) for module in (schemas, lineage) for name in names if hasattr(module, name)}
    shown = set()
    for path, item in document["paths"].items():
        for operation in item.values():
            assert all(_has_example(parameter) for parameter in operation.get("parameters", [])), path
            answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
            for body in (*answers, *([operation["requestBody"]] if "requestBody" in operation else [])):
                for media_type, content in body["content"].items():
                    if media_type == "application/json":
                        schema = content["schema"]
                        name = schema.get("anyOf", [schema])[-1]["$ref"].rpartition("/")[2]
                        models[name].model_validate_json(json.dumps(content["example"]))
                        assert content["example"].keys() == models[name].model_fields.keys()
                        shown.add(name)
    assert shown == EXAMPLES.keys()


def _has_example(parameter: dict[str, Any]) -> bool:
    schema = parameter["schema"]
    return "examples" in schema or "default" in schema or parameter["name"] == "cursor"


def test_the_document_and_its_page_are_served(client: TestClient) -> None:
    assert client.get("/openapi.json").status_code == 200
    assert client.get("/docs").status_code == 200


def test_the_examples_work(ready: TestClient) -> None:
    components = ready.get("/openapi.json").json()["components"]["schemas"]
    body = {"instances": components["Instance"]["examples"]}
    prediction = ready.post("/v1/genres/predict", json=body).json()["predictions"][0]
    example = components["Prediction"]["examples"][0]
    assert prediction.keys() == example.keys()
    assert prediction["genres"][0].keys() == example["genres"][0].keys()
    assert prediction["features"].keys() == example["features"].keys()
    assert prediction["model"].keys() == example["model"].keys()
    assert ready.post("/v1/feedback", json=components["FeedbackRequest"]["examples"][0]).status_code == 202
