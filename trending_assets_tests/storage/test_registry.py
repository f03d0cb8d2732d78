import json
import multiprocessing
import signal
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
from trending_assets.storage.registry import (
    ModelRef,
    ModelRegistry,
    NoPreviousModelError,
    TamperedModelError,
    UnknownModelError,
    load_predictor,
)
from trending_assets_tests.domain.genres.corpus import corpus
from trending_assets_tests.storage.registering import (
    REF,
    fields,
    promote,
    register_and_die,
    register_slowly,
    roll_back,
    save_files,
)


def _never(folder: Path) -> None:
    raise AssertionError("saved again")


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(tmp_path / "registry")


def _register(registry: ModelRegistry, *refs: ModelRef) -> None:
    for ref in refs:
        registry.register(ref, fields(), save_files)


def test_a_registry_creates_nothing_until_it_is_written_to(registry: ModelRegistry) -> None:
    assert registry.models() == []
    assert registry.versions("genre_logreg") == []
    assert registry.aliases() == {}
    assert registry.decisions() == []
    assert not registry.exists(REF)
    assert not registry.root.exists()


@pytest.mark.parametrize("text", ["genre", "a/b/c", "../x", "a/..", "/b", "a/", "decisions/x", ".staging/x", "a/b\n"])
def test_a_reference_that_could_leave_its_folder_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no model version"):
        ModelRef.parse(text)


def test_a_reference_reads_as_it_is_written() -> None:
    assert str(REF) == "genre_logreg/20250627-3fa9c1d2"
    assert ModelRef.parse(str(REF)) == REF
    assert ModelRef("a", "2") < ModelRef("a", "3") < ModelRef("b", "1")


def test_a_registered_version_is_found_again(registry: ModelRegistry) -> None:
    stored = registry.register(REF, fields(), save_files)
    assert stored == registry.manifest(REF)
    assert stored.ref == REF
    assert set(stored.files) == {"weights.bin", "nested/words.json"}
    assert stored.per_genre["comedy"]["recall"] is None
    assert registry.verified(REF) == registry.root / "genre_logreg" / "20250627-3fa9c1d2"
    assert registry.models() == ["genre_logreg"]


def test_a_version_once_written_never_changes(registry: ModelRegistry) -> None:
    first = registry.register(REF, fields(), save_files)
    assert registry.register(REF, fields(seed=2), _never) == first


def test_versions_are_listed_by_the_time_they_were_trained(registry: ModelRegistry) -> None:
    for version, day in (("b", 3), ("c", 1), ("a", 2)):
        trained_at = datetime(2025, 6, day, tzinfo=UTC)
        registry.register(ModelRef("genre_logreg", version), fields(trained_at=trained_at), save_files)
    assert registry.versions("genre_logreg") == ["c", "a", "b"]


def test_a_save_that_fails_leaves_nothing(registry: ModelRegistry) -> None:
    def broken(folder: Path) -> None:
        save_files(folder)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        registry.register(REF, fields(), broken)
    assert not registry.exists(REF)
    assert registry.models() == []
    assert list(registry.staging.iterdir()) == []


