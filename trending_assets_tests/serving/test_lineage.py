"""The lineage of predictions that this server has made, asked of the server that is still running."""

import pytest
from fastapi.testclient import TestClient

from trending_assets.storage.home import Home
from trending_assets_tests.serving.world import World


def test_a_prediction_has_its_lineage_at_once_and_from_an_open_segment(ready: TestClient, world: World) -> None:
    made = ready.get("/v1/titles/tt0133093/genres").json()
    answer = ready.get(f"/v1/lineage/{made['prediction_id']}")
    assert answer.status_code == 200
    assert {path.suffix for path in Home(world.folder).prediction_log.iterdir()} == {".open"}
    found = answer.json()
    assert (found["prediction_id"], found["title_id"]) == (made["prediction_id"], "tt0133093")
    assert found["model"]["version"] == made["model"]["version"]
    assert found["model"]["data_partitions"] == ["2025-06-25", "2025-06-26"]
    assert found["feature_service"] == made["features"]["service"]
    # No feature table lies in this home, and none is made up.
    (feature,) = found["features"]
    assert (feature["view"], feature["partition"]) == ("title_text", None)
    assert feature["unknown"].startswith("No day of title_text holds a row of tt0133093")
    assert (found["partitions"], found["records"], found["input_found"]) == ([], [], None)


def test_a_prediction_for_text_has_a_shorter_one(ready: TestClient) -> None:
    body = {"instances": [{"title": "The Last Harvest", "plot": "A farmer on Mars.", "kind": "movie"}]}
    (made,) = ready.post("/v1/genres/predict", json=body).json()["predictions"]
    found = ready.get(f"/v1/lineage/{made['prediction_id']}").json()
    assert (found["title_id"], found["features"], found["records"]) == (None, [], [])
    assert found["model"]["name"] == "genre_majority"
    assert len(found["unknown"]) == 1
    assert "farmer" not in str(found).lower()


@pytest.mark.parametrize("prediction_id", ["019e0c1b-7c3c-7cc3-8a55-2a4a1be3f4d5", "x", "%00", "..%5C"])
def test_an_unknown_prediction_is_a_problem(ready: TestClient, prediction_id: str) -> None:
    answer = ready.get(f"/v1/lineage/{prediction_id}")
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:trending-now:problem:prediction-not-found"
