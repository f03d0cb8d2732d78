"""The timeline says what a person would have seen, and leaves out what is unknown."""

import json
from datetime import date
from pathlib import Path

import pyarrow as pa

from trending_assets.simulation.replay import Asked, SimulatedDay
from trending_assets.simulation.script import Landing
from trending_assets.simulation.timeline import Ranked, Row, Timeline, timeline_plot
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.registry import open_registry

DAY = date(2024, 1, 2)


def _landing(*planted: str) -> Landing:
    return Landing(DAY, {}, planted)


def _timeline(folder: Path) -> Timeline:
    return Timeline(Home(folder), open_registry(Home(folder), None), "tt2")


def test_a_day_on_which_nothing_landed_has_nothing(tmp_path: Path) -> None:
    row = _timeline(tmp_path).add(SimulatedDay(_landing(), ()))
    assert row == Row(DAY, 0, 0.0, (), [], {}, [], None, None, None, None)
    assert list(row.told()) == []


def test_a_day_is_read_from_the_lake_and_the_registry(tmp_path: Path) -> None:
    lake, day = Lake(Home(tmp_path).lake), DAY.isoformat()
    lake.write("titles", pa.table({"title_id": ["tt1", "tt2"]}), day=day)
    happened = pa.table({"happened_on": [DAY, date(2024, 1, 1)], "events": [3.0, 50.0]})
    lake.write("daily_activity", happened, day=day)
    scores = pa.table({"title_id": ["tt1", "tt2"], "score_week": [10.0, 90.0]})
    lake.write("title_activity", scores, day=day)
    timeline = _timeline(tmp_path)
    decision = {"candidate": "genre_logreg/1", "promoted": False, "reasons": ["no better"], "numbers": {}}
    timeline.registry.record_decision(decision)
    asked = (Asked("features_on_landing", "features", None), Asked("retrain_on_new_partitions", "retrain", "no disk"))
    row = timeline.add(SimulatedDay(_landing("a surge"), asked))
    assert (row.titles, row.events) == (2, 3.0)
    assert row.watched == row.first == Ranked("tt2", 90.0, 1)
    assert list(row.told()) == [
        "planted: a surge",
        "the sensor asked for retrain (retrain_on_new_partitions): no disk",
        "the gate refused genre_logreg/1: no better",
        "tt2 leads the week's ranking with a score of 90",
    ]
    assert timeline.add(SimulatedDay(_landing(), ())).decisions == []


def test_it_is_saved_as_rows_and_as_a_plot(tmp_path: Path) -> None:
    timeline = _timeline(tmp_path)
    timeline.add(SimulatedDay(_landing("a surge"), ()))
    rows, plot = timeline.save(tmp_path / "reports")
    assert json.loads(rows.read_text())[0]["day"] == DAY.isoformat()
    assert plot.read_bytes() == timeline_plot(timeline.rows)
    assert plot.read_bytes().startswith(b"\x89PNG")
