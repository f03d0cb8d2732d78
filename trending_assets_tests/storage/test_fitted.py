import json
import subprocess
import sys
from pathlib import Path

import pytest

from trending_assets.domain.genres.reduced_tfidf import ReducedTfIdf
from trending_assets.storage.fitted import FittedTfIdf, FittedTfIdfStore, TamperedFittedError

TEXTS = [f"war horse number{i % 5} tale{i % 7}" for i in range(60)]


def _fit() -> FittedTfIdf:
    return FittedTfIdf(ReducedTfIdf.fit(TEXTS), len(TEXTS))


def _never() -> FittedTfIdf:
    raise AssertionError("it is there already")


@pytest.fixture
def store(tmp_path: Path) -> FittedTfIdfStore:
    return FittedTfIdfStore(tmp_path / "fitted" / "words__v1", readers=("table", "online"))


def test_what_was_fitted_is_read_and_never_fitted_again(store: FittedTfIdfStore) -> None:
    fitted = store.fit_once(_fit)
    assert fitted is not None
    again = store.fit_once(_never)
    for found in (again, store.read()):
        assert found is not None
        assert (found.reduction.version, found.train_texts) == (fitted.reduction.version, 60)
        assert found.reduction.transform("war tale1").tobytes() == fitted.reduction.transform("war tale1").tobytes()


def test_nothing_is_read_or_made_before_something_is_fitted(store: FittedTfIdfStore) -> None:
    assert store.read() is None
    assert not store.pending("table")
    assert not store.folder.parent.exists()
    assert store.fit_once(lambda: None) is None
    assert store.read() is None


def test_a_fit_that_fails_leaves_nothing(store: FittedTfIdfStore) -> None:
    with pytest.raises(AssertionError):
        store.fit_once(_never)
    assert store.read() is None
    assert store.fit_once(_fit) is not None


def test_each_reader_is_awaited_until_it_is_done(store: FittedTfIdfStore) -> None:
    store.fit_once(_fit)
    assert store.pending("table")
    store.done("table")
    store.done("table")
    assert (store.pending("table"), store.pending("online")) == (False, True)
    assert store.read() is not None


def test_without_its_folder_it_is_fitted_anew(store: FittedTfIdfStore) -> None:
    import shutil

    store.fit_once(_fit)
    store.done("table")
    shutil.rmtree(store.folder)
    assert store.fit_once(_fit) is not None
    assert store.pending("table")


@pytest.mark.parametrize("name", ["tfidf.npz", "tfidf.json", "manifest.json"])
@pytest.mark.parametrize("how", ["changed", "missing"])
def test_files_that_are_not_those_that_were_written_are_refused(store: FittedTfIdfStore, name: str, how: str) -> None:
    store.fit_once(_fit)
    path = store.folder / name
    if how == "missing":
        path.unlink()
    elif name == "manifest.json":
        path.write_text(json.dumps({"files": {}}))
    else:
        path.write_bytes(path.read_bytes().replace(b"a", b"b"))
    for use in (store.read, lambda: store.fit_once(_never)):
        with pytest.raises(TamperedFittedError, match="words__v1"):
            use()


_RACE = """
import sys
from pathlib import Path
from trending_assets_tests.storage.test_fitted import FittedTfIdfStore, _fit
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
def fit():
    sys.stdout.write("fitted\\n")
    return _fit()
store = FittedTfIdfStore(Path(sys.argv[1]), readers=())
sys.stdout.write(store.fit_once(fit).reduction.version + "\\n")
"""


def test_processes_that_begin_together_fit_once(store: FittedTfIdfStore) -> None:
    command = [sys.executable, "-c", _RACE, str(store.folder)]
    root = Path(__file__).parents[2]
    processes = [
        subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [line for process in processes for line in process.communicate(timeout=120)[0].split()]
    assert said.count("fitted") == 1
    assert len(set(said)) == 2
