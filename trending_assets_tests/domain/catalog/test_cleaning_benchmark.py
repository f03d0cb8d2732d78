"""The benchmark of cleaning: the project, polars and pandas give the same reviews."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.cleaning import ENGINES, RAW, measure, write_reviews

_ROWS = 3000


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cleaning") / "raw.parquet"
    write_reviews(path, _ROWS)
    return path


def test_every_engine_gives_the_same_reviews(raw: Path, tmp_path: Path) -> None:
    for name, engine in ENGINES.items():
        engine(raw, tmp_path / name)
    project, *peers = (pq.read_table(tmp_path / name) for name in ENGINES)
    assert 0.9 * _ROWS < len(project) < _ROWS
    for peer in peers:
        assert peer.equals(project)


def test_the_raw_reviews_are_the_same_each_time(raw: Path, tmp_path: Path) -> None:
    write_reviews(tmp_path / "again", _ROWS)
    again = pq.read_table(tmp_path / "again")
    assert again.schema.equals(RAW)
    assert again.equals(pq.read_table(raw))


def test_an_engine_is_measured_in_a_process_of_its_own(raw: Path, tmp_path: Path) -> None:
    measured = measure("project", raw, tmp_path / "clean")
    assert measured["engine"] == "project"
    assert measured["seconds"] > 0
    assert measured["peak_gib"] > 0
    assert (tmp_path / "clean").exists()
