"""The calls of the API."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal, Protocol, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from trending_assets.client.answers import (
    FeedbackAccepted,
    Health,
    Instance,
    ModelPage,
    ModelVersion,
    Prediction,
    PredictResponse,
    Readiness,
    Title,
    TitlePage,
    TitleSummary,
    TrendingPage,
    TrendingTitle,
)
from trending_assets.client.errors import ProblemError, UnexpectedAnswerError, UnreachableError
from trending_assets.client.retries import REFUSALS, Retries
from trending_assets.domain.catalog.taxonomy import Kind
from trending_assets.domain.predictions.lineage import PredictionLineage

MOST_INSTANCES = 128
_PAGE = 200
_SECONDS = 10.0

Answer = TypeVar("Answer", bound=BaseModel)
Item_co = TypeVar("Item_co", covariant=True)


class _Page(Protocol[Item_co]):
    @property
    def items(self) -> Sequence[Item_co]: ...

    @property
    def next_cursor(self) -> str | None: ...


class TrendingClient:
    """A client of one API; may be used by several threads, and as a context manager.

    A call that the server refuses because it is busy (429, 503) is made again after what ``Retry-After`` says. One that
    gets no answer is made again only where it reads: whether the server got anything else is not known.

    Every call raises:
        ProblemError: the API answered with an error.
        UnreachableError: it did not answer.
        UnexpectedAnswerError: the answer is none of the API's.

    One that takes an id raises ValueError where that is empty, ``.`` or ``..``.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        seconds: float = _SECONDS,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """A client; nothing is asked until a call is made.

        Args:
            url: where the API is, such as ``http://127.0.0.1:8000``.
            api_key: sent with every call where it is given.
            seconds: how long connecting, sending, or waiting for the next bytes may take, each.
            retries: when calls are made again.
            transport: carries the requests; httpx's own where None.
        """
        headers = {"User-Agent": "trending-now-client"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        self._http = httpx.Client(base_url=url, headers=headers, timeout=seconds, transport=transport)
        self._retries = retries or Retries()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._http.base_url)!r})"

    def __enter__(self) -> Self:
        """The client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes its connections."""
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def health(self) -> Health:
        """Whether the process is alive."""
        return _read(Health, self._call("GET", "/healthz"))

    def readiness(self) -> Readiness:
        """What is ready; a problem with its ``reasons`` where something is not, at once and without another attempt."""
        return _read(Readiness, self._call("GET", "/readyz", again=False))

    def metrics(self) -> str:
        """Metrics in Prometheus's text format."""
        return self._call("GET", "/metrics").text

    def titles(
        self,
        q: str | None = None,
        *,
        kind: Kind | None = None,
        genre: str | None = None,
        year_from: int | None = None,
        year_to: int | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> TitlePage:
        """A page of titles.

        Args:
            q: words that all occur in the title.
            kind: ``movie`` or ``show``.
            genre: a label that the sources give.
            year_from: the first year.
            year_to: the last year.
            limit: titles a page, 1 to 200.
            cursor: ``next_cursor`` of the page before.
        """
        filters = {"q": q, "kind": kind, "genre": genre, "year_from": year_from, "year_to": year_to}
        return _read(TitlePage, self._call("GET", "/v1/titles", {**filters, "limit": limit, "cursor": cursor}))

    def all_titles(
        self,
        q: str | None = None,
        *,
        kind: Kind | None = None,
        genre: str | None = None,
        year_from: int | None = None,
        year_to: int | None = None,
        limit: int = _PAGE,
    ) -> Iterator[TitleSummary]:
        """Every title that :meth:`titles` finds, in pages of ``limit`` that are asked for as they are needed."""
        return _items(
            lambda cursor: self.titles(
                q, kind=kind, genre=genre, year_from=year_from, year_to=year_to, limit=limit, cursor=cursor
            )
        )

    def title(self, title_id: str) -> Title:
        """One title, by its id or an alias."""
        return _read(Title, self._call("GET", f"/v1/titles/{_part(title_id)}"))

    def title_genres(self, title_id: str, *, explain: bool = False) -> Prediction:
        """The genres of a title of the catalogue.

        Args:
            title_id: its id or an alias.
            explain: whether to say what spoke for each.
        """
        return _read(Prediction, self._call("GET", f"/v1/titles/{_part(title_id)}/genres", _explain(explain)))

    def predict(self, instances: Iterable[Instance], *, explain: bool = False) -> list[Prediction]:
        """The genres of titles that need not be in the catalogue, in order.

        Args:
            instances: the titles, any number; 128 of them go into a request, and one of those that are explained.
            explain: whether to say what spoke for each.
        """
        rows = [each.model_dump(mode="json") for each in instances]
        size = 1 if explain else MOST_INSTANCES
        found: list[Prediction] = []
        for start in range(0, len(rows), size):
            body = {"instances": rows[start : start + size]}
            answer = self._call("POST", "/v1/genres/predict", _explain(explain), body)
            found += _read(PredictResponse, answer).predictions
        return found

    def trending(
        self,
        window: Literal["day", "week"] = "week",
        *,
        kind: Kind | None = None,
        genre: str | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> TrendingPage:
        """A page of what is trending, highest score first.

        Args:
            window: how fast what was said is forgotten: by half in a day, or in a week.
            kind: ``movie`` or ``show``.
            genre: a label that the sources give.
            limit: titles a page, 1 to 200.
            cursor: ``next_cursor`` of the page before.
        """
        asked = {"window": window, "kind": kind, "genre": genre, "limit": limit, "cursor": cursor}
        return _read(TrendingPage, self._call("GET", "/v1/trending", asked))

    def all_trending(
        self,
        window: Literal["day", "week"] = "week",
        *,
        kind: Kind | None = None,
        genre: str | None = None,
        limit: int = _PAGE,
    ) -> Iterator[TrendingTitle]:
        """Every title that :meth:`trending` ranks, in pages of ``limit`` that are asked for as they are needed."""
        return _items(lambda cursor: self.trending(window, kind=kind, genre=genre, limit=limit, cursor=cursor))

    def give_feedback(self, prediction_id: str, genres: Sequence[str]) -> FeedbackAccepted:
        """Tells the genres of a predicted title; of several tellings the newest counts.

        Args:
            prediction_id: the prediction.
            genres: all genres of the title.
        """
        body = {"prediction_id": prediction_id, "genres": list(genres)}
        return _read(FeedbackAccepted, self._call("POST", "/v1/feedback", body=body))

    def models(self, *, limit: int = 20, cursor: str | None = None) -> ModelPage:
        """A page of model versions, the newest first, with what serves now.

        Args:
            limit: versions a page, 1 to 200.
            cursor: ``next_cursor`` of the page before.
        """
        return _read(ModelPage, self._call("GET", "/v1/models", {"limit": limit, "cursor": cursor}))

    def all_models(self, *, limit: int = _PAGE) -> Iterator[ModelVersion]:
        """Every model version, in pages of ``limit`` that are asked for as they are needed."""
        return _items(lambda cursor: self.models(limit=limit, cursor=cursor))

    def lineage(self, prediction_id: str) -> PredictionLineage:
        """What a prediction was made from."""
        return _read(PredictionLineage, self._call("GET", f"/v1/lineage/{_part(prediction_id)}"))

    def _call(
        self,
        method: Literal["GET", "POST"],
        path: str,
        query: Mapping[str, Any] | None = None,
        body: object = None,
        *,
        again: bool = True,
    ) -> httpx.Response:
        """The answer to a call, after as many attempts as it takes.

        Args:
            method: the method.
            path: the path.
            query: parameters; those that are None are left out.
            body: what is sent as JSON.
            again: whether it is made again where the server is busy or does not answer.
        """
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self._http.request(method, path, params=asked, json=body)
            except httpx.DecodingError as error:
                raise UnexpectedAnswerError(f"{path}: {error}") from error
            except httpx.TransportError as error:
                if not (again and method == "GET" and self._retries.wait(attempt, None)):
                    raise UnreachableError(f"{self._http.base_url}: {type(error).__name__}: {error}") from error
                continue
            if answer.is_success:
                return answer
            busy = again and answer.status_code in REFUSALS
            if not (busy and self._retries.wait(attempt, answer.headers.get("Retry-After"))):
                raise _problem(answer)


def _read(kind: type[Answer], answer: httpx.Response) -> Answer:
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:
        where = ", ".join(".".join(map(str, each["loc"])) or "the body" for each in error.errors()[:3])
        raise UnexpectedAnswerError(f"{answer.url.path}: no {kind.__name__}: {where}") from error


def _items(page: Callable[[str | None], _Page[Item_co]]) -> Iterator[Item_co]:
    cursor: str | None = None
    while True:
        found = page(cursor)
        yield from found.items
        cursor = found.next_cursor
        if cursor is None:
            return


def _explain(explain: bool) -> dict[str, str]:
    return {"explain": "true"} if explain else {}


def _part(identifier: str) -> str:
    """An id as one part of a path.

    Raises:
        ValueError: it is empty, ``.`` or ``..``, which no path holds as a part.
    """
    if identifier in {"", ".", ".."}:
        raise ValueError(f"{identifier!r} is no id")
    return quote(identifier, safe="")


def _problem(answer: httpx.Response) -> ProblemError:
    request_id = answer.headers.get("X-Request-ID")
    try:
        told = answer.json()
        return ProblemError(
            status=answer.status_code,
            title=str(told["title"]),
            detail=str(told["detail"]),
            request_id=told.get("request_id", request_id),
            type=str(told["type"]),
            errors={str(each["location"]): str(each["message"]) for each in told.get("errors", [])},
            reasons=[str(each) for each in told.get("reasons", [])],
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        # A proxy's page, perhaps: it may hold anything.
        title = next((each.phrase for each in HTTPStatus if each == answer.status_code), "error")
        return ProblemError(answer.status_code, title, "", request_id)
