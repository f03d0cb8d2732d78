"""SQL over a home sees every table as a view and can change nothing."""

import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.query import NotAQueryError, connect, query
from trending_assets.storage.registry import open_registry

_DAYS = ("2025-06-02", "2025-06-03")


def _fill(home: Home) -> None:
    lake = Lake(home.lake)
    for number, day in enumerate(_DAYS):
        lake.write("raw/sample", pa.table({"n": [number]}), day=day)
    lake.write("genre_training_set", pa.table({"title_id": ["tt1", "tt2"]}))
    # What a crash left behind is no table.
    lake.staging.mkdir(exist_ok=True)
    (lake.staging / "part.parquet").write_bytes(b"half a file")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    _fill(home)
    return home


def test_every_table_is_a_view_and_a_daily_one_knows_its_days(home: Home) -> None:
    connection = connect(home)
    views = query(connection, "select view_name from duckdb_views() where not internal order by 1").fetchall()
    assert views == [("genre_training_set",), ("raw_sample",)]
    assert query(connection, "select cast(day as varchar), n from raw_sample order by n").fetchall() == [
        (_DAYS[0], 0),
        (_DAYS[1], 1),
    ]
    assert query(connection, "select count(*) from genre_training_set").fetchone() == (2,)


@pytest.mark.parametrize("name", ["a home", "it's", 'say "so"', "ünï", "star*", "what?", "br[a]cket", "{a,b}", "k=v"])
def test_a_home_of_any_name_can_be_asked(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path / name / "home")
    _fill(home)
    found = query(connect(home), "select * from raw_sample order by n")
    assert found.columns == ["n", "day"]
    assert [row[0] for row in found.fetchall()] == [0, 1]
    assert query(connect(home), "select * from genre_training_set").columns == ["title_id"]


def test_an_empty_home_has_no_tables_and_stays_empty(tmp_path: Path) -> None:
    connection = connect(Home(tmp_path / "home"))
    assert query(connection, "select 1").fetchone() == (1,)
    with pytest.raises(duckdb.CatalogException, match="titles"):
        query(connection, "select * from titles")
    assert not (tmp_path / "home").exists()


def test_the_gates_decisions_are_a_table(home: Home) -> None:
    decisions = home.registry / "decisions"
    decisions.mkdir(parents=True)
    decision = {
        "id": "20250627-1",
        "candidate": "genre_logreg/2",
        "champion_before": None,
        "promoted": False,
        "reasons": ["macro-F1 fell", "drama fell"],
        "numbers": {"macro_f1": 0.4},
        "run_id": "run",
    }
    (decisions / "1.json").write_text(json.dumps(decision))
    (decisions / "2.json").write_text(json.dumps(decision | {"id": "20250628-1", "promoted": True, "reasons": []}))
    found = query(
        connect(home, open_registry(home, None)),
        "select promoted, len(reasons), numbers ->> 'macro_f1' from gate_decisions order by id",
    )
    assert found.fetchall() == [(False, 2, "0.4"), (True, 0, "0.4")]


@pytest.mark.parametrize(
    "sql",
    [
        "select n from raw_sample",
        "select n from raw_sample;",
        "  -- a comment\nwith days as (select n from raw_sample) select * from days",
        "from raw_sample select n",
        "(select n from raw_sample) union all (select 9 where false)",
    ],
)
def test_one_select_is_answered_however_it_is_written(home: Home, sql: str) -> None:
    assert sorted(query(connect(home), sql).fetchall()) == [(0,), (1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-- nothing",
        "select 1; select 2",
        "select 1; drop view raw_sample",
        "copy raw_sample to '{file}'",
        "copy (select 1) to '{file}' (format parquet)",
        "export database '{file}'",
        "insert into raw_sample values (1)",
        "with a as (select 1 as n) insert into raw_sample select n from a",
        "update raw_sample set n = 1",
        "delete from raw_sample",
        "create table a as select 1",
        "create or replace view raw_sample as select 1",
        "drop view raw_sample",
        "alter table raw_sample rename to b",
        "attach '{file}' as other",
        "set threads = 1",
        "explain analyze copy raw_sample to '{file}'",
        "prepare p as select 1",
        "begin",
        "install httpfs",
        "load httpfs",
        "vacuum",
        "checkpoint",
    ],
)
def test_whatever_is_not_one_select_is_refused_and_writes_nothing(home: Home, tmp_path: Path, sql: str) -> None:
    connection = connect(home)
    file = tmp_path / "written"
    with pytest.raises(NotAQueryError, match="give one SELECT"):
        query(connection, sql.format(file=file))
    assert not file.exists()
    assert query(connection, "select count(*) from raw_sample").fetchone() == (2,)


def test_a_select_that_is_misspelt_is_duckdbs_own_error(home: Home) -> None:
    with pytest.raises(duckdb.ParserException, match="syntax error"):
        query(connect(home), "selec n from raw_sample")
