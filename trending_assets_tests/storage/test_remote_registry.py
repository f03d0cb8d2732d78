"""A registry in a bucket: writers that break off, the cache of models, and all that works on it."""

import io
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.settings import ServingSettings
from trending_assets.automation.jobs import rollback
from trending_assets.definitions import build_defs
from trending_assets.resources.home import HomeResource
from trending_assets.storage.home import Home
from trending_assets.storage.model_files import TamperedModelError, verified_files
from trending_assets.storage.objects import InvalidUrlError, Objects, TooManyWritersError
from trending_assets.storage.registry import ModelRef, UnknownModelError, open_registry
from trending_assets_tests.serving.world import FakeEncoder, FakeFeatures, World
from trending_assets_tests.storage.registering import REF, Place, fields, read_weights, save_files
from trending_assets_tests.storage.servers import Relay, S3Server

ROOT = Path(__file__).parents[2]
_BODY = {"instances": [{"title": "x", "kind": "movie"}]}


@pytest.fixture
def place(s3: S3Server, tmp_path: Path) -> Place:
    return Place(tmp_path / "home", s3.new_root())


def _cut_after(requests: int) -> Callable[[], bool]:
    """Lets a number of requests pass, and none from then on."""
    left = requests

    def act() -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    return act


@pytest.mark.parametrize(
    ("marker", "passed", "claimed"),
    [
        (b"POST ", 1, False),
        (b"PUT /trending/", 0, False),
        (b"x-amz-copy-source", 0, True),
        (b"x-amz-copy-source", 1, True),
        (b"x-amz-copy-source", 2, True),
    ],
    ids=["upload", "claim", "first copy", "second copy", "manifest"],
)
def test_a_registration_that_breaks_off_is_no_version_and_can_be_done_again(
    s3: S3Server, place: Place, monkeypatch: pytest.MonkeyPatch, marker: bytes, passed: int, claimed: bool
) -> None:
    with Relay(s3.port, marker, _cut_after(passed)) as relay, monkeypatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{relay.port}")
        with pytest.raises(OSError, match=r"NETWORK_CONNECTION|Connection"):
            place.registry.register(REF, fields(seed=1), save_files)
        assert relay.met
    registry = place.registry
    assert registry.models() == registry.versions(REF.model) == []
    with pytest.raises(UnknownModelError):
        registry.verified(REF)

    # A claim stands for files that are all there: they are what is registered. Without one the next writer's are.
    stored = registry.register(REF, fields(seed=2), save_files)
    assert stored.seed == (1 if claimed else 2)
    assert {path.name for path in registry.verified(REF).iterdir()} == {"weights.bin", "nested"}
    assert registry.models() == [REF.model]


