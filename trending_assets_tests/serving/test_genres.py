import uuid

import pytest
from fastapi.testclient import TestClient

from serving.features import OnlineStoreError
from serving.schemas import MAX_INSTANCES, MAX_PLOT_LENGTH
from trending_assets_tests.serving.world import FakeFeatures, World

INSTANCE = {"title": "The Last Harvest", "plot": "A farmer on Mars finds a signal.", "kind": "movie", "year": 2031}


def test_a_prediction_by_id(ready: TestClient) -> None:
    answer = ready.get("/v1/titles/tt0133093/genres")
    assert answer.status_code == 200
    prediction = answer.json()
    assert uuid.UUID(prediction.pop("prediction_id")).version == 7
    assert prediction == {
        "title_id": "tt0133093",
        "genres": [
            {"genre": "drama", "probability": 0.6, "threshold": 0.5, "selected": True},
            {"genre": "comedy", "probability": 0.4, "threshold": 0.5, "selected": False},
            {"genre": "western", "probability": 0.05, "threshold": 0.5, "selected": False},
        ],
        "abstained": False,
        "model": {
            "name": "genre_majority",
            "version": "20250626-aaaaaaaa",
            "trained_at": "2025-06-26T00:00:00Z",
            "variant": "champion",
        },
        "features": {"service": "genre_text_v4", "as_of": "2025-06-03T00:00:00Z", "stale": False, "missing": []},
        "degraded": False,
    }


@pytest.mark.parametrize("title_id", ["tt0133093", "moviebox:603", "tt0000000"])
def test_a_request_with_a_query_is_answered_as_one_without(ready: TestClient, title_id: str) -> None:
    path = f"/v1/titles/{title_id}/genres"
    short, long = ready.get(path), ready.get(path, params={"explain": "false"})
    assert short.status_code == long.status_code
    assert short.headers.keys() == long.headers.keys()
    told = [{**each.json(), "prediction_id": None, "request_id": None} for each in (short, long)]
    assert told[0] == told[1]
    assert ready.get(path, params={"explain": "perhaps"}).status_code == 422


