"""The API over a real Valkey that stock Feast filled, while it is killed, comes back, or does not answer."""

import datetime as dt
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient

from feature_repo.repository import apply
from serving.app import create_app
from serving.known_titles import KnownTitles
from serving.settings import ServingSettings
from serving.state import ServingState
from trending_assets.domain.text.features import title_features
from trending_assets.storage.feature_store import FeastUrls, open_feature_store
from trending_assets_tests.serving.conftest import HOUR
from trending_assets_tests.serving.world import ARRIVED, TITLES, FakeEncoder, World
from trending_assets_tests.storage.databases import Server, valkey_server

KNOWN, OTHER = "tt0133093", "tt0088763"
DOWN = "the online store does not answer: titles are predicted from the features that were last known of them"


@dataclass
class Running:
    """An API, and the store that it reads.

    Attributes:
        client: asks the API.
        state: what the API holds.
        server: the store.
        folder: where the store keeps what it was told.
    """

    client: TestClient
    state: ServingState
    server: Server
    folder: Path

    def genres(self, title_id: str) -> Any:
        return self.client.get(f"/v1/titles/{title_id}/genres")

    def metric(self, name: str, **labels: str) -> float | None:
        return self.state.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def running(tmp_path: Path, world: World) -> Iterator[Running]:
    kept = tmp_path / "kept"
    kept.mkdir()
    with valkey_server(kept) as server:
        urls = FeastUrls(online_store=server.url)
        world.land_catalog()
        world.promote()
        apply(world.folder, urls)
        rows = [row for row in TITLES if row["plot"] is not None]
        made = [title_features(row["title"], row["plot"], row["kind"], row["year"]) for row in rows]
        names = ("text", "kind", "word_count")
        frame = pd.DataFrame(
            {name: [getattr(each, name) for each in made] for name in names}
            | {
                "title_id": [row["title_id"] for row in rows],
                "year": pd.array([each.year for each in made], dtype="Int64"),
                "countries": [[]] * len(rows),
                "runtime_minutes": pd.array([None] * len(rows), dtype="Int64"),
                "certificate": pd.array([None] * len(rows), dtype="string"),
                "platforms": [[]] * len(rows),
                "event_timestamp": ARRIVED,
                "created": ARRIVED,
            }
        )
        open_feature_store(world.folder, urls).write_to_online_store("title_text", frame)
        settings = ServingSettings(home=world.folder, online_store=server.url)
        app = create_app(settings, encoder=FakeEncoder, poll_seconds=HOUR)
        with TestClient(app) as client:
            app.state.serving.refresh()
            yield Running(client, app.state.serving, server, kept)


def test_a_store_that_is_killed_and_comes_back(running: Running) -> None:
    before = running.genres(KNOWN).json()
    assert not before["degraded"]
    assert running.client.get("/readyz").status_code == 200
    running.server.kill()
    answers = [running.genres(KNOWN) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    for answer in answers:
        told = answer.json()
        assert (told["degraded"], told["genres"], told["features"]) == (True, before["genres"], before["features"])
    refused = running.genres(OTHER)
    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    assert refused.json()["type"] == "urn:trending-now:problem:features-unavailable"
    assert running.server.password not in refused.text
    ready = running.client.get("/readyz")
    assert (ready.status_code, ready.json()["reasons"]) == (503, [DOWN])
    assert running.metric("trending_online_store_breaker", trending_online_store_breaker="open") == 1
    assert running.metric("trending_feature_reads_total", outcome="last_known") == 20
    assert running.metric("trending_degraded_reasons_total", reason="last_known") == 20
    assert running.client.get("/v1/titles").status_code == 200
    with valkey_server(running.folder, running.server.port, running.server.password):
        # Not the breaker that rests before it tries.
        running.state.known = KnownTitles(running.state.metrics)
        assert not running.genres(KNOWN).json()["degraded"]
        assert running.genres(OTHER).status_code == 200
        assert running.client.get("/readyz").status_code == 200


def test_other_requests_go_on_while_the_store_does_not_answer(running: Running) -> None:
    running.state.known = KnownTitles(running.state.metrics, patience_seconds=60)
    running.genres(KNOWN)
    running.server.process.send_signal(signal.SIGSTOP)
    body = {"instances": [{"title": "x", "kind": "movie"}]}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(running.genres, OTHER)
        assert running.client.get("/healthz").status_code == 200
        assert running.client.get("/v1/titles").status_code == 200
        assert running.client.get(f"/v1/titles/{OTHER}").status_code == 200
        assert running.client.post("/v1/genres/predict", json=body).status_code == 200
        told = running.genres(KNOWN).json()
        assert told["degraded"]
        assert told["features"]["as_of"] == ARRIVED.isoformat().replace("+00:00", "Z")
        assert not waiting.done()
        running.server.process.send_signal(signal.SIGCONT)
        assert waiting.result(30).json()["degraded"] is False


def test_what_is_last_known_grows_stale_as_the_catalogue_goes_on(running: Running, world: World) -> None:
    late = running.state.need_catalog().end()
    allowed = {"title_text": late - ARRIVED}
    running.genres(KNOWN)
    ((key, known),) = running.state.known._known.items()
    running.state.known._known[key] = replace(known, ages_allowed=allowed)
    running.server.kill()
    assert running.genres(KNOWN).json()["features"]["stale"] is False
    world.land_catalog([{**row, "as_of": row["as_of"] + dt.timedelta(days=1)} for row in world.titles])
    running.state.refresh()
    told = running.genres(KNOWN).json()
    assert (told["features"]["stale"], told["degraded"]) == (True, True)
    assert running.metric("trending_degraded_reasons_total", reason="stale") == 1
