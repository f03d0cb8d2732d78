import pytest

from serving.breaker import CircuitBreaker, State


class Clock:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[State]:
    return []


@pytest.fixture
def breaker(clock: Clock, told: list[State]) -> CircuitBreaker:
    return CircuitBreaker(clock, failures=3, rest_seconds=1.0, changed=told.append)


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        assert breaker.permits()
        breaker.failed()


def test_failures_in_a_row_open_it(breaker: CircuitBreaker, told: list[State]) -> None:
    fail(breaker, 2)
    assert breaker.permits()
    breaker.succeeded()
    fail(breaker, 2)
    assert (breaker.state, told) == ("closed", [])
    fail(breaker, 1)
    assert told == ["open"]
    assert not breaker.permits()


def test_one_request_tries_after_a_rest(breaker: CircuitBreaker, clock: Clock, told: list[State]) -> None:
    fail(breaker, 3)
    clock.now += 0.99
    assert not breaker.permits()
    clock.now += 0.01
    assert breaker.permits()
    assert not breaker.permits()
    breaker.failed()
    assert not breaker.permits()
    clock.now += 1.0
    assert breaker.permits()
    breaker.succeeded()
    assert breaker.permits()
    assert told == ["open", "half_open", "open", "half_open", "closed"]


def test_a_try_that_was_given_up_leaves_room_for_the_next(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 1.0
    assert breaker.permits()
    breaker.gave_up()
    assert breaker.state == "open"
    assert breaker.permits()


def test_failures_that_come_late_change_nothing_of_an_open_one(breaker: CircuitBreaker, clock: Clock) -> None:
    assert all(breaker.permits() for _ in range(9))
    for _ in range(3):
        breaker.failed()
    clock.now += 0.5
    for _ in range(6):
        breaker.failed()
    clock.now += 0.5
    assert breaker.permits()
    breaker.succeeded()
    fail(breaker, 2)
    assert breaker.state == "closed"
