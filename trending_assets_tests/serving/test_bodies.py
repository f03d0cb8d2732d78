"""What a body may be: its size, its time, its encoding, and what it holds."""

import asyncio
import gzip
import json
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.bodies import BodyLimit, parts_of
from serving.observability import Metrics
from trending_assets_tests.serving.asgi import Answer, ask

MIB = 1024 * 1024
INSTANCE = {"title": "x", "kind": "movie"}


class Echo:
    """An app that answers with the size of the body, once it may.

    Attributes:
        started: requests that reached it.
        second_came: two have.
        may_answer: it answers.
    """

    def __init__(self) -> None:
        self.started = 0
        self.second_came = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started += 1
        if self.started == 2:
            self.second_came.set()
        message = await receive()
        assert not message["more_body"]
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(len(message["body"])).encode()})


def limited(app: ASGIApp, seconds: float = 60, together: int = 100, metrics: Metrics | None = None) -> BodyLimit:
    return BodyLimit(
        app, metrics or Metrics(), max_bytes=10, max_parts=10, max_bytes_together=together, seconds=seconds
    )


@pytest.mark.parametrize(("parts", "status"), [([b"12345", b"67890"], 200), ([b"12345", b"678901"], 413), ([b""], 200)])
def test_a_body_is_counted_as_it_comes(parts: list[bytes], status: int) -> None:
    echo = Echo()
    answer = asyncio.run(ask(limited(echo), parts, headers={"transfer-encoding": "chunked"}))
    assert answer.status == status
    assert echo.started == (status == 200)


def test_a_declared_size_is_refused_before_anything_is_read() -> None:
    answer = asyncio.run(ask(limited(Echo()), None, headers={"content-length": "11"}))
    assert answer.status == 413


@pytest.mark.parametrize("declared", ["9" * 5000, "-1", "1e9", "", "²"])
def test_a_declared_size_that_is_none_does_no_harm(declared: str) -> None:
    answer = asyncio.run(ask(limited(Echo()), [b"123"], headers={"content-length": declared}))
    assert answer.status == (413 if declared.startswith("9") else 200)


def test_a_body_that_comes_too_slowly_is_given_up() -> None:
    echo = Echo()
    answer = asyncio.run(ask(limited(echo, seconds=0.01), None, headers={"content-length": "5"}))
    assert answer.status == 408
    assert answer.headers["connection"] == "close"
    assert echo.started == 0


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "identity, gzip", "x"])
def test_a_compressed_body_is_refused_unread(encoding: str) -> None:
    headers = {"content-length": "5", "content-encoding": encoding}
    answer = asyncio.run(ask(limited(Echo()), None, headers=headers))
    assert answer.status == 415
    assert answer.headers["accept-encoding"] == "identity"


def test_all_bodies_together_take_so_much_memory_and_give_it_back() -> None:
    async def main() -> tuple[Answer, list[Answer], Answer, str]:
        echo, metrics = Echo(), Metrics()
        app = limited(echo, together=25, metrics=metrics)
        echo.may_answer.clear()
        held = [asyncio.create_task(ask(app, [b"1234567890"], headers={"content-length": "10"})) for _ in range(2)]
        await echo.second_came.wait()
        refused = await ask(app, [b"1234567890"], headers={"content-length": "10"})
        echo.may_answer.set()
        answered = await asyncio.gather(*held)
        after = await ask(app, [b"1234567890"], headers={"content-length": "10"})
        return refused, answered, after, str(metrics.shed.labels("body_memory")._value.get())

    refused, answered, after, counted = asyncio.run(main())
    assert (refused.status, refused.headers["retry-after"], counted) == (503, "1", "1.0")
    assert [answer.status for answer in answered] == [200, 200]
    assert after.status == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('[]{},:"\\\\x'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('[]{},:"\\\\x'), inner),
)


def _values(parsed: object) -> int:
    if isinstance(parsed, dict):
        return 1 + sum(map(_values, parsed.values()))
    return 1 + sum(map(_values, parsed)) if isinstance(parsed, list) else 1


@given(JSON, st.booleans())
def test_the_parts_of_a_body_are_told_without_reading_it(parsed: object, ascii_only: bool) -> None:
    told = parts_of(json.dumps(parsed, ensure_ascii=ascii_only).encode())
    # An empty list or object counts as two.
    assert _values(parsed) <= told <= 2 * _values(parsed)


def test_who_goes_before_the_body_is_whole_leaves_nothing_behind() -> None:
    async def main() -> int:
        echo = Echo()
        app = limited(echo, together=10)
        gone: list[Message] = [
            {"type": "http.request", "body": b"12345", "more_body": True},
            {"type": "http.disconnect"},
        ]

        async def receive() -> Message:
            return gone.pop(0)

        async def send(message: Message) -> None:
            raise AssertionError("nobody is there to be answered")

        scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-length", b"10")]}
        await app(scope, receive, send)
        assert echo.started == 0
        return (await ask(app, [b"1234567890"], headers={"content-length": "10"})).status

    assert asyncio.run(main()) == 200


