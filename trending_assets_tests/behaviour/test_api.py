"""The real server over the demo's home answers as documented, by id and by text alike."""

import httpx
import pytest


def titles(api: httpx.Client, **filters: object) -> list[dict[str, object]]:
    """A page of titles."""
    found: list[dict[str, object]] = api.get("/v1/titles", params=filters).raise_for_status().json()["items"]
    return found


def probabilities(prediction: dict[str, list[dict[str, object]]]) -> dict[object, object]:
    """Genre → probability of a prediction."""
    return {entry["genre"]: entry["probability"] for entry in prediction["genres"]}


@pytest.mark.parametrize("kind", ["movie", "show"])
def test_a_known_title_gets_by_id_what_its_text_gets(kind: str, api: httpx.Client) -> None:
    found = [api.get(f"/v1/titles/{t['title_id']}").json() for t in titles(api, kind=kind, limit=15)]
    assert len(found) == 15
    sent = ("title", "plot", "kind", "year", "countries", "runtime_minutes", "certificate", "platforms")
    instances = [{key: title[key] for key in sent} for title in found]
    by_text = api.post("/v1/genres/predict", json={"instances": instances}).raise_for_status().json()["predictions"]
    for title, prediction in zip(found, by_text, strict=True):
        by_id = api.get(f"/v1/titles/{title['title_id']}/genres").raise_for_status().json()
        assert by_id["title_id"] == title["title_id"]
        assert by_id["features"]["missing"] == []
        assert not by_id["degraded"]
        assert probabilities(by_id) == pytest.approx(probabilities(prediction), abs=1e-4)


def test_an_alias_leads_to_its_title(api: httpx.Client) -> None:
    title = next(
        t for t in (api.get(f"/v1/titles/{t['title_id']}").json() for t in titles(api, kind="movie")) if t["aliases"]
    )
    assert api.get(f"/v1/titles/{title['aliases'][0]}").json()["title_id"] == title["title_id"]


def test_titles_are_filtered_and_paged(api: httpx.Client) -> None:
    first = api.get("/v1/titles", params={"genre": "horror", "year_from": 1980, "limit": 5}).json()
    second = api.get(
        "/v1/titles", params={"genre": "horror", "year_from": 1980, "limit": 5, "cursor": first["next_cursor"]}
    ).json()
    both = [*first["items"], *second["items"]]
    assert len({title["title_id"] for title in both}) == 10
    assert all("horror" in title["genres"] and title["year"] >= 1980 for title in both)


@pytest.mark.parametrize("window", ["day", "week"])
def test_trending_ranks_by_a_score_that_is_its_parts(api: httpx.Client, window: str) -> None:
    ranked = api.get("/v1/trending", params={"window": window}).json()["items"]
    assert ranked
    scores = [entry["score"] for entry in ranked]
    assert scores == sorted(scores, reverse=True)
    for entry in ranked:
        parts = entry["parts"]
        assert parts["momentum_points"] + parts["volume_points"] == entry["score"]
        assert {(part["source"], part["signal"]) for part in parts["signals"]} == {("sample", "reviews")}
        assert parts["coverage"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/titles/tt9999999", None, 404),
        ("GET", "/v1/titles/tt9999999/genres", None, 404),
        ("GET", "/nothing/here", None, 404),
        ("DELETE", "/v1/titles", None, 405),
        ("POST", "/v1/genres/predict", {"instances": []}, 422),
        ("POST", "/v1/genres/predict", {"instances": [{"title": "x", "kind": "book"}]}, 422),
        ("GET", "/v1/titles?limit=0", None, 422),
        ("GET", "/v1/titles?cursor=nonsense", None, 422),
    ],
)
def test_every_error_is_a_problem_document(
    method: str, path: str, body: object, status: int, api: httpx.Client
) -> None:
    answer = api.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert answer.headers["x-request-id"]


def test_models_name_the_champion_that_serves(api: httpx.Client) -> None:
    models = api.get("/v1/models").json()
    assert models["serving"] == models["aliases"]["champion"]
    trained = {"genre_keyword", "genre_logreg", "genre_xgboost", "genre_bert"}
    assert trained <= {model["name"] for model in models["items"]} <= trained | {"genre_blend"}
    assert api.get("/readyz").json()["model"] == models["serving"]
