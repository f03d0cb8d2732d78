"""A call is made again where that is safe and of use, after what the server asked for, and never for ever."""

import datetime as dt
from email.utils import format_datetime

import pytest

from trending_assets.client import Instance, ProblemError, TrendingClient, UnexpectedAnswerError, UnreachableError
from trending_assets_tests.client.conftest import Script

ALIVE = (200, {}, '{"status": "alive"}')
BUSY = (503, {"Retry-After": "2"}, '{"type": "about:blank", "title": "Busy", "detail": "Later."}')
TOO_MANY = (429, {"Retry-After": "7"}, "")
INSTANCE = Instance(title="x", kind="movie")


@pytest.mark.parametrize("refusal", [BUSY, TOO_MANY])
def test_a_busy_server_is_asked_again_after_what_it_says(
    script: Script, refusal: tuple[int, dict[str, str], str]
) -> None:
    script.answers += [refusal, refusal, ALIVE]
    assert script.client().health().status == "alive"
    asked = float(refusal[1]["Retry-After"])
    assert script.waits == [asked + 0.25, asked + 0.5]


def test_a_date_says_when_too(script: Script) -> None:
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=20)
    past = format_datetime(moment - dt.timedelta(days=1), usegmt=True)
    headers = [{"Retry-After": when} for when in (format_datetime(moment, usegmt=True), past, "soon")]
    script.answers += [*((503, each, "") for each in headers), ALIVE]
    script.client().health()
    assert 10 < script.waits[0] < 21
    assert script.waits[1:] == [0.5, 1.0]


def test_a_server_that_says_nothing_is_waited_for_longer_each_time(script: Script) -> None:
    script.answers += [(503, {}, "")] * 3 + [ALIVE]
    script.client().health()
    assert script.waits == [0.25, 0.5, 1.0]


def test_it_gives_up_with_the_problem(script: Script) -> None:
    script.answers += [BUSY] * 5
    with pytest.raises(ProblemError) as caught:
        script.client().health()
    assert (caught.value.status, caught.value.title, caught.value.detail) == (503, "Busy", "Later.")
    assert len(script.requests) == 4


def test_who_would_wait_too_long_is_told_at_once(script: Script) -> None:
    script.answers.append((429, {"Retry-After": "3600"}, ""))
    with pytest.raises(ProblemError):
        script.client().health()
    assert script.waits == []


@pytest.mark.parametrize("status", [400, 404, 422, 500, 502, 504])
def test_any_other_error_is_final(script: Script, status: int) -> None:
    script.answers.append((status, {"Retry-After": "1", "X-Request-ID": "r-1"}, "<html>a proxy's page</html>"))
    with pytest.raises(ProblemError) as caught:
        script.client().health()
    assert (caught.value.status, caught.value.detail, caught.value.request_id) == (status, "", "r-1")
    assert "proxy" not in str(caught.value)
    assert script.waits == []


@pytest.mark.parametrize("body", ["[]", '"x"', "{}", '{"title": "x", "detail": "y", "type": "z", "errors": [1]}'])
def test_an_error_that_is_no_problem_is_told_by_its_status(script: Script, body: str) -> None:
    script.answers.append((409, {}, body))
    with pytest.raises(ProblemError) as caught:
        script.client().health()
    assert (caught.value.title, caught.value.detail) == ("Conflict", "")


def test_what_is_not_ready_is_told_at_once_with_the_reasons(script: Script) -> None:
    body = '{"type": "t", "title": "Not ready", "detail": "d", "reasons": ["there is no catalogue yet"]}'
    script.answers.append((503, {"Retry-After": "2"}, body))
    with pytest.raises(ProblemError) as caught:
        script.client().readiness()
    assert caught.value.reasons == ["there is no catalogue yet"]
    assert script.waits == []


def test_a_read_that_got_no_answer_is_made_again(script: Script) -> None:
    script.answers += [None, ALIVE]
    assert script.client().health().status == "alive"
    script.answers += [None] * 4
    with pytest.raises(UnreachableError):
        script.client().health()


@pytest.mark.parametrize("call", ["predict", "feedback"])
def test_what_may_have_been_done_is_not_asked_for_twice(script: Script, call: str) -> None:
    script.answers.append(None)
    client = script.client()
    with pytest.raises(UnreachableError):
        client.predict([INSTANCE]) if call == "predict" else client.give_feedback("id", ["drama"])
    assert len(script.requests) == 1


def test_what_was_refused_was_not_done_and_is_sent_again(script: Script) -> None:
    accepted = '{"status": "accepted", "prediction_id": "id", "received_at": "2026-01-01T00:00:00Z"}'
    script.answers += [BUSY, (202, {}, accepted)]
    assert script.client().give_feedback("id", ["drama"]).status == "accepted"
    first, second = script.requests
    assert first[3] == second[3] == b'{"prediction_id":"id","genres":["drama"]}'


def test_nobody_there_is_a_fault_with_a_name() -> None:
    with TrendingClient("http://127.0.0.1:1") as client, pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"):
        client.predict([INSTANCE])


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"status": 1}'])
def test_an_answer_of_something_else_is_a_fault_with_a_name(script: Script, body: str) -> None:
    script.answers.append((200, {}, body))
    with pytest.raises(UnexpectedAnswerError, match="/healthz: no Health"):
        script.client().health()


def test_what_a_newer_server_adds_is_passed_over(script: Script) -> None:
    script.answers.append((200, {}, '{"status": "alive", "since": "yesterday"}'))
    assert script.client().health().status == "alive"


def test_a_key_is_sent_and_shown_nowhere(script: Script) -> None:
    script.answers += [ALIVE, (302, {"Location": "http://localhost:1/"}, ""), ALIVE]
    client = script.client("tn_secret")
    client.health()
    assert script.requests[0][2]["Authorization"] == "Bearer tn_secret"
    assert "tn_secret" not in repr(client)
    # It is not carried to wherever an answer points.
    with pytest.raises(ProblemError):
        client.health()
    script.client().health()
    assert "Authorization" not in script.requests[2][2]
