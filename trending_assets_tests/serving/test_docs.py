"""docs/serving.md says the truth: its curl commands work, and its tables name what there is."""

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.settings import ServingSettings
from serving.state import ServingState
from trending_assets.storage.api_keys import SCOPES, ApiKeys
from trending_assets.storage.home import Home
from trending_assets_tests.serving.conftest import HOUR
from trending_assets_tests.serving.world import FakeEncoder, FakeFeatures, World

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
_ADDRESS = "http://127.0.0.1:8000"


def commands() -> Iterator[tuple[str, int]]:
    """The curl commands of the page, and the status that each says it gets."""
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("curl "):
                command, _, status = line.rpartition("# ")
                yield command, int(status)


COMMANDS = list(commands())


@pytest.fixture
def key(world: World) -> str:
    """A key that may ask for everything."""
    return ApiKeys(Home(world.folder).api_keys).add("reader", SCOPES, datetime(2025, 6, 26, tzinfo=UTC))[1]


@pytest.fixture
def app(world: World, features: FakeFeatures, key: str) -> FastAPI:
    """The app, which asks for keys."""
    settings = ServingSettings(home=world.folder, require_keys=True)
    return create_app(settings, features=lambda _: features, encoder=FakeEncoder, poll_seconds=HOUR)


@pytest.mark.parametrize(("command", "status"), COMMANDS)
def test_a_curl_command_gets_what_the_page_says(ready: TestClient, key: str, command: str, status: int) -> None:
    made = ready.get("/v1/titles/tt0133093/genres", headers={"Authorization": f"Bearer {key}"}).json()
    words = iter(shlex.split(command)[1:])
    method, url, headers, body = "GET", "", {}, None
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value.replace("$KEY", key)
        elif word == "-d":
            method, body = "POST", next(words)
        else:
            assert word.startswith(f"{_ADDRESS}/"), f"the test knows no {word}"
            url = word.removeprefix(_ADDRESS).replace("$PREDICTION", made["prediction_id"])
    answer = ready.request(method, url, headers=headers, content=body)
    assert answer.status_code == status, answer.text


def test_the_page_calls_every_path_of_the_document(ready: TestClient) -> None:
    called = (
        " ".join(command for command, _ in COMMANDS)
        .replace("tt0133093", "{title_id}")
        .replace("$PREDICTION", "{prediction_id}")
    )
    for path in ready.get("/openapi.json").json()["paths"]:
        assert re.search(rf"{re.escape(_ADDRESS + path)}['\"? ]", called + " "), path


def test_the_page_names_every_metric(state: ServingState) -> None:
    families = {family.name: family.type for family in state.metrics.registry.collect()}
    there_are = {f"{name}_total" if kind == "counter" else name for name, kind in families.items()}
    assert set(re.findall(r"^\| `(trending_\w+)`", PAGE, re.MULTILINE)) == there_are


def test_the_page_names_every_setting_and_scope() -> None:
    own = ServingSettings.model_fields.keys() - ServingSettings.__base__.model_fields.keys() - {"host", "port"}
    for name in own:
        assert f"`TRENDING_{name.upper()}" in PAGE, name
    assert re.findall(r"^\| `(\w+)` \| `/", PAGE, re.MULTILINE) == list(SCOPES)