@pytest.mark.parametrize("method", ["POST", "HEAD", "DELETE"])
@pytest.mark.parametrize("query", ["", "?explain=true"])
def test_genres_of_a_title_are_got_and_nothing_else(ready: TestClient, method: str, query: str) -> None:
    answer = ready.request(method, f"/v1/titles/tt0133093/genres{query}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_an_alias_is_resolved_before_features_are_read(ready: TestClient, features: FakeFeatures) -> None:
    features.reads.clear()
    assert ready.get("/v1/titles/moviebox:603/genres").json()["title_id"] == "tt0133093"
    assert features.reads == ["tt0133093"]


def test_an_unknown_title(ready: TestClient) -> None:
    assert ready.get("/v1/titles/tt0000000/genres").status_code == 404


def test_a_missing_feature_is_stated(ready: TestClient, features: FakeFeatures) -> None:
    features.rows["tt0133093"] = features.row(
        {
            "text": "The Matrix",
            "kind": "movie",
            "year": 1999,
            "countries": [],
            "runtime_minutes": None,
            "certificate": None,
            "platforms": [],
        }
    )
    prediction = ready.get("/v1/titles/tt0133093/genres").json()
    assert prediction["features"]["missing"] == ["title_text:word_count"]
    assert prediction["degraded"]


@pytest.mark.parametrize("lacking", [{"text"}, {"kind"}, {"text", "kind"}, set(FakeFeatures.references)])
@pytest.mark.parametrize("query", ["", "?explain=true"])
def test_a_title_whose_text_is_not_online_is_predicted_from_the_catalogue(
    ready: TestClient, features: FakeFeatures, lacking: set[str], query: str
) -> None:
    before = ready.get(f"/v1/titles/tt0133093/genres{query}").json()
    held = features.rows["tt0133093"].held
    features.rows["tt0133093"] = features.row({name: held[name] for name in held if name not in lacking})
    after = ready.get(f"/v1/titles/tt0133093/genres{query}").json()
    assert after["genres"] == before["genres"]
    assert set(after["features"]["missing"]) >= {features.references[name] for name in lacking}
    assert (before["degraded"], after["degraded"]) == (False, True)


def test_a_title_without_a_plot_is_predicted_from_its_name_and_said_to_be(ready: TestClient, world: World) -> None:
    bare = next(title for title in world.titles if title["plot"] is None)
    told = ready.get(f"/v1/titles/{bare['title_id']}/genres").json()
    assert (told["degraded"], told["features"]["as_of"]) == (True, None)
    assert "title_text:text" in told["features"]["missing"]


def test_a_store_that_fails_is_not_ready_and_says_nothing_of_its_inside(
    ready: TestClient, features: FakeFeatures
) -> None:
    features.error = OnlineStoreError("database /secret/online_store.db is locked")
    answer = ready.get("/v1/titles/tt0133093/genres")
    assert answer.status_code == 503
    assert "secret" not in answer.text


def test_a_service_that_is_not_applied(ready: TestClient, features: FakeFeatures) -> None:
    features.services.clear()
    answer = ready.get("/v1/titles/tt0133093/genres")
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:trending-now:problem:features-not-ready"


def test_predictions_for_text(ready: TestClient) -> None:
    answer = ready.post("/v1/genres/predict", json={"instances": [INSTANCE, {"title": "x", "kind": "show"}]})
    assert answer.status_code == 200
    first, second = answer.json()["predictions"]
    assert first["title_id"] is None
    assert first["features"] == {"service": "genre_text_v4", "as_of": None, "stale": False, "missing": []}
    assert not first["degraded"]
    assert first["prediction_id"] < second["prediction_id"]


@pytest.mark.parametrize("year", [None, 1999])
@pytest.mark.parametrize("plot", [None, "", "A plot."])
def test_plot_and_year_may_be_null(ready: TestClient, year: int | None, plot: str | None) -> None:
    instance = {"title": "Title", "plot": plot, "kind": "movie", "year": year}
    assert ready.post("/v1/genres/predict", json={"instances": [instance]}).status_code == 200


@pytest.mark.parametrize(
    ("body", "location"),
    [
        ({}, "body.instances"),
        ({"instances": []}, "body.instances"),
        ({"instances": [INSTANCE] * (MAX_INSTANCES + 1)}, "body.instances"),
        ({"instances": [INSTANCE], "explain": True}, "body.explain"),
        ({"instances": [{**INSTANCE, "kind": "book"}]}, "body.instances.0.kind"),
        ({"instances": [{"title": "x"}]}, "body.instances.0.kind"),
        ({"instances": [INSTANCE, {**INSTANCE, "year": 31}]}, "body.instances.1.year"),
        ({"instances": [{**INSTANCE, "title": " \u200b", "plot": "\n"}]}, "body.instances.0"),
        ({"instances": [{**INSTANCE, "plot": "x" * (MAX_PLOT_LENGTH + 1)}]}, "body.instances.0.plot"),
        ({"instances": [{**INSTANCE, "genre": "drama"}]}, "body.instances.0.genre"),
        ([], "body"),
    ],
)
def test_bad_bodies(ready: TestClient, body: object, location: str) -> None:
    answer = ready.post("/v1/genres/predict", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["location"] for error in answer.json()["errors"]] == [location]


def test_the_largest_batch_is_taken(ready: TestClient) -> None:
    body = {"instances": [{**INSTANCE, "plot": "é" * MAX_PLOT_LENGTH}] * MAX_INSTANCES}
    answer = ready.post("/v1/genres/predict", json=body)
    assert answer.status_code == 200
    assert len(answer.json()["predictions"]) == MAX_INSTANCES


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 422),
        (b"", 422),
        (b'{"instances": "\xff"}', 400),
        (b"[" * 100_000, 400),
        (b'{"instances": [{"title": "\\ud800", "kind": "movie"}]}', 422),
        (b'{"instances": [{"title": "x", "kind": "movie", "year": 1e999}]}', 422),
        (b'{"instances": [{"title": "x", "kind": "movie", "year": NaN}]}', 422),
    ],
)
def test_unreadable_bodies(ready: TestClient, content: bytes, status: int) -> None:
    answer = ready.post("/v1/genres/predict", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_error_does_not_repeat_what_was_sent(ready: TestClient) -> None:
    body = {"instances": [{**INSTANCE, "year": "a secret", "kind": "my secret", "secret plot" * 90: 1}]}
    answer = ready.post("/v1/genres/predict", json=body)
    assert answer.status_code == 422
    assert "a secret" not in answer.text
    assert "my secret" not in answer.text
    assert len(answer.text) < 2000


def chunks(count: int):
    for _ in range(count):
        yield b"x" * 1024 * 1024


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large(ready: TestClient, declared: bool) -> None:
    content = b"".join(chunks(9)) if declared else chunks(9)
    answer = ready.post("/v1/genres/predict", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert "fewer instances" in answer.json()["detail"]


def test_without_a_model(world: World, client: TestClient, state) -> None:
    world.land_catalog()
    state.refresh()
    for answer in (
        client.get("/v1/titles/tt0133093/genres"),
        client.post("/v1/genres/predict", json={"instances": [INSTANCE]}),
    ):
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:trending-now:problem:model-not-ready"
    assert client.get("/v1/titles/tt0000000/genres").status_code == 404


def test_without_a_feature_store_text_can_still_be_predicted(world: World, client: TestClient, state) -> None:
    world.land_catalog()
    world.promote()
    state.refresh()
    assert client.get("/v1/titles/tt0133093/genres").status_code == 503
    assert client.post("/v1/genres/predict", json={"instances": [INSTANCE]}).status_code == 200
