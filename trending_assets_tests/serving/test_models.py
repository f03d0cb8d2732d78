import datetime as dt

import pytest
from fastapi.testclient import TestClient

from trending_assets.storage.home import Home
from trending_assets_tests.serving.world import World


def test_an_empty_registry(client: TestClient) -> None:
    assert client.get("/v1/models").json() == {
        "items": [],
        "next_cursor": None,
        "serving": None,
        "aliases": {},
        "unreadable": [],
    }


@pytest.fixture
def three(world: World) -> World:
    for day, version in ((24, "20250624-c"), (25, "20250625-b"), (26, "20250626-a")):
        world.register(version, trained_at=dt.datetime(2025, 6, day, tzinfo=dt.UTC))
    world.promote("20250624-c")
    world.promote("20250625-b")
    return world


def test_versions_newest_first_with_aliases_and_what_serves(three: World, client: TestClient, state) -> None:
    state.refresh()
    page = client.get("/v1/models").json()
    assert [(item["version"], item["aliases"], item["serving"]) for item in page["items"]] == [
        ("20250626-a", [], False),
        ("20250625-b", ["champion"], True),
        ("20250624-c", ["previous"], False),
    ]
    assert page["serving"] == {"name": "genre_majority", "version": "20250625-b"}
    assert page["aliases"]["previous"] == {"name": "genre_majority", "version": "20250624-c"}
    assert page["items"][0]["metrics"] == {"macro_f1": 0.25}
    assert page["items"][0]["feature_service"] == "genre_text_v4"


def test_what_serves_is_what_is_loaded_not_what_the_alias_says(three: World, client: TestClient, state) -> None:
    state.refresh()
    three.promote("20250626-a")
    page = client.get("/v1/models").json()
    assert page["aliases"]["champion"]["version"] == "20250626-a"
    assert page["serving"]["version"] == "20250625-b"


def test_pages(three: World, client: TestClient) -> None:
    first = client.get("/v1/models", params={"limit": 2}).json()
    second = client.get("/v1/models", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [item["version"] for item in first["items"] + second["items"]] == ["20250626-a", "20250625-b", "20250624-c"]
    assert second["next_cursor"] is None
    assert client.get("/v1/models", params={"cursor": "x"}).status_code == 422


def test_a_model_whose_manifest_cannot_be_read_is_named(three: World, client: TestClient) -> None:
    (Home(three.folder).registry / "genre_majority" / "20250624-c" / "manifest.json").write_text("{}")
    page = client.get("/v1/models").json()
    assert page["unreadable"] == ["genre_majority"]


@pytest.mark.parametrize(
    "told", ["[]", "5", '"../../etc/passwd"', "{}", "null", '{"version": 5, "manifest_sha256": null}', ""]
)
def test_aliases_that_cannot_be_read_are_named(three: World, client: TestClient, told: str) -> None:
    (Home(three.folder).registry / "aliases.json").write_text(f'{{"champion": {told}}}')
    page = client.get("/v1/models").json()
    assert (page["unreadable"][-1], page["aliases"]) == ("aliases", {})


def test_a_stray_folder_is_no_version(three: World, client: TestClient) -> None:
    stray = Home(three.folder).registry / "genre_majority" / "x y"
    stray.mkdir()
    (stray / "manifest.json").write_text("{}")
    assert len(client.get("/v1/models").json()["items"]) == 3
