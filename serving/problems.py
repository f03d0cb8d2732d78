"""Errors of the API: every one is an RFC 9457 ``application/problem+json`` document.

A detail says what the caller can do about it. It never holds a path, an exception's text, or what the caller sent.
"""

import http
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from serving.observability import current_request_id

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:trending-now:problem:"
# Long enough to find a fault in a batch of 128, short enough that a hostile body cannot make a huge answer.
_MAX_ERRORS = 20
_MAX_LOCATION = 120
_RETRY_SECONDS = 2
_STATUS_DETAILS = {
    400: "The body could not be read as UTF-8 encoded JSON.",
    404: "The API has no such path; /openapi.json lists those it has.",
    405: "The path does not take this method; the Allow header names those it takes.",
    413: "The body is larger than the API takes: send fewer instances, or shorter texts.",
}


class InvalidField(BaseModel):
    """One thing that is wrong with a request."""

    location: str = Field(description="Where, as a path: `body.instances.0.year` or `query.limit`.")
    message: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """An error, as RFC 9457 describes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": f"{_TYPE_PREFIX}title-not-found",
                    "title": "Title not found",
                    "status": 404,
                    "detail": "No title in the catalogue has this id, nor does any alias.",
                    "instance": "/v1/titles/tt0000000",
                    "request_id": "019e0c1b-7c3c-7cc3-8a55-2a4a1be3f4d5",
                }
            ]
        }
    )

    type: str = Field(description="What kind of problem it is; `about:blank` says no more than the status.")
    title: str = Field(description="The kind of problem in a few words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened and what can be done about it.")
    instance: str = Field(description="The path that was asked for.")
    request_id: str | None = Field(default=None, description="The id under which the log tells about this request.")
    errors: list[InvalidField] | None = Field(default=None, description="What is wrong with the request.")
    reasons: list[str] | None = Field(default=None, description="Everything that is not ready yet.")


class ProblemError(Exception):
    """A problem that a route answers with.

    Attributes:
        status: the HTTP status.
        kind: last part of the problem's type, or None for ``about:blank``.
        title: the kind of problem in a few words.
        detail: what happened and what can be done about it.
        errors: what is wrong with the request.
        reasons: what is not ready.
        headers: headers of the answer.
    """

    def __init__(
        self,
        status: int,
        kind: str | None,
        title: str,
        detail: str,
        *,
        errors: Sequence[InvalidField] = (),
        reasons: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.errors = list(errors)
        self.reasons = list(reasons)
        self.headers = dict(headers or {})


def title_not_found() -> ProblemError:
    """404: no such title."""
    return ProblemError(
        404, "title-not-found", "Title not found", "No title in the catalogue has this id, nor does any alias."
    )


def prediction_not_found() -> ProblemError:
    """404: no such prediction."""
    return ProblemError(
        404, "prediction-not-found", "Prediction not found", "The log of predictions has none of this id."
    )


def invalid_request(errors: Sequence[InvalidField]) -> ProblemError:
    """422: a parameter or the body is not what the API takes."""
    return ProblemError(
        422,
        "invalid-request",
        "Invalid request",
        "The request does not fit the API's description; `errors` says where.",
        errors=errors[:_MAX_ERRORS],
    )


def not_ready(kind: str, detail: str, reasons: Sequence[str] = ()) -> ProblemError:
    """503: something that the answer needs is not there yet."""
    return ProblemError(503, kind, "Not ready", detail, reasons=reasons)


def feedback_not_kept() -> ProblemError:
    """503: the log takes no more feedback for now."""
    return ProblemError(
        503,
        "feedback-not-kept",
        "Feedback not kept",
        "The feedback was not kept, since the disk is full or too slow; send it again later.",
    )


def key_required() -> ProblemError:
    """401: no key came with the request."""
    return ProblemError(
        401,
        "key-required",
        "API key required",
        "Send a key of this API as `Authorization: Bearer tn_…`.",
        headers={"WWW-Authenticate": 'Bearer realm="trending-now"'},
    )


def key_not_known() -> ProblemError:
    """401: what came is no key, or one that was revoked."""
    return ProblemError(
        401,
        "key-not-known",
        "API key not known",
        "What was sent as a key is none of this API, or one that was revoked.",
        headers={"WWW-Authenticate": 'Bearer realm="trending-now", error="invalid_token"'},
    )


def scope_missing(scope: str) -> ProblemError:
    """403: the key may not ask for this."""
    return ProblemError(
        403,
        "scope-missing",
        "Scope missing",
        f"The key is not made for this call: it needs the scope {scope}.",
        headers={"WWW-Authenticate": f'Bearer realm="trending-now", error="insufficient_scope", scope="{scope}"'},
    )


def too_many_requests(seconds: int) -> ProblemError:
    """429: more requests than the key may send.

    Args:
        seconds: after how long it may send more.
    """
    return ProblemError(
        429,
        "too-many-requests",
        "Too many requests",
        "More requests came than are allowed; the header Retry-After says when there may be more.",
        headers={"Retry-After": str(seconds)},
    )


def overloaded() -> ProblemError:
    """503: more requests came than the server can work on."""
    return ProblemError(
        503,
        "overloaded",
        "Overloaded",
        "The server has as many requests as it can work on, and did nothing of this one; send it again later.",
        headers={"Retry-After": "1"},
    )


def timed_out() -> ProblemError:
    """503: the answer took too long."""
    return ProblemError(503, "timed-out", "Timed out", "The answer took longer than it may; ask again later.")


def body_too_slow() -> ProblemError:
    """408: the body did not come in time."""
    return ProblemError(
        408,
        None,
        "Request Timeout",
        "The body of the request did not come in time.",
        headers={"Connection": "close"},
    )


def body_too_large() -> ProblemError:
    """413: the body is larger than the API takes."""
    return ProblemError(413, None, http.HTTPStatus(413).phrase, _STATUS_DETAILS[413])


def body_too_complex() -> ProblemError:
    """413: the body has more values than any that the API takes."""
    return ProblemError(
        413,
        None,
        http.HTTPStatus(413).phrase,
        "The body has far more lists, objects and values than the API takes.",
    )


def body_not_utf8() -> ProblemError:
    """400: the body is no JSON as UTF-8."""
    return ProblemError(400, None, http.HTTPStatus(400).phrase, _STATUS_DETAILS[400])


def body_encoded() -> ProblemError:
    """415: the body is compressed."""
    return ProblemError(
        415,
        None,
        "Unsupported Media Type",
        "The API takes bodies as they are, without a Content-Encoding.",
        headers={"Accept-Encoding": "identity"},
    )


def problem_response(request_path: str, problem: ProblemError, headers: Mapping[str, str] | None = None) -> Response:
    """The response for a problem."""
    body = Problem(
        type=f"{_TYPE_PREFIX}{problem.kind}" if problem.kind else "about:blank",
        title=problem.title,
        status=problem.status,
        detail=problem.detail,
        instance=request_path,
        request_id=current_request_id(),
        errors=problem.errors or None,
        reasons=problem.reasons or None,
    )
    all_headers = {**problem.headers, **(headers or {})}
    if problem.status == http.HTTPStatus.SERVICE_UNAVAILABLE:
        all_headers.setdefault("Retry-After", str(_RETRY_SECONDS))
    return Response(
        body.model_dump_json(exclude_none=True), status_code=problem.status, media_type=MEDIA_TYPE, headers=all_headers
    )


def internal_error() -> ProblemError:
    """500: a fault of ours, without a word about its inside."""
    return ProblemError(
        500,
        None,
        "Internal Server Error",
        "The server failed to answer. The log tells why under this request_id.",
    )


def _invalid_field(error: Mapping[str, Any]) -> InvalidField:
    # Only location and message: pydantic's `input` and `ctx` hold what the caller sent, and that may be a plot.
    location = ".".join(str(part) for part in error["loc"])
    message = str(error["msg"]).removeprefix("Value error, ")
    return InvalidField(location=location[:_MAX_LOCATION], message=message[:_MAX_LOCATION])


def install_problem_handlers(app: FastAPI) -> None:
    """Makes every error of an app a problem document."""

    @app.exception_handler(ProblemError)
    async def answer_problem(request: Request, error: ProblemError) -> Response:
        return problem_response(request.url.path, error)

    @app.exception_handler(HTTPException)
    async def answer_http_exception(request: Request, error: HTTPException) -> Response:
        title = http.HTTPStatus(error.status_code).phrase
        problem = ProblemError(error.status_code, None, title, _STATUS_DETAILS.get(error.status_code, title))
        return problem_response(request.url.path, problem, error.headers)

    @app.exception_handler(RequestValidationError)
    async def answer_validation_error(request: Request, error: RequestValidationError) -> Response:
        problem = invalid_request([_invalid_field(each) for each in error.errors()])
        return problem_response(request.url.path, problem)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's ``responses`` of a route that answers with these problems, and with 500 where the server fails."""
    return {
        status: {
            "description": http.HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in (*statuses, 500)
    }
