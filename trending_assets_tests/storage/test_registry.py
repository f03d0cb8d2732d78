"""What holds of a model registry, wherever it is: in a folder and in a bucket of a real S3 server."""

import hashlib
import json
import multiprocessing
import signal
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydantic
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from trending_assets.domain.genres.datasets import features_of, rows_of
from trending_assets.domain.genres.models import ModelFileError, model_class
from trending_assets.domain.genres.training import train
from trending_assets.storage.home import Home
from trending_assets.storage.model_files import TamperedModelError, sealed, sha256_of
from trending_assets.storage.objects import FolderObjects
from trending_assets.storage.registry import (
    ModelRef,
    ModelRegistry,
    NoPreviousModelError,
    UnknownModelError,
    load_predictor,
)
from trending_assets_tests.domain.genres.corpus import corpus
from trending_assets_tests.storage.registering import (
    REF,
    Place,
    fields,
    promote,
    register_and_die,
    register_slowly,
    roll_back,
    save_files,
)
from trending_assets_tests.storage.servers import S3Server

_A, _B, _C = (ModelRef("genre_logreg", version) for version in "abc")


def _never(folder: Path) -> None:
    raise AssertionError("saved again")


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return Place(tmp_path / "home", None)
    server: S3Server = request.getfixturevalue("s3")
    return Place(tmp_path / "home", server.new_root())


@pytest.fixture
def registry(place: Place) -> ModelRegistry:
    return place.registry


@pytest.fixture
def in_folder(tmp_path: Path) -> Place:
    """For what only a folder can hold or do."""
    return Place(tmp_path / "home", None)


def _register(registry: ModelRegistry, *refs: ModelRef) -> None:
    for ref in refs:
        registry.register(ref, fields(), save_files)


def test_a_registry_creates_nothing_until_it_is_written_to(registry: ModelRegistry, place: Place) -> None:
    assert registry.models() == []
    assert registry.versions("genre_logreg") == []
    assert registry.aliases() == {}
    assert registry.decisions() == []
    assert not registry.exists(REF)
    assert place.objects.below("") == []
    assert not place.home.exists()


@pytest.mark.parametrize("text", ["genre", "a/b/c", "../x", "a/..", "/b", "a/", "decisions/x", ".staging/x", "a/b\n"])
def test_a_reference_that_could_leave_its_folder_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no model version"):
        ModelRef.parse(text)


def test_a_reference_reads_as_it_is_written() -> None:
    assert str(REF) == "genre_logreg/20250627-3fa9c1d2"
    assert ModelRef.parse(str(REF)) == REF
    assert ModelRef("a", "2") < ModelRef("a", "3") < ModelRef("b", "1")


def test_a_registered_version_is_found_again(registry: ModelRegistry, place: Place) -> None:
    stored = registry.register(REF, fields(), save_files)
    assert stored == registry.manifest(REF)
    assert stored.ref == REF
    assert set(stored.files) == {"weights.bin", "nested/words.json"}
    assert stored.per_genre["comedy"]["recall"] is None
    folder = registry.verified(REF)
    assert (folder / "weights.bin").read_bytes() == b"weights"
    assert (folder / "nested" / "words.json").read_text() == "[]"
    assert registry.size(REF) == 9
    assert registry.models() == ["genre_logreg"]
    # Whoever looks into the folder or the bucket finds each file by its name.
    names = ["manifest.json", "manifest.sha256", "nested/words.json", "weights.bin"]
    assert place.objects.below(str(REF)) == [f"{REF}/{name}" for name in names]
    assert registry.uri_of(REF) == f"{registry.uri}/{REF}" == place.objects.uri(str(REF))


def test_a_version_once_written_never_changes(registry: ModelRegistry) -> None:
    first = registry.register(REF, fields(), save_files)
    assert registry.register(REF, fields(seed=2), _never) == first


def test_versions_are_listed_by_the_time_they_were_trained(registry: ModelRegistry) -> None:
    for version, day in (("b", 3), ("c", 1), ("a", 2)):
        trained_at = datetime(2025, 6, day, tzinfo=UTC)
        registry.register(ModelRef("genre_logreg", version), fields(trained_at=trained_at), save_files)
    assert registry.versions("genre_logreg") == ["c", "a", "b"]


