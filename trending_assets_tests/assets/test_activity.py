"""Activity of hand-written reviews and signals: what is counted, when, and that days come out the same in any order."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from trending_assets.automation.running import RunFailedError
from trending_assets_tests.checks import rows
from trending_assets_tests.integration.homes import SmallHome

_DAYS = rows.DAYS
_FILM, _SHOW = (row["title_id"] for row in rows.titles())


def _moment(day: str, hour: int) -> datetime:
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


def _land(home: SmallHome, day: str, reviews: rows.Rows, signals: rows.Rows) -> None:
    """What arrived on a day, and the titles."""
    arrived = {"arrived_at": _moment(day, 9)}
    happened = {"event_time": _moment(day, 8)}
    for table, found in (("titles", rows.titles()), ("reviews", reviews), ("stg_signals", signals)):
        rows.land(home.folder, table, [happened | row | arrived for row in found], day)


def _review(name: str, author: str | None, **columns: object) -> dict[str, Any]:
    row = next(iter(rows.reviews()))
    del row["event_time"]
    return row | {"review_id": name, "author_hash": author} | columns


def _signal(name: str, value: float, document: str, **columns: object) -> dict[str, Any]:
    row = next(iter(rows.signals()))
    del row["event_time"]
    return row | {"name": name, "value": value, "document_sha256": document * 32} | columns


def _counted(home: SmallHome, day: str) -> dict[tuple[str, date], float]:
    """Events by signal and day on which they happened, of those that arrived on a day."""
    home.run("ingest", [day], ["daily_activity"])
    found: dict[tuple[str, date], float] = {}
    for row in home.lake.read("daily_activity", day).to_pylist():
        key = (row["signal"], row["happened_on"])
        found[key] = found.get(key, 0.0) + row["events"]
    return found


@pytest.fixture
def home(tmp_path: Path) -> SmallHome:
    """A home in which nothing has landed."""
    return SmallHome(tmp_path / "home")


def test_what_counts_and_what_does_not(home: SmallHome) -> None:
    day, before = _DAYS[1], date.fromisoformat(_DAYS[0])
    reviews = [
        _review("a1", "anna"),
        _review("a2", "anna", text="Another of hers on the same day."),
        _review("a3", "ben"),
        _review("a4", None),
        _review("a5", None),
        _review("a6", "carl", near_duplicate_of="a3"),
        _review("a7", "dora", flags=["spam"]),
        _review("a8", "emil", flags=["shouting"]),
        _review("a9", "anna", event_time=_moment(_DAYS[0], 5)),
        _review("b1", "fred", event_time=_moment(day, 8) + timedelta(days=400)),
    ]
    signals = [
        _signal("user_rating", 3.0, "aa"),
        _signal("user_rating", 9.0, "bb"),
        _signal("tags", 1.0, "cc"),
        _signal("views", 120.0, "dd", source="wikipedia", event_time=_moment(_DAYS[0], 0)),
        _signal(
            "views", 30.0, "ee", source="wikipedia", source_title_id="Another_page", event_time=_moment(_DAYS[0], 0)
        ),
        _signal("trending_rank", 4.0, "ff"),
        # Totals and means so far are no events of a day.
        _signal("votes", 5000.0, "ab"),
        _signal("rating", 8.0, "ac"),
        _signal("popularity", 70.0, "ad"),
    ]
    _land(home, day, reviews, signals)
    today = date.fromisoformat(day)
    assert _counted(home, day) == {
        # Anna, Ben, two without a name, Emil, and Fred, who is said to come from the future.
        ("reviews", today): 6,
        ("reviews", before): 1,
        ("ratings", today): 2,
        ("tags", today): 1,
        ("views", before): 150,
        ("ranks", today): 25,
    }


def test_what_arrives_again_counts_once_and_as_it_arrived_last(home: SmallHome) -> None:
    yesterday = _moment(_DAYS[0], 7)
    for day, views in zip(_DAYS, (100.0, 140.0), strict=True):
        said = [_review(f"a{day}", "anna", event_time=yesterday)]
        _land(home, day, said, [_signal("views", views, "aa", source="wikipedia", event_time=yesterday)])
        home.run("ingest", [day], ["daily_activity"])
    home.run("features", _DAYS, ["title_activity"])
    first, second = (
        {
            (row["title_id"], part["signal"]): part["events"]
            for row in table
            for part in row["parts"]
            if part["window"] == "week"
        }
        for table in (home.lake.read("title_activity", day).to_pylist() for day in _DAYS)
    )
    assert first == {(_FILM, "reviews"): 1, (_SHOW, "views"): 100}
    assert second == {(_FILM, "reviews"): 1, (_SHOW, "views"): 140}


def test_a_backfill_gives_the_bytes_of_days_computed_one_by_one(home: SmallHome, tmp_path: Path) -> None:
    days = [(date.fromisoformat(_DAYS[0]) + timedelta(days=i)).isoformat() for i in range(12)]
    authors = [f"author{i}" for i in range(9)]
    for i, day in enumerate(days):
        known = authors[: 1 + (5 * i) % 9]
        said = [_review(f"{day}{who}", who, title_id=(_FILM, _SHOW)[j % 2]) for j, who in enumerate(known)]
        _land(home, day, said, [_signal("views", 10.0 * i, "aa", source="wikipedia")])
        if i > 2:
            # What arrives late changes no day before it arrived.
            late = [_review(f"late{day}", "zoe", event_time=_moment(days[i - 2], 3))]
            _land(home, day, [*said, *late], [_signal("views", 10.0 * i, "aa", source="wikipedia")])
        home.run("ingest", [day], ["daily_activity"])
        home.run("features", [day], ["title_activity"])
    one_by_one = {day: home.lake.path("title_activity", day).read_bytes() for day in days}
    for day in days:
        home.lake.remove("title_activity", day)
    home.run("features", days, ["title_activity"])
    assert {day: home.lake.path("title_activity", day).read_bytes() for day in days} == one_by_one
    newest = home.lake.read("title_activity", days[-1]).to_pylist()
    assert {row["title_id"] for row in newest} == {_FILM, _SHOW}
    assert any(row["momentum_points_week"] > 0 for row in newest)
    assert {row["event_timestamp"] for row in newest} == {_moment(days[-1], 0) + timedelta(days=1)}
    assert {row["created"] for row in newest} == {_moment(days[-1], 9)}


def test_days_that_lie_further_back_than_half_a_year_change_nothing(home: SmallHome, tmp_path: Path) -> None:
    newest = date.fromisoformat(_DAYS[1])
    long_ago, just_in = ((newest - timedelta(days=back)).isoformat() for back in (180, 179))
    for day in (long_ago, just_in, newest.isoformat()):
        _land(home, day, [_review(f"{day}{i}", f"author{i}") for i in range(4)], [])
    found = {}
    for landed in ([newest.isoformat()], [just_in], [long_ago]):
        home.run("ingest", landed, ["daily_activity"])
        home.run("features", [newest.isoformat()], ["title_activity"])
        (row,) = home.lake.read("title_activity", newest.isoformat()).to_pylist()
        found[landed[0]] = row["parts"][0]["lift"], row["score_week"]
    assert found[just_in] != found[newest.isoformat()]
    assert found[long_ago] == found[just_in]


def test_days_of_other_code_are_named_with_what_to_do(home: SmallHome) -> None:
    _land(home, _DAYS[0], [_review("a1", "anna")], [])
    home.run("ingest", [_DAYS[0]], ["daily_activity"])
    home.lake.write("daily_activity", pa.table({"title_id": ["tt1"], "review_count": [3]}), day=_DAYS[1])
    rows.land(home.folder, "titles", list(rows.titles()), _DAYS[1])
    with pytest.raises(RunFailedError, match=r"days of daily_activity do not fit together.*trending backfill"):
        home.run("features", [_DAYS[1]], ["title_activity"])