def test_a_change_that_others_overtake_every_time_is_a_named_fault(
    s3: S3Server, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.registry.register(REF, fields(), save_files)
    others, changes = place.objects, 0

    def overtake() -> bool:
        nonlocal changes
        changes += 1
        others.update("aliases.json", lambda held: (held or b"{}") + b" ")
        return True

    overtake()
    with Relay(s3.port, b"PUT /trending/", overtake) as relay, monkeypatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{relay.port}")
        with pytest.raises(TooManyWritersError, match=r"aliases\.json was changed by others"):
            place.registry.promote(REF)
    assert changes > 2
    assert place.registry.aliases() == {}


class _Fetches:
    """Counts the requests for a model's weights that pass a relay."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> bool:
        self.count += 1
        return True


def test_models_are_fetched_once_and_again_where_the_cache_is_bad(
    s3: S3Server, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.registry.register(REF, fields(), save_files)
    fetches = _Fetches()
    with Relay(s3.port, b"/weights.bin HTTP", fetches) as relay:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{relay.port}")
        folder = place.registry.verified(REF)
        assert Home(place.home).model_cache in folder.parents
        first = fetches.count
        assert first > 0
        assert place.registry.verified(REF) == folder
        assert fetches.count == first

        for spoil in (
            lambda path: path.write_bytes(b"weightz"),
            lambda path: path.unlink(),
            lambda path: (path.unlink(), path.symlink_to("/etc/passwd")),
        ):
            before = fetches.count
            spoil(folder / "weights.bin")
            (folder / "nested" / "stray.json").write_text("{}")
            assert place.registry.verified(REF) == folder
            assert fetches.count > before
            assert (folder / "weights.bin").read_bytes() == b"weights"
            assert [path.name for path in (folder / "nested").iterdir()] == ["words.json"]


def test_what_was_tampered_with_in_the_bucket_never_reaches_the_cache(place: Place) -> None:
    place.registry.register(REF, fields(), save_files)
    place.write(f"{REF}/weights.bin", b"weightz")
    with pytest.raises(TamperedModelError, match=r"weights\.bin"):
        place.registry.verified(REF)
    cached = [path for path in Home(place.home).model_cache.rglob("*") if path.is_file()]
    assert [path.name for path in cached] == ["words.json"]


class _OneObject:
    """Objects with one key that leads out of its folder."""

    def __init__(self, key: str) -> None:
        self._key = key

    def below(self, prefix: str) -> list[str]:
        return [f"{prefix}/{self._key}"]

    def open(self, key: str) -> io.BytesIO:
        return io.BytesIO(b"")


@pytest.mark.parametrize("name", ["../../evil", "/evil", "nested/../../../evil"])
def test_a_name_that_leads_out_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with pytest.raises(TamperedModelError, match="evil is no path"):
        verified_files(cast("Objects", _OneObject(name)), tmp_path / "cache", str(REF), {name: empty})
    assert list(tmp_path.iterdir()) == []


def test_processes_share_a_cache(place: Place) -> None:
    place.registry.register(REF, fields(), save_files)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=read_weights, args=(place,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]


def test_a_registry_copied_to_a_bucket_is_the_same(place: Place, tmp_path: Path) -> None:
    local = Place(tmp_path / "other", None)
    local.registry.register(REF, fields(), save_files)
    local.registry.promote_by_hand(REF)
    for key in local.objects.below(""):
        place.write(key, local.objects.read(key))
    assert place.registry.aliases() == {"champion": REF}
    assert place.registry.manifest(REF) == local.registry.manifest(REF)
    assert place.registry.verified(REF)
    assert place.registry.decisions() == local.registry.decisions()


def test_the_api_answers_from_a_bucket_and_follows_a_promotion(place: Place) -> None:
    world = World(place.home, place.registry)
    app = create_app(
        ServingSettings(home=place.home, registry=place.url),
        features=lambda _: FakeFeatures(),
        encoder=FakeEncoder,
        poll_seconds=3600,
    )
    first, second = world.promote("20250626-a"), world.register("20250627-b")
    with TestClient(app) as client:
        served = []
        for change in (lambda: None, lambda: world.registry.promote(second), world.registry.rollback):
            change()
            app.state.serving.refresh()
            served.append(client.post("/v1/genres/predict", json=_BODY).json()["predictions"][0]["model"]["version"])
        assert served == [first.version, second.version, first.version]
        assert [item["version"] for item in client.get("/v1/models").json()["items"]] == ["20250627-b", "20250626-a"]
    assert not Home(place.home).registry.exists()


def _trending(place: Place, *arguments: str, **environment: str) -> str:
    variables = {"TRENDING_HOME": str(place.home), "TRENDING_REGISTRY": place.url or "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "trending_assets", *arguments],
        env=os.environ | variables | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_command_line_works_on_a_bucket(place: Place, tmp_path: Path) -> None:
    world = World(place.home, place.registry)
    first, second = world.promote("20250626-a"), world.register("20250627-b")
    assert _trending(place, "models", "promote", str(second)).splitlines() == [f"champion: {second}"]
    assert world.registry.aliases() == {"champion": second, "previous": first}
    assert json.loads(_trending(place, "models", "show", "champion"))["version"] == "20250627-b"
    found = _trending(place, "sql", "select candidate, reasons from gate_decisions", "--format", "json")
    assert json.loads(found) == {"candidate": str(second), "reasons": ["promoted by a person"]}
    titles, target = tmp_path / "titles.jsonl", tmp_path / "predictions.jsonl"
    titles.write_text('{"title": "x", "kind": "movie"}\n')
    assert f"1 predictions by {second}" in _trending(place, "predict", "--input", str(titles), "--output", str(target))
    assert json.loads(target.read_text())["model"]["version"] == "20250627-b"
    assert not Home(place.home).registry.exists()


def _told_of_the_registry(place: Place, **environment: str) -> tuple[str, str]:
    said = _trending(place, "doctor", "--json", **environment)
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in said
    (entry,) = [entry for entry in json.loads(said)["integrations"] if entry["name"] == "model registry"]
    return entry["state"], entry["why"]


def test_the_doctor_says_where_the_registry_is(place: Place) -> None:
    champion = World(place.home, place.registry).promote()
    assert _told_of_the_registry(place) == ("live", f"{place.url}, by TRENDING_REGISTRY: champion {champion}")
    state, why = _told_of_the_registry(place, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert state == "off"
    assert f"{place.url}, by TRENDING_REGISTRY: cannot be read" in why


def test_pipelines_work_on_a_bucket(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRENDING_HOME", str(place.home))
    monkeypatch.setenv("TRENDING_REGISTRY", place.url or "")
    home = (build_defs().resources or {})["home"]
    assert isinstance(home, HomeResource)
    world = World(place.home, place.registry)
    first = world.promote("20250626-a")
    world.promote("20250627-b")
    assert rollback.execute_in_process(resources={"home": home}).success
    assert world.registry.aliases()["champion"] == first
    assert world.registry.decisions()[-1]["reasons"] == ["rolled back by a person"]
    assert not Home(place.home).registry.exists()


def test_a_folder_elsewhere_is_a_registry_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRENDING_REGISTRY", "models")
    settings = ServingSettings(home=tmp_path / "home")
    registry = open_registry(Home(settings.home), settings.registry)
    registry.register(REF, fields(), save_files)
    assert registry.verified(REF) == tmp_path / "models" / str(REF)
    assert not settings.home.exists()


@pytest.mark.parametrize("url", ["s3://name:hidden@bucket/models", "s3://bucket/models?secret=hidden", "gs://hidden/m"])
def test_a_url_that_is_no_place_for_a_registry_is_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidUrlError, match=r"TRENDING_REGISTRY.*s3://bucket/prefix") as caught:
        open_registry(Home(tmp_path), url)
    assert "hidden" not in str(caught.value)


def test_a_bucket_that_is_not_there_is_not_an_empty_registry(s3: S3Server, tmp_path: Path) -> None:
    registry = open_registry(Home(tmp_path), "s3://no-such-bucket/models")
    for ask in (registry.aliases, lambda: registry.manifest(ModelRef("genre_logreg", "1"))):
        with pytest.raises(OSError, match="NoSuchBucket"):
            ask()
