"""A small home to serve from, and an app over it that a test moves on by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.settings import ServingSettings
from serving.state import ServingState
from trending_assets_tests.serving.world import FakeEncoder, FakeFeatures, World

HOUR = 3600.0


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An empty home, and what a pipeline would do to it."""
    return World(tmp_path / "home")


@pytest.fixture
def features() -> FakeFeatures:
    """An online store that holds nothing yet."""
    return FakeFeatures()


@pytest.fixture
def app(world: World, features: FakeFeatures) -> FastAPI:
    """The app over the world, polling too rarely to matter: a test refreshes it."""
    return create_app(
        ServingSettings(home=world.folder), features=lambda _: features, encoder=FakeEncoder, poll_seconds=HOUR
    )


@pytest.fixture
def state(app: FastAPI) -> ServingState:
    """What the app holds."""
    serving: ServingState = app.state.serving
    return serving


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client of the app, which runs."""
    with TestClient(app) as running:
        yield running


@pytest.fixture
def ready(world: World, features: FakeFeatures, state: ServingState, client: TestClient) -> TestClient:
    """A client of the app with a catalogue, a champion and online features."""
    world.land_catalog()
    world.land_activity()
    world.promote()
    world.apply_features()
    features.fill(world.titles)
    state.refresh()
    return client