def _nested(depth: int) -> bytes:
    return b'{"instances":' + b"[" * depth + b"]" * depth + b"}"


HOSTILE: dict[str, tuple[bytes, int]] = {
    "a plot of 10 MB": (json.dumps({"instances": [INSTANCE | {"plot": "x" * 10 * MIB}]}).encode(), 413),
    "a plot of 1 MB": (json.dumps({"instances": [INSTANCE | {"plot": "x" * MIB}]}).encode(), 422),
    "10,000 instances": (json.dumps({"instances": [INSTANCE] * 10_000}).encode(), 422),
    "a million empty lists": (b'{"instances":[' + b"[]," * 1_000_000 + b"[]]}", 413),
    "half a million unknown fields": (json.dumps({f"f{i}": i for i in range(500_000)}).encode(), 413),
    "lists in UTF-16 behind a letter that has a quotation mark's byte": (
        ('["\u0122",' + "[]," * 300_000 + "[]]").encode("utf-16"),
        400,
    ),
    "a deep list": (_nested(100_000), 400),
    "a list as deep as Python takes": (_nested(900), 422),
    "NaN": (b'{"instances":[{"title":"x","kind":"movie","year":NaN}]}', 422),
    "Infinity": (b'{"instances":[{"title":"x","kind":"movie","runtime_minutes":-Infinity}]}', 422),
    "1e999": (b'{"instances":[{"title":"x","kind":"movie","year":1e999}]}', 422),
    "a number of 10,000 digits": (b'{"instances":[{"title":"x","kind":"movie","year":' + b"9" * 10_000 + b"}]}", 400),
    "a number of 4,000 digits": (b'{"instances":[{"title":"x","kind":"movie","year":' + b"9" * 4_000 + b"}]}", 422),
    "invalid UTF-8": (b'{"instances":[{"title":"\xff\xfe","kind":"movie"}]}', 400),
    "an overlong slash": (b'{"instances":[{"title":"\xc0\xaf","kind":"movie"}]}', 400),
    "half a surrogate pair": (b'{"instances":[{"title":"\\ud800","kind":"movie"}]}', 422),
    "a zero byte": (b'{"instances":[{"title":"\\u0000","kind":"movie"}]}', 422),
    "UTF-16": ('{"instances":[]}'.encode("utf-16"), 400),
    "no JSON": (b"instances=1", 422),
    "half a JSON": (b'{"instances":[{"title":"x"', 422),
    "nothing": (b"", 422),
    "a string": (b'"instances"', 422),
    "a thousand unknown fields": (
        json.dumps({"instances": [INSTANCE | {f"f{i}": i for i in range(1000)}]}).encode(),
        422,
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_a_clear_4xx(ready: TestClient, name: str) -> None:
    body, status = HOSTILE[name]
    answer = ready.post("/v1/genres/predict", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 10_000
    assert ready.post("/v1/genres/predict", json={"instances": [INSTANCE]}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/genres/predict", {"instances": [INSTANCE | {f"f{i}": i for i in range(1000)}]}),
        ("/v1/genres/predict", {"instances": [INSTANCE], **{f"f{i}": i for i in range(1000)}}),
        ("/v1/feedback", {f"f{i}": i for i in range(1000)}),
    ],
)
def test_fields_beyond_number_are_one_fault(ready: TestClient, path: str, body: dict[str, Any]) -> None:
    (error,) = ready.post(path, json=body).json()["errors"]
    assert error["message"].startswith("far more fields than there are: ")


def test_a_body_of_too_many_parts_is_refused_before_anything_reads_it(ready: TestClient) -> None:
    rows: dict[str, Any] = {"instances": [[]] * 199_999}
    headers = {"content-type": "application/json"}
    read = ready.post("/v1/genres/predict", content=json.dumps(rows), headers=headers)
    assert read.status_code == 413
    assert "values" in read.json()["detail"]
    plots = {"instances": [INSTANCE | {"plot": '[{,"\\' * 4000}] * 100}
    assert ready.post("/v1/genres/predict", json=plots).status_code == 200


def test_a_zip_bomb_is_not_opened(ready: TestClient) -> None:
    bomb = gzip.compress(b"[" * 100 * MIB)
    assert len(bomb) < MIB
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = ready.post("/v1/genres/predict", content=bomb, headers=headers)
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_page_of_another_site_cannot_send_feedback_in_disguise(ready: TestClient, content_type: str) -> None:
    body = b'{"prediction_id":"019756bf-ff00-7000-8000-000000000000","genres":["drama"]}'
    assert ready.post("/v1/feedback", content=body, headers={"content-type": content_type}).status_code == 422


def test_the_largest_batch_that_the_document_allows_is_taken(ready: TestClient, app: FastAPI) -> None:
    batch: dict[str, Any] = {"instances": [INSTANCE | {"title": "t" * 500, "plot": "p" * 20_000}] * 128}
    assert ready.post("/v1/genres/predict", json=batch).status_code == 200
