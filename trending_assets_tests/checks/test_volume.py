"""Too many and too few warn; a crawled source that falls silent stops the run; what cannot be judged says why."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from trending_assets.checks.volume import volume_checks
from trending_assets.domain.catalog.records import PARSED
from trending_assets.ingest.source import Source
from trending_assets_tests.checks.evaluating import lake_of, run_of, said
from trending_assets_tests.checks.sources import FILES, LIVE

LATER = datetime(2026, 1, 1, tzinfo=UTC)
DAY = date(2025, 6, 30)
HISTORY = [(DAY - timedelta(days=age)).isoformat() for age in range(20, 0, -1)]
TODAY = DAY.isoformat()


def _signal(catalogue: str) -> dict[str, Any]:
    at = datetime(2025, 6, 1, tzinfo=UTC)
    times = {"event_time": at, "arrived_at": at, "document_sha256": ""}
    return {"source": catalogue, "source_title_id": "1", "imdb_id": None, "name": "views", "value": 1.0, **times}


def _document(catalogue: str, outcome: str, signals: int) -> dict[str, Any]:
    return {
        "source": catalogue,
        "document_type": "page",
        "source_id": "1",
        "document_sha256": "",
        "outcome": outcome,
        "reason": None,
        "titles": [],
        "reviews": [],
        "signals": [_signal(catalogue)] * signals,
    }


def _land(
    folder: Path, source: Source, days: Sequence[str], kept: Mapping[str, int], *, signals: int = 2, lost: int = 0
) -> None:
    """Lands days of which each catalogue has so many documents, with so many signals each, and some quarantined."""
    rows = [
        _document(catalogue, outcome, signals if outcome == "kept" else 0)
        for catalogue, number in kept.items()
        for outcome, times in (("kept", number), ("quarantined", lost), ("duplicate", 3))
        for _ in range(times)
    ]
    for day in days:
        table = pa.Table.from_pylist(rows, schema=PARSED.schema)
        lake_of(folder).write(f"parsed/{source.name}", table, day=day)


def _evaluate(
    folder: Path, source: Source, days: Sequence[str] = (TODAY,), now: datetime = LATER
) -> tuple[dg.AssetCheckEvaluation, bool]:
    evaluations, went_on = run_of(folder, volume_checks([source], now=lambda: now), days)
    return evaluations["volume_is_usual"], went_on


def _verdicts(evaluation: dg.AssetCheckEvaluation) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Day, catalogue and what is counted → the expected range and the verdict, as the table shows them."""
    rows = [line.strip("| ").split(" | ") for line in str(said(evaluation)["counts"]).splitlines()[2:]]
    return {(day, catalogue, counted): (row[1], row[-1]) for day, catalogue, counted, *row in rows}


@pytest.mark.parametrize(
    ("source", "kept", "verdict"), [(LIVE, 10, "low"), (LIVE, 60, "normal"), (LIVE, 400, "high"), (FILES, 10, "low")]
)
def test_an_unusual_day_warns_and_the_run_goes_on(tmp_path: Path, source: Source, kept: int, verdict: str) -> None:
    _land(tmp_path, source, HISTORY, {source.name: 60})
    _land(tmp_path, source, [TODAY], {source.name: kept})
    evaluation, went_on = _evaluate(tmp_path, source)
    assert evaluation.passed is (verdict == "normal")
    assert evaluation.severity == dg.AssetCheckSeverity.WARN
    assert went_on
    verdicts = _verdicts(evaluation)
    # Neither titles nor reviews have ever been counted.
    assert verdicts.keys() == {(TODAY, source.name, "documents"), (TODAY, source.name, "signals")}
    assert verdicts[TODAY, source.name, "documents"] == ("38 to 94", verdict)
    assert said(evaluation)["abnormal counts"] == (0 if verdict == "normal" else 2)


def test_documents_that_could_not_be_used_do_not_count(tmp_path: Path) -> None:
    _land(tmp_path, LIVE, HISTORY, {"live": 60})
    _land(tmp_path, LIVE, [TODAY], {"live": 10}, lost=50)
    assert _verdicts(_evaluate(tmp_path, LIVE)[0])[TODAY, "live", "documents"][1] == "low"


