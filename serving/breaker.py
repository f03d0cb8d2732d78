"""A circuit breaker: who does not answer is left alone, and tried again now and then."""

from collections.abc import Callable
from typing import Literal, get_args

State = Literal["closed", "open", "half_open"]
STATES: tuple[State, ...] = get_args(State)
"""Asked as usual; not asked; tried by one request."""

_FAILURES = 5
# Short, since a try costs one request its deadline, and everybody else is answered from the past meanwhile.
_REST_SECONDS = 0.2


class CircuitBreaker:
    """Counts failures in a row; used by the event loop alone.

    Attributes:
        state: see :data:`STATES`.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        failures: int = _FAILURES,
        rest_seconds: float = _REST_SECONDS,
        changed: Callable[[State], None] = lambda _: None,
    ) -> None:
        """A closed one.

        Args:
            clock: seconds that only grow.
            failures: so many in a row open it.
            rest_seconds: how long it stays open before one request tries.
            changed: is told each new state.
        """
        self._clock, self._most, self._rest, self._changed = clock, failures, rest_seconds, changed
        self._failures, self._opened_at, self._trying = 0, 0.0, False
        self.state: State = "closed"

    def permits(self) -> bool:
        """Whether to ask now; who may has to say afterwards what came of it."""
        if self.state == "closed":
            return True
        if self._trying or self._clock() - self._opened_at < self._rest:
            return False
        self._trying = True
        self._become("half_open")
        return True

    def succeeded(self) -> None:
        """There was an answer."""
        self._failures, self._trying = 0, False
        self._become("closed")

    def failed(self) -> None:
        """There was none; while one request tries, that of another counts as its own."""
        # Whoever asked before it opened says nothing new.
        if self.state == "open":
            return
        self._failures += 1
        if self._trying or self._failures >= self._most:
            self._trying, self._opened_at = False, self._clock()
            self._become("open")

    def gave_up(self) -> None:
        """Whoever asked did not wait for the answer: nothing was learned."""
        if self._trying:
            self._trying = False
            self._become("open")

    def _become(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._changed(state)