def test_a_save_that_fails_leaves_nothing(registry: ModelRegistry, place: Place) -> None:
    def broken(folder: Path) -> None:
        save_files(folder)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        registry.register(REF, fields(), broken)
    assert not registry.exists(REF)
    assert registry.models() == []
    assert place.objects.below("") == []


@pytest.mark.parametrize(
    "save",
    [
        lambda folder: None,
        lambda folder: (folder / "manifest.json").write_text("{}"),
        lambda folder: (folder / "manifest.sha256").write_text(""),
        lambda folder: (folder / "link").symlink_to("/etc/passwd"),
    ],
    ids=["no file", "a manifest of its own", "a seal of its own", "a link"],
)
def test_what_is_no_model_is_not_registered(registry: ModelRegistry, save: Callable[[Path], None]) -> None:
    with pytest.raises(ModelFileError):
        registry.register(REF, fields(), save)
    assert not registry.exists(REF)


@pytest.mark.parametrize(
    "refused",
    [
        {k: v for k, v in fields().items() if k != "seed"},
        fields(extra=1),
        fields(trained_at=datetime(2025, 6, 27)),  # noqa: DTZ001 -- a time without zone is what must be refused
        fields(metrics={"macro_f1": None}),
    ],
    ids=["missing", "unknown", "naive time", "no number"],
)
def test_a_manifest_is_checked_before_anything_is_saved(registry: ModelRegistry, refused: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        registry.register(REF, refused, _never)


def test_an_unknown_version_is_a_named_fault(registry: ModelRegistry) -> None:
    for call in (registry.manifest, registry.verified, registry.promote):
        with pytest.raises(UnknownModelError, match=str(REF)):
            call(REF)


@pytest.mark.parametrize(
    ("tamper", "name"),
    [
        (lambda place: place.write(f"{REF}/weights.bin", b"weightz"), "weights.bin"),
        (lambda place: place.write(f"{REF}/weights.bin", b""), "weights.bin"),
        (lambda place: place.objects.delete(f"{REF}/nested/words.json"), "nested/words.json"),
        (lambda place: place.write(f"{REF}/nested/more.json", b""), "nested/more.json"),
        (lambda place: place.write(f"{REF}/manifest.json", b"{"), "manifest.json"),
    ],
    ids=["changed", "emptied", "missing", "extra", "no manifest"],
)
def test_a_changed_version_is_refused_by_the_file(
    registry: ModelRegistry, place: Place, tamper: Callable[[Place], object], name: str
) -> None:
    _register(registry, REF)
    tamper(place)
    with pytest.raises(TamperedModelError, match=name):
        registry.verified(REF)


@pytest.mark.parametrize("where", [0, 15, 16, 40])
def test_a_change_anywhere_in_a_large_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: int
) -> None:
    monkeypatch.setattr("trending_assets.storage.model_files._PIECE_BYTES", 16)
    content = bytearray(41)
    (tmp_path / "weights.bin").write_bytes(content)
    written = sha256_of(tmp_path / "weights.bin")
    assert written == hashlib.sha256(content).hexdigest()
    content[where] = 1
    (tmp_path / "weights.bin").write_bytes(content)
    assert sha256_of(tmp_path / "weights.bin") != written


def test_a_link_is_not_the_file_that_was_registered(in_folder: Place) -> None:
    _register(in_folder.registry, REF)
    folder = in_folder.registry.verified(REF)
    (folder / "weights.bin").rename(folder.parent / "moved.bin")
    (folder / "weights.bin").symlink_to(folder.parent / "moved.bin")
    with pytest.raises(TamperedModelError, match=r"weights\.bin"):
        in_folder.registry.verified(REF)


def test_another_hash_in_the_manifest_is_noticed(registry: ModelRegistry, place: Place) -> None:
    _register(registry, REF)
    assert registry.verified(REF)
    key = f"{REF}/manifest.json"
    place.write(key, place.objects.read(key).replace(registry.manifest(REF).files["weights.bin"].encode(), b"0" * 64))
    with pytest.raises(TamperedModelError, match=r"manifest\.json is not the file that was registered"):
        registry.verified(REF)


