"""Every call of the API is one of the client's, and what it answers is what the client's types say."""

from collections.abc import Callable

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from trending_assets.client import Instance, ProblemError, TrendingClient, UnexpectedAnswerError
from trending_assets.client import answers as client_answers
from trending_assets_tests.serving.world import TITLES

INSTANCE = Instance(title="The Last Harvest", plot="A farmer on Mars.", kind="movie", year=2031)


def _told(client: TrendingClient) -> object:
    (made,) = client.predict([INSTANCE])
    return client.give_feedback(made.prediction_id, ["drama"])


def _traced(client: TrendingClient) -> object:
    return client.lineage(client.title_genres("tt0133093").prediction_id)


CALLS: dict[tuple[str, str], Callable[[TrendingClient], object]] = {
    ("get", "/healthz"): TrendingClient.health,
    ("get", "/readyz"): TrendingClient.readiness,
    ("get", "/metrics"): TrendingClient.metrics,
    ("get", "/v1/titles"): TrendingClient.titles,
    ("get", "/v1/titles/{title_id}"): lambda client: client.title("moviebox:603"),
    ("get", "/v1/titles/{title_id}/genres"): lambda client: client.title_genres("tt0133093", explain=True),
    ("post", "/v1/genres/predict"): lambda client: client.predict([INSTANCE], explain=True),
    ("post", "/v1/feedback"): _told,
    ("get", "/v1/trending"): TrendingClient.trending,
    ("get", "/v1/models"): TrendingClient.models,
    ("get", "/v1/lineage/{prediction_id}"): _traced,
}


def test_there_is_a_call_for_each_of_the_api(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    assert set(CALLS) == {(method, path) for path, item in paths.items() for method in item}


@pytest.mark.parametrize("call", CALLS.values(), ids=[" ".join(name) for name in CALLS])
def test_each_call_is_answered(client: TrendingClient, call: Callable[[TrendingClient], object]) -> None:
    assert call(client)


SHAPES = [
    shape
    for shape in vars(client_answers).values()
    if isinstance(shape, type) and issubclass(shape, BaseModel) and not shape.__name__.startswith(("_", "BaseModel"))
]


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.__name__ for shape in SHAPES])
def test_its_types_have_the_fields_of_the_api(app: FastAPI, shape: type[BaseModel]) -> None:
    schemas = app.openapi()["components"]["schemas"]
    described = schemas[shape.__name__]
    explained = schemas["ExplainedPrediction"]["properties"] if shape.__name__ == "Prediction" else {}
    assert set(shape.model_fields) == set(described["properties"]) | set(explained)
    # Where the API may leave one out, the client must not count on it.
    needed = {name for name, field in shape.model_fields.items() if field.is_required()}
    assert needed <= set(described.get("required", ()))


def test_every_answer_of_the_api_has_a_type(app: FastAPI) -> None:
    requests = {"PredictRequest", "FeedbackRequest", "Problem", "InvalidField"}
    explained = {"ExplainedPrediction", "ExplainedResponse"}
    lineage = {name for name in app.openapi()["components"]["schemas"] if name.endswith("Lineage")}
    known = {shape.__name__ for shape in SHAPES}
    assert set(app.openapi()["components"]["schemas"]) - requests - explained - lineage == known


def test_pages_are_walked_to_their_end(client: TrendingClient) -> None:
    ids = [title.title_id for title in client.all_titles(limit=2)]
    assert ids == sorted(str(row["title_id"]) for row in TITLES)
    assert [title.title_id for title in client.all_titles(kind="show")] == ["sample-shows:the-wire"]
    ranked = [each.score for each in client.all_trending("day", limit=1)]
    assert ranked == sorted(ranked, reverse=True)
    assert len(ranked) == 2
    assert [each.version for each in client.all_models(limit=1)] == ["20250627-bbbbbbbb", "20250626-aaaaaaaa"]


def test_only_the_pages_that_are_needed_are_asked_for(client: TrendingClient) -> None:
    before = _count(client)
    assert next(client.all_titles(limit=1)).title_id == "moviebox:77"
    assert _count(client) == before + 1


def _count(client: TrendingClient) -> float:
    """How many pages of titles the API has given."""
    lines = [line for line in client.metrics().splitlines() if "_requests_total{" in line and '"/v1/titles"' in line]
    return sum(float(line.split()[-1]) for line in lines)


def test_any_number_of_titles_is_predicted_in_order(client: TrendingClient) -> None:
    found = client.predict([INSTANCE] * 129)
    assert len({each.prediction_id for each in found}) == 129
    assert [each.prediction_id for each in found] == sorted(each.prediction_id for each in found)
    assert {tuple(each.selected) for each in found} == {("drama",)}
    assert client.predict([]) == []


def test_an_explanation_is_there_where_it_was_asked_for(client: TrendingClient) -> None:
    assert client.title_genres("tt0133093").explanation is None
    told = client.title_genres("tt0133093", explain=True).explanation
    assert told is not None
    assert (told.method, told.genres[0].genre) == ("constant", "drama")


def test_an_id_is_one_part_of_the_path(client: TrendingClient) -> None:
    for title_id in ("../../healthz", "a/b", "x?limit=1", "é #"):
        with pytest.raises(ProblemError) as caught:
            client.title(title_id)
        assert caught.value.status == 404


@pytest.mark.parametrize("title_id", ["", ".", ".."])
def test_what_no_path_holds_as_a_part_is_no_id(client: TrendingClient, title_id: str) -> None:
    for call in (client.title, client.title_genres, client.lineage):
        with pytest.raises(ValueError, match="is no id"):
            call(title_id)


def test_an_answer_that_is_packed_wrongly_is_none_of_the_apis() -> None:
    broken = httpx.MockTransport(lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=b"{}"))
    with TrendingClient("http://api", transport=broken) as client, pytest.raises(UnexpectedAnswerError):
        client.health()


def test_a_problem_says_what_is_wrong(client: TrendingClient) -> None:
    with pytest.raises(ProblemError) as caught:
        client.titles(limit=0)
    problem = caught.value
    assert (problem.status, problem.type) == (422, "urn:trending-now:problem:invalid-request")
    assert problem.title == "Invalid request"
    assert set(problem.errors) == {"query.limit"}
    assert problem.request_id
    assert problem.request_id in str(problem)
    assert "query.limit" in str(problem)
