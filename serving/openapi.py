"""The OpenAPI document: FastAPI's, with what the middleware answers, the problems, and an example of each call."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from serving.admission import UNSHED_PATHS
from serving.examples import EXAMPLES, PARAMETERS
from serving.keys import OPEN_PATHS
from serving.problems import Problem, problem_responses


def document(app: FastAPI, *, keys_required: bool) -> dict[str, Any]:
    """The document of an app, which is made once.

    Args:
        app: the app.
        keys_required: whether callers need keys.
    """
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        components.update(problem.pop("$defs", {}))
        components["Problem"] = problem
        _drop_default_validation_errors(schema)
        for path, item in schema["paths"].items():
            for operation in item.values():
                _add_middleware_answers(path, operation, keys_required=keys_required)
                _allow_empty_parameters(operation)
                _add_examples(operation)
        app.openapi_schema = schema
    return app.openapi_schema


def _drop_default_validation_errors(schema: dict[str, Any]) -> None:
    """Takes out FastAPI's own 422, which it adds to each route with a parameter that does not declare one.

    Those routes take nothing but an id, and any string is one.
    """
    for item in schema["paths"].values():
        for operation in item.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)


def _add_middleware_answers(path: str, operation: dict[str, Any], *, keys_required: bool) -> None:
    statuses = set() if path in UNSHED_PATHS else {503}
    if keys_required and path not in OPEN_PATHS:
        statuses |= {401, 403, 429}
    if "requestBody" in operation:
        statuses |= {408, 413, 415}
    added = {str(status): answer for status, answer in problem_responses(*statuses).items()}
    responses = {**added, **operation["responses"]}
    operation["responses"] = {status: responses[status] for status in sorted(responses)}


def _allow_empty_parameters(operation: dict[str, Any]) -> None:
    """Says that lists leave out a parameter that is empty, as forms send them."""
    parameters = operation.get("parameters", [])
    if any(parameter["name"] == "cursor" for parameter in parameters):
        for parameter in parameters:
            parameter["allowEmptyValue"] = True


def _add_examples(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", []):
        if parameter["name"] in PARAMETERS and "examples" not in parameter["schema"]:
            parameter["schema"]["examples"] = [PARAMETERS[parameter["name"]]]
    bodies = [operation.get("requestBody", {})]
    bodies += [response for status, response in operation["responses"].items() if status.startswith("2")]
    for body in bodies:
        content = body.get("content", {}).get("application/json", {})
        # Of an answer that comes in two shapes the last is the one that comes unless more is asked for.
        schema = content.get("schema", {})
        name = schema.get("anyOf", [schema])[-1].get("$ref", "").rpartition("/")[2]
        if name in EXAMPLES:
            content["example"] = EXAMPLES[name]
