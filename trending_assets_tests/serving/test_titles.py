import datetime as dt

import pytest
from fastapi.testclient import TestClient

from serving.state import ServingState
from trending_assets_tests.serving.world import AS_OF, TITLES, World, activity_row


def test_a_list_is_a_page_of_titles_by_id(ready: TestClient) -> None:
    page = ready.get("/v1/titles").json()
    assert [item["title_id"] for item in page["items"]] == sorted(row["title_id"] for row in TITLES)
    assert page["next_cursor"] is None
    assert "plot" not in page["items"][0]


def test_cursors_lead_through_the_list(ready: TestClient) -> None:
    seen, params = [], {"limit": "2", "kind": "movie"}
    while True:
        page = ready.get("/v1/titles", params=params).json()
        seen += [item["title_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert seen == sorted(row["title_id"] for row in TITLES if row["kind"] == "movie")


def test_search(ready: TestClient) -> None:
    page = ready.get("/v1/titles", params={"q": "amelie", "year_from": 2000}).json()
    assert [item["title"] for item in page["items"]] == ["Amélie"]


def test_an_empty_parameter_is_none(ready: TestClient) -> None:
    page = ready.get("/v1/titles?q=&kind=&genre=&year_from=&year_to=&limit=&cursor=").json()
    assert len(page["items"]) == len(TITLES)


@pytest.mark.parametrize(
    ("query", "location"),
    [
        ("limit=0", "query.limit"),
        ("limit=201", "query.limit"),
        ("limit=many", "query.limit"),
        ("kind=book", "query.kind"),
        ("genre=sci-fi", "query.genre"),
        ("year_from=99999", "query.year_from"),
        ("year_from=2001&year_to=2000", "query"),
        ("cursor=nonsense", "query.cursor"),
        ("sort=title", "query.sort"),
        ("sort=", "query.sort"),
        ("kind=movie&kind=show", "query"),
        ("kind=&kind=movie", "query"),
    ],
)
def test_bad_parameters(ready: TestClient, query: str, location: str) -> None:
    answer = ready.get(f"/v1/titles?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["location"] for error in answer.json()["errors"]] == [location]


def test_a_cursor_of_other_filters_is_refused(ready: TestClient) -> None:
    cursor = ready.get("/v1/titles?limit=1").json()["next_cursor"]
    assert ready.get("/v1/titles", params={"cursor": cursor, "limit": 3}).status_code == 200
    assert ready.get("/v1/titles", params={"cursor": cursor, "kind": "movie"}).status_code == 422
    assert ready.get("/v1/trending", params={"cursor": cursor}).status_code == 422


@pytest.mark.parametrize("title_id", ["tt0133093", "moviebox:603"])
def test_one_title_with_its_sources(ready: TestClient, title_id: str) -> None:
    title = ready.get(f"/v1/titles/{title_id}").json()
    assert title["title_id"] == "tt0133093"
    assert title["plot"] == "A hacker learns that the world is a simulation."
    assert title["sources"] == [{"source": "sample", "source_id": "tt0133093"}]
    assert title["aliases"] == ["moviebox:603"]
    assert title["released"] == "1999-03-31"
    assert title["arrived_at"] == "2025-06-03T00:00:00Z"
    assert title["as_of"] == "2025-06-26"


def test_a_title_of_which_no_source_tells_the_plot(ready: TestClient) -> None:
    title = ready.get("/v1/titles/moviebox:77").json()
    assert (title["title"], title["plot"], title["audience_ratings"]) == ("Unknown Year", None, 0)


def test_an_unknown_title(ready: TestClient) -> None:
    answer = ready.get("/v1/titles/tt0000000")
    assert answer.status_code == 404
    assert answer.json() == {
        "type": "urn:trending-now:problem:title-not-found",
        "title": "Title not found",
        "status": 404,
        "detail": "No title in the catalogue has this id, nor does any alias.",
        "instance": "/v1/titles/tt0000000",
        "request_id": answer.headers["x-request-id"],
    }


@pytest.mark.parametrize("path", ["/v1/titles", "/v1/titles/tt0133093", "/v1/titles/tt0133093/genres", "/v1/trending"])
def test_without_a_catalogue(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:trending-now:problem:catalog-not-ready"
    assert answer.headers["retry-after"] == "2"


def test_the_ranking(ready: TestClient) -> None:
    page = ready.get("/v1/trending").json()
    assert [(item["title"]["title"], item["score"]) for item in page["items"]] == [
        ("The Matrix", 50.5),
        ("Amélie", 50.5),
        ("Back to the Future", 40.0),
    ]
    first = page["items"][0]
    assert first["as_of"] == "2025-06-26"
    parts = first["parts"]
    assert (parts["momentum_points"], parts["volume_points"], parts["coverage"], parts["reviews"]) == (30.5, 20, 1, 9)
    assert [(part["source"], part["signal"], part["score"], part["pace"]) for part in parts["signals"]] == [
        ("sample", "reviews", 50.5, None)
    ]
    assert (first["title"]["audience_rating"], first["title"]["audience_ratings"]) == (7.9, 40)


def test_the_ranking_of_a_day_with_filters(ready: TestClient) -> None:
    page = ready.get("/v1/trending", params={"window": "day", "genre": "comedy"}).json()
    assert [(item["title"]["title"], item["score"], item["parts"]["reviews"]) for item in page["items"]] == [
        ("Back to the Future", 70, 1)
    ]


def test_the_ranking_follows_the_newest_scores(ready: TestClient, world: World, state: ServingState) -> None:
    world.land_activity([activity_row("tt0211915", (0.0, 1.0), (5.0, 1.0))], AS_OF + dt.timedelta(days=1))
    state.refresh()
    assert [item["title"]["title"] for item in ready.get("/v1/trending").json()["items"]] == ["Amélie"]


def test_a_catalogue_without_scores_ranks_nothing(world: World, state: ServingState, client: TestClient) -> None:
    world.land_catalog()
    state.refresh()
    assert client.get("/v1/trending").json() == {"items": [], "next_cursor": None}


def test_cursors_lead_through_the_ranking(ready: TestClient) -> None:
    first = ready.get("/v1/trending", params={"limit": 1}).json()
    rest = ready.get("/v1/trending", params={"limit": 5, "cursor": first["next_cursor"]}).json()
    assert [item["title"]["title"] for item in rest["items"]] == ["Amélie", "Back to the Future"]
    assert rest["next_cursor"] is None