@pytest.mark.parametrize("rows", ["no document", "quarantined"])
def test_a_crawled_source_that_falls_silent_stops_the_run(tmp_path: Path, rows: str) -> None:
    _land(tmp_path, LIVE, HISTORY, {"live": 60})
    _land(tmp_path, LIVE, [TODAY], {} if rows == "no document" else {"live": 0}, lost=60)
    evaluation, went_on = _evaluate(tmp_path, LIVE)
    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.ERROR
    assert not went_on
    assert _verdicts(evaluation)[TODAY, "live", "documents"][1] == "vanished"


def test_records_that_vanish_from_documents_stop_the_run_too(tmp_path: Path) -> None:
    _land(tmp_path, LIVE, HISTORY, {"live": 60})
    _land(tmp_path, LIVE, [TODAY], {"live": 60}, signals=0)
    evaluation, went_on = _evaluate(tmp_path, LIVE)
    assert _verdicts(evaluation)[TODAY, "live", "documents"][1] == "normal"
    assert _verdicts(evaluation)[TODAY, "live", "signals"][1] == "vanished"
    assert not went_on


def test_a_silence_that_goes_on_only_warns(tmp_path: Path) -> None:
    _land(tmp_path, LIVE, HISTORY[:-1], {"live": 60})
    _land(tmp_path, LIVE, [HISTORY[-1], TODAY], {})
    evaluation, went_on = _evaluate(tmp_path, LIVE)
    assert (evaluation.passed, evaluation.severity, went_on) == (False, dg.AssetCheckSeverity.WARN, True)


def test_files_that_hold_nothing_of_a_day_say_nothing(tmp_path: Path) -> None:
    _land(tmp_path, FILES, HISTORY, {"one": 60, "two": 60})
    _land(tmp_path, FILES, [TODAY], {"two": 60})
    evaluation, _ = _evaluate(tmp_path, FILES)
    assert evaluation.passed
    assert {catalogue for _, catalogue, _ in _verdicts(evaluation)} == {"two"}


def test_each_catalogue_is_judged_by_its_own_past(tmp_path: Path) -> None:
    _land(tmp_path, FILES, HISTORY, {"large": 600, "small": 30})
    _land(tmp_path, FILES, [TODAY], {"large": 600, "small": 200})
    verdicts = _verdicts(_evaluate(tmp_path, FILES)[0])
    assert verdicts[TODAY, "large", "documents"][1] == "normal"
    assert verdicts[TODAY, "small", "documents"][1] == "high"


def test_without_enough_days_nothing_is_claimed(tmp_path: Path) -> None:
    _land(tmp_path, LIVE, HISTORY[-13:], {"live": 60})
    _land(tmp_path, LIVE, [TODAY], {})
    evaluation, went_on = _evaluate(tmp_path, LIVE)
    assert evaluation.passed
    assert went_on
    assert said(evaluation)["judged counts"] == 0
    assert "2 counts, of which fewer than 14 of the 56 days before have landed" in said(evaluation)["not judged"]


@pytest.mark.parametrize(("kept", "passed"), [(1, True), (0, True), (400, False)])
def test_a_day_that_goes_on_can_only_be_too_full(tmp_path: Path, kept: int, passed: bool) -> None:
    _land(tmp_path, LIVE, HISTORY, {"live": 60})
    _land(tmp_path, LIVE, [TODAY], {"live": kept})
    evaluation, went_on = _evaluate(tmp_path, LIVE, now=datetime(2025, 6, 30, 9, tzinfo=UTC))
    assert evaluation.passed is passed
    assert went_on
    assert TODAY in said(evaluation)["goes on"]


def test_every_day_of_a_run_is_judged_by_those_before_it(tmp_path: Path) -> None:
    _land(tmp_path, LIVE, HISTORY, {"live": 60})
    _land(tmp_path, LIVE, HISTORY[16:17], {"live": 5})
    _land(tmp_path, LIVE, [TODAY], {"live": 60})
    evaluation, _ = _evaluate(tmp_path, LIVE, [*HISTORY, TODAY])
    verdicts = _verdicts(evaluation)
    assert said(evaluation)["days"] == 21
    assert {key[0] for key, (_, verdict) in verdicts.items() if verdict == "low"} == {HISTORY[16]}
    assert {key[0] for key, (_, verdict) in verdicts.items() if verdict == "unknown"} == set(HISTORY[:14])
    # What is abnormal comes first.
    assert next(iter(verdicts.values()))[1] == "low"