def _retold(place: Place, ref: ModelRef) -> bytes:
    """Another manifest in the place of a version's: every threshold 0, and a better score."""
    key = f"{ref}/manifest.json"
    told = json.loads(place.objects.read(key))
    told |= {"thresholds": dict.fromkeys(told["thresholds"], 0.0), "metrics": {"macro_f1": 0.99}}
    content = (json.dumps(told, indent=2, sort_keys=True) + "\n").encode()
    place.write(key, content)
    return content


def test_other_thresholds_and_scores_in_a_manifest_are_noticed(registry: ModelRegistry, place: Place) -> None:
    _register(registry, REF)
    _retold(place, REF)
    for call in (registry.manifest, registry.verified, registry.promote_by_hand):
        with pytest.raises(TamperedModelError, match=r"manifest\.json is not the file that was registered"):
            call(REF)
    with pytest.raises(TamperedModelError):
        load_predictor(registry, REF)
    assert registry.aliases() == {}


@pytest.mark.parametrize("seal", ["forged", "removed"])
def test_a_version_that_an_alias_names_cannot_be_sealed_anew(registry: ModelRegistry, place: Place, seal: str) -> None:
    _register(registry, _A, _B)
    registry.promote(_A)
    content = _retold(place, _A)
    if seal == "forged":
        place.write(f"{_A}/manifest.sha256", sealed(content))
    else:
        place.objects.delete(f"{_A}/manifest.sha256")
    for alias, change in (("champion", registry.promote), ("previous", registry.challenge)):
        with pytest.raises(TamperedModelError, match=f"is not the one that {alias} was set to"):
            registry.verified(_A)
        # No change of the aliases takes it for good.
        change(_B)


def test_what_earlier_code_registered_and_named_is_read_and_named_with_its_hash_from_then_on(
    registry: ModelRegistry, place: Place
) -> None:
    _register(registry, _A, _B)
    place.objects.delete(f"{_A}/manifest.sha256")
    place.write("aliases.json", json.dumps({"champion": str(_A)}).encode())
    assert registry.aliases() == {"champion": _A}
    assert registry.verified(_A)
    registry.challenge(_B)
    assert registry.aliases() == {"champion": _A, "challenger": _B}
    _retold(place, _A)
    with pytest.raises(TamperedModelError, match="is not the one that champion was set to"):
        registry.verified(_A)


def test_a_manifest_under_another_name_is_refused(registry: ModelRegistry, place: Place) -> None:
    _register(registry, REF)
    place.write("genre_logreg/other/manifest.json", place.objects.read(f"{REF}/manifest.json"))
    with pytest.raises(TamperedModelError, match=r"genre_logreg/other.*3fa9c1d2"):
        registry.verified(ModelRef("genre_logreg", "other"))


def test_files_without_a_manifest_are_no_version(registry: ModelRegistry, place: Place) -> None:
    place.write(f"{REF}/weights.bin", b"weights")
    assert registry.models() == registry.versions(REF.model) == []
    with pytest.raises(UnknownModelError):
        registry.verified(REF)


def test_a_promotion_remembers_the_champion_before(registry: ModelRegistry) -> None:
    _register(registry, _A, _B)
    registry.promote(_A)
    assert registry.aliases() == {"champion": _A}
    registry.challenge(_B)
    assert registry.aliases() == {"champion": _A, "challenger": _B}
    registry.promote(_B)
    assert registry.aliases() == {"champion": _B, "previous": _A}
    registry.promote(_B)
    assert registry.aliases() == {"champion": _B, "previous": _A}


def test_a_rollback_goes_back_and_forth(registry: ModelRegistry) -> None:
    _register(registry, _A, _B)
    registry.promote(_A)
    with pytest.raises(NoPreviousModelError):
        registry.rollback()
    registry.promote(_B)
    assert registry.rollback() == _A
    assert registry.aliases() == {"champion": _A, "previous": _B}
    assert registry.rollback() == _B
    assert registry.aliases() == {"champion": _B, "previous": _A}


