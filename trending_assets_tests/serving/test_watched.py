import pytest

from serving.observability import Metrics
from serving.watched import Watched


class Source:
    """A part whose file a test rewrites, and a clock that a test turns."""

    def __init__(self) -> None:
        self.signature: str | None = None
        self.errors: dict[str, Exception] = {}
        self.find_error: Exception | None = None
        self.loads: list[str] = []
        self.now = 0.0
        self.metrics = Metrics()

    def find(self) -> str | None:
        if self.find_error is not None:
            raise self.find_error
        return self.signature

    def load(self, signature: str) -> str:
        self.loads.append(signature)
        if signature in self.errors:
            raise self.errors[signature]
        return f"part {signature}"

    def refusals(self) -> float | None:
        return self.metrics.registry.get_sample_value("trending_refused_loads_total", {"part": "thing"})


@pytest.fixture
def source() -> Source:
    return Source()


def watching(source: Source, *, keeps: bool = True, large: bool = False) -> Watched[str, str]:
    return Watched(
        "thing",
        signature=source.find,
        load=source.load,
        absent="there is no thing yet",
        metrics=source.metrics,
        clock=lambda: source.now,
        keeps=keeps,
        large=large,
    )


@pytest.fixture
def watched(source: Source) -> Watched[str, str]:
    return watching(source)


def test_before_there_is_one(source: Source, watched: Watched[str, str]) -> None:
    watched.refresh()
    assert watched.value is None
    assert watched.trouble == "there is no thing yet"


def test_loaded_once_a_change(source: Source, watched: Watched[str, str]) -> None:
    source.signature = "1"
    watched.refresh()
    watched.refresh()
    source.signature = "2"
    watched.refresh()
    assert source.loads == ["1", "2"]
    assert (watched.value, watched.trouble) == ("part 2", None)


def test_a_bad_one_is_refused_and_the_old_one_stays(source: Source, watched: Watched[str, str]) -> None:
    source.signature = "1"
    watched.refresh()
    source.signature, source.errors["2"] = "2", ValueError("/secret/path")
    watched.refresh()
    watched.refresh()
    assert watched.value == "part 1"
    assert source.loads == ["1", "2"]
    assert source.refusals() == 1
    assert watched.trouble is not None
    assert "ValueError" in watched.trouble
    assert "/secret/path" not in watched.trouble


def test_a_refused_one_is_tried_again_after_a_while(source: Source, watched: Watched[str, str]) -> None:
    source.signature, source.errors["1"] = "1", OSError("half written")
    watched.refresh()
    source.errors.clear()
    source.now = 5.0
    watched.refresh()
    assert watched.value is None
    source.now = 11.0
    watched.refresh()
    assert (watched.value, watched.trouble) == ("part 1", None)


def test_a_refused_one_that_changes_is_tried_at_once(source: Source, watched: Watched[str, str]) -> None:
    source.signature, source.errors["1"] = "1", OSError("half written")
    watched.refresh()
    source.signature = "2"
    watched.refresh()
    assert watched.value == "part 2"


def test_going_back_to_the_one_in_use_ends_the_trouble(source: Source, watched: Watched[str, str]) -> None:
    source.signature = "1"
    watched.refresh()
    source.signature, source.errors["2"] = "2", ValueError()
    watched.refresh()
    source.signature = "1"
    watched.refresh()
    assert (watched.value, watched.trouble) == ("part 1", None)
    assert source.loads == ["1", "2"]


def test_what_was_loaded_outlives_its_files(source: Source, watched: Watched[str, str]) -> None:
    source.signature = "1"
    watched.refresh()
    source.signature = None
    watched.refresh()
    assert (watched.value, watched.trouble) == ("part 1", None)


def test_a_signature_that_cannot_be_read_is_reported_once(source: Source, watched: Watched[str, str]) -> None:
    source.find_error = ValueError("no JSON")
    for _ in range(3):
        watched.refresh()
    assert source.refusals() == 1
    source.find_error, source.signature = None, "1"
    watched.refresh()
    assert (watched.value, watched.trouble) == ("part 1", None)


@pytest.mark.parametrize("gone", [True, False])
def test_what_is_not_to_be_kept_is_let_go_of(source: Source, gone: bool) -> None:
    watched = watching(source, keeps=False)
    source.signature, source.errors["2"] = "1", ValueError()
    watched.refresh()
    source.signature = None if gone else "2"
    watched.refresh()
    assert watched.value is None
    source.signature = "1"
    watched.refresh()
    assert (watched.value, watched.trouble) == ("part 1", None)


@pytest.mark.parametrize(("large", "collections"), [(False, 0), (True, 3)])
def test_the_garbage_collector_holds_up_requests_for_large_parts_alone(
    source: Source, monkeypatch: pytest.MonkeyPatch, large: bool, collections: int
) -> None:
    collected: list[str | None] = []
    monkeypatch.setattr("serving.watched.gc.collect", lambda: collected.append(source.signature))
    watched = watching(source, large=large)
    for signature in "123":
        source.signature = signature
        watched.refresh()
        assert watched.value is not None
    assert collected == list("123")[:collections]