@pytest.mark.parametrize(
    "save",
    [
        lambda folder: None,
        lambda folder: (folder / "manifest.json").write_text("{}"),
        lambda folder: (folder / "link").symlink_to("/etc/passwd"),
    ],
    ids=["no file", "a manifest of its own", "a link"],
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


def _relink(folder: Path) -> None:
    (folder / "weights.bin").rename(folder.parent / "moved.bin")
    (folder / "weights.bin").symlink_to(folder.parent / "moved.bin")


@pytest.mark.parametrize(
    ("tamper", "name"),
    [
        (lambda folder: (folder / "weights.bin").write_bytes(b"weightz"), "weights.bin"),
        (lambda folder: (folder / "nested" / "words.json").unlink(), "nested/words.json"),
        (lambda folder: (folder / "nested" / "more.json").write_text(""), "nested/more.json"),
        (_relink, "weights.bin"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "manifest.json"),
    ],
    ids=["changed", "missing", "extra", "a link", "no manifest"],
)
def test_a_changed_version_is_refused_by_the_file(
    registry: ModelRegistry, tamper: Callable[[Path], object], name: str
) -> None:
    _register(registry, REF)
    tamper(registry.folder(REF))
    with pytest.raises(TamperedModelError, match=name):
        registry.verified(REF)


def test_a_version_moved_to_another_name_is_refused(registry: ModelRegistry) -> None:
    _register(registry, REF)
    registry.folder(REF).rename(registry.root / "genre_logreg" / "other")
    with pytest.raises(TamperedModelError, match=r"genre_logreg/other.*3fa9c1d2"):
        registry.verified(ModelRef("genre_logreg", "other"))


_A, _B, _C = (ModelRef("genre_logreg", version) for version in "abc")


def test_a_promotion_remembers_the_champion_before(registry: ModelRegistry) -> None:
    _register(registry, _A, _B)
    registry.promote(_A)
    assert registry.aliases() == {"champion": _A}
    registry.set_aliases({**registry.aliases(), "challenger": _B})
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


def test_only_known_aliases_of_registered_versions_are_set(registry: ModelRegistry) -> None:
    _register(registry, _A)
    registry.set_aliases({"champion": _A})
    with pytest.raises(UnknownModelError):
        registry.set_aliases({"champion": _B})
    with pytest.raises(ValueError, match="latest"):
        registry.set_aliases({"latest": _A})
    assert registry.aliases() == {"champion": _A}


class AliasMachine(RuleBasedStateMachine):
    """Any sequence of alias operations agrees with a dictionary."""

    @initialize()
    def start(self) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.registry = ModelRegistry(Path(self.folder.name))
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
        self.registry.set_aliases(self.expected)

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


def test_two_processes_that_change_aliases_lose_no_change(registry: ModelRegistry) -> None:
    """Each rollback swaps two versions, so all of them together name each version equally often."""
    _register(registry, _A, _B)
    registry.promote(_A)
    registry.promote(_B)
    context = multiprocessing.get_context("spawn")
    barrier, answers, times = context.Barrier(2), context.Queue(), 60
    workers = [context.Process(target=roll_back, args=(registry.root, times, barrier, answers)) for _ in range(2)]
    for worker in workers:
        worker.start()
    named = [ref for _ in workers for ref in answers.get(timeout=60)]
    for worker in workers:
        worker.join()
    assert (named.count(str(_A)), named.count(str(_B))) == (times, times)
    assert registry.aliases() == {"champion": _B, "previous": _A}


def test_a_held_lock_keeps_others_from_writing(registry: ModelRegistry) -> None:
    import fcntl

    _register(registry, _A)
    registry.promote(_A)
    with (registry.staging / "aliases.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _register(registry, _B)
        context = multiprocessing.get_context("spawn")
        ready = context.Event()
        worker = context.Process(target=promote, args=(registry.root, _B, ready))
        worker.start()
        assert ready.wait(timeout=60)
        worker.join(timeout=1)
        assert worker.is_alive()
        assert registry.aliases() == {"champion": _A}
    worker.join(timeout=30)
    assert registry.aliases() == {"champion": _B, "previous": _A}


def test_of_two_processes_that_register_one_version_one_wins_whole(registry: ModelRegistry) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    workers = [context.Process(target=register_slowly, args=(registry.root, barrier, n)) for n in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    folder = registry.verified(REF)
    assert (folder / "weights.bin").read_bytes() == bytes([registry.manifest(REF).seed])


def test_a_process_killed_while_it_saves_leaves_no_version(registry: ModelRegistry) -> None:
    worker = multiprocessing.get_context("spawn").Process(target=register_and_die, args=(registry.root,))
    worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL
    assert any(registry.staging.rglob("weights.bin"))
    assert registry.models() == []
    assert not registry.exists(REF)
    _register(registry, REF)
    assert registry.verified(REF)


def test_decisions_are_kept_in_order(registry: ModelRegistry) -> None:
    ids = [registry.record_decision({"promoted": i % 2 == 0, "number": i, "unknown": None}) for i in range(20)]
    assert [decision["id"] for decision in registry.decisions()] == ids == sorted(ids)
    assert [decision["number"] for decision in registry.decisions()] == list(range(20))
    assert json.loads((registry.root / "decisions" / f"{ids[0]}.json").read_text())["promoted"] is True
    assert registry.models() == []


@pytest.mark.parametrize("decision", [{"id": "x"}, {"number": float("nan")}])
def test_a_decision_that_cannot_be_kept_is_refused(registry: ModelRegistry, decision: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"id|JSON"):
        registry.record_decision(decision)
    assert registry.decisions() == []


@pytest.mark.parametrize("name", ["genre_majority", "genre_keyword", "genre_logreg", "genre_xgboost"])
def test_a_registered_predictor_answers_as_the_trained_one(registry: ModelRegistry, name: str) -> None:
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

    with (registry.folder(ref) / "model.json").open("a") as file:
        file.write(" ")
    with pytest.raises(TamperedModelError, match=r"model\.json"):
        load_predictor(registry, ref)