def test_a_promotion_by_hand_that_was_cut_off_after_its_record_is_completed_and_recorded_once(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    _register(registry, _A)
    with monkeypatch.context() as cut:
        cut.setattr(registry, "promote", lambda ref: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            registry.promote_by_hand(_A)
    assert registry.aliases() == {}
    for _ in range(2):
        registry.promote_by_hand(_A)
        assert registry.aliases() == {"champion": _A}
        assert [(d["candidate"], d["champion_before"]) for d in registry.decisions()] == [(str(_A), None)]


@pytest.mark.parametrize("change", ["promote", "challenge", "promote_by_hand"])
def test_only_a_registered_version_gets_an_alias(registry: ModelRegistry, change: str) -> None:
    _register(registry, _A)
    registry.promote(_A)
    with pytest.raises(UnknownModelError):
        getattr(registry, change)(_B)
    assert registry.aliases() == {"champion": _A}
    assert registry.decisions() == []


def test_what_a_person_does_is_a_decision(registry: ModelRegistry) -> None:
    _register(registry, _A, _B)
    registry.promote_by_hand(_A)
    registry.promote_by_hand(_B)
    assert registry.roll_back_by_hand("run") == _A
    told = [(d["candidate"], d["champion_before"], *d["reasons"], d["run_id"]) for d in registry.decisions()]
    assert told == [
        (str(_A), None, "promoted by a person", None),
        (str(_B), str(_A), "promoted by a person", None),
        (str(_A), str(_B), "rolled back by a person", "run"),
    ]


class AliasMachine(RuleBasedStateMachine):
    """Any sequence of alias operations agrees with a dictionary."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.registry = Place(Path(self.folder.name), None).registry
        _register(self.registry, _A, _B, _C)
        self.expected: dict[str, ModelRef] = {}

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @rule(ref=st.sampled_from([_A, _B, _C]))
    def promote(self, ref: ModelRef) -> None:
        self.registry.promote(ref)
        champion = self.expected.get("champion")
        if champion != ref:
            self.expected = {
                **{alias: r for alias, r in self.expected.items() if alias != "challenger" or r != ref},
                **({"previous": champion} if champion else {}),
                "champion": ref,
            }

    @rule(ref=st.sampled_from([_A, _B, _C]))
    def challenge(self, ref: ModelRef) -> None:
        self.expected["challenger"] = ref
        self.registry.challenge(ref)

    @rule()
    def rollback(self) -> None:
        if "previous" not in self.expected:
            with pytest.raises(NoPreviousModelError):
                self.registry.rollback()
            return
        back, champion = self.expected["previous"], self.expected["champion"]
        assert self.registry.rollback() == back
        self.expected |= {"champion": back, "previous": champion}
        if self.expected.get("challenger") == back:
            del self.expected["challenger"]

    @rule()
    def fail(self) -> None:
        with pytest.raises(UnknownModelError):
            self.registry.promote(ModelRef("genre_logreg", "never"))

    @invariant()
    def agrees(self) -> None:
        assert self.registry.aliases() == self.expected


TestAliases = AliasMachine.TestCase
TestAliases.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)


def test_processes_that_change_aliases_lose_no_change(registry: ModelRegistry, place: Place) -> None:
    """Each rollback swaps two versions, so all of them together name each version equally often."""
    _register(registry, _A, _B, _C)
    registry.promote(_A)
    registry.promote(_B)
    context = multiprocessing.get_context("spawn")
    count, times = (3, 10) if place.url else (2, 60)
    barrier, answers = context.Barrier(count + 1), context.Queue()
    workers = [context.Process(target=roll_back, args=(place, times, barrier, answers)) for _ in range(count)]
    for worker in workers:
        worker.start()
    barrier.wait(timeout=60)
    registry.challenge(_C)
    named = [ref for _ in workers for ref in answers.get(timeout=120)]
    for worker in workers:
        worker.join()
    assert (named.count(str(_A)), named.count(str(_B))) == (count * times / 2, count * times / 2)
    assert registry.aliases() == {"champion": _B, "previous": _A, "challenger": _C}


def test_threads_that_promote_at_once_all_have_their_turn(registry: ModelRegistry) -> None:
    refs = [ModelRef("genre_logreg", str(number)) for number in range(6)]
    _register(registry, *refs)
    threads = [threading.Thread(target=registry.promote_by_hand, args=(ref,)) for ref in refs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    aliases = registry.aliases()
    assert set(aliases) == {"champion", "previous"}
    assert len(set(aliases.values())) == 2
    assert sorted(decision["candidate"] for decision in registry.decisions()) == [str(ref) for ref in refs]


def test_a_held_lock_keeps_others_from_writing(in_folder: Place) -> None:
    import fcntl

    registry = in_folder.registry
    _register(registry, _A)
    registry.promote(_A)
    with (FolderObjects(Home(in_folder.home).registry).staging / "aliases.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _register(registry, _B)
        context = multiprocessing.get_context("spawn")
        ready = context.Event()
        worker = context.Process(target=promote, args=(in_folder, _B, ready))
        worker.start()
        assert ready.wait(timeout=60)
        worker.join(timeout=1)
        assert worker.is_alive()
        assert registry.aliases() == {"champion": _A}
    worker.join(timeout=30)
    assert registry.aliases() == {"champion": _B, "previous": _A}


def test_of_two_processes_that_register_one_version_one_wins_whole(registry: ModelRegistry, place: Place) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    workers = [context.Process(target=register_slowly, args=(place, barrier, n)) for n in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    folder = registry.verified(REF)
    assert (folder / "weights.bin").read_bytes() == bytes([registry.manifest(REF).seed])
    # The one that lost leaves nothing.
    left = [key for key in place.objects.below("") if not key.endswith(".lock")]
    assert [key for key in left if not key.endswith("claim.json")] == [
        f"{REF}/{name}" for name in ("manifest.json", "manifest.sha256", "weights.bin")
    ]


def test_a_process_killed_while_it_saves_leaves_no_version(registry: ModelRegistry, place: Place) -> None:
    worker = multiprocessing.get_context("spawn").Process(target=register_and_die, args=(place,))
    worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL
    assert registry.models() == []
    assert not registry.exists(REF)
    _register(registry, REF)
    assert registry.verified(REF)


def test_decisions_are_kept_in_order(registry: ModelRegistry, place: Place) -> None:
    ids = [registry.record_decision({"promoted": i % 2 == 0, "number": i, "unknown": None}) for i in range(20)]
    assert [decision["id"] for decision in registry.decisions()] == ids == sorted(ids)
    assert [decision["number"] for decision in registry.decisions()] == list(range(20))
    assert json.loads(place.objects.read(f"decisions/{ids[0]}.json"))["promoted"] is True
    assert registry.models() == []


@pytest.mark.parametrize("decision", [{"id": "x"}, {"number": float("nan")}])
def test_a_decision_that_cannot_be_kept_is_refused(registry: ModelRegistry, decision: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"id|JSON"):
        registry.record_decision(decision)
    assert registry.decisions() == []


@pytest.mark.parametrize("name", ["genre_majority", "genre_keyword", "genre_logreg", "genre_xgboost"])
def test_a_registered_predictor_answers_as_the_trained_one(registry: ModelRegistry, place: Place, name: str) -> None:
    frame = corpus(90)
    trained = train(model_class(name), frame, seed=2, folds=2)
    ref = ModelRef(name, "1")
    described = fields(
        genres=list(trained.model.genres),
        thresholds=trained.thresholds,
        feature_service=trained.model.feature_service,
    )
    registry.register(ref, described, trained.model.save)
    features = features_of(rows_of(frame, "test"))
    assert load_predictor(registry, ref).predict(features) == trained.predictor.predict(features)

    registry.register(ModelRef(name, "2"), {**described, "genres": ["drama"]}, trained.model.save)
    with pytest.raises(ModelFileError, match="differ from its manifest"):
        load_predictor(registry, ModelRef(name, "2"))

    place.write(f"{ref}/more.json", b"{}")
    with pytest.raises(TamperedModelError, match=r"more\.json"):
        load_predictor(registry, ref)
