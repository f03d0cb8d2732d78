"""What can go wrong with a call."""

from dataclasses import dataclass, field


@dataclass(eq=False)
class ProblemError(Exception):
    """The API answered with a problem (RFC 9457), or with an error that is none.

    Attributes:
        status: the HTTP status.
        title: the kind of problem in a few words.
        detail: what happened and what can be done about it; empty where something before the API answered.
        request_id: the id under which the server's log tells about the request; None where there is none.
        type: what kind of problem it is, for programs.
        errors: location → what is wrong with that part of the request.
        reasons: what is not ready.
    """

    status: int
    title: str
    detail: str
    request_id: str | None
    type: str = "about:blank"
    errors: dict[str, str] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        said = [f"{self.status} {self.title}", self.detail]
        said += [f"{location}: {message}" for location, message in self.errors.items()]
        said += [*self.reasons, f"request {self.request_id}" if self.request_id else ""]
        return "; ".join(filter(None, said))


class UnreachableError(ConnectionError):
    """The API did not answer; whether it got the request is not known."""


class UnexpectedAnswerError(ValueError):
    """An answer is not what the API gives: something else listens there, or a much newer version."""
