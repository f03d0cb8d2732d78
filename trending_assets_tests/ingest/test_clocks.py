"""What is said to have happened after it was fetched: a clock that is ahead is put right, a day to come refused."""

from datetime import UTC, datetime, timedelta

import pytest

from trending_assets.ingest import records
from trending_assets.ingest.documents import Document, MalformedRecordError

_FETCHED = datetime(2025, 6, 2, 12, tzinfo=UTC)
_DOCUMENT = Document("sample", "review", "1", "test:1", _FETCHED, b"{}")


def _review(event: datetime) -> dict[str, object]:
    return records.review(_DOCUMENT, source_title_id="1", text="Fine.", event=event)


def _signal(event: datetime) -> dict[str, object]:
    return records.signal(_DOCUMENT, source_title_id="1", name="votes", value=1, event=event)


@pytest.mark.parametrize("record", [_review, _signal])
@pytest.mark.parametrize("ahead", [timedelta(seconds=3), timedelta(hours=14), timedelta(days=1)])
def test_what_happened_up_to_a_day_after_it_was_fetched_happened_when_it_was(record: object, ahead: timedelta) -> None:
    assert callable(record)
    row = record(_FETCHED + ahead)
    # The check that nothing happened after it arrived would refuse the whole day.
    assert (row["event_time"], row["arrived_at"]) == (_FETCHED, _FETCHED)


@pytest.mark.parametrize("record", [_review, _signal])
def test_what_happened_later_than_that_goes_into_quarantine(record: object) -> None:
    assert callable(record)
    with pytest.raises(MalformedRecordError, match="date: 2025-06-03 is after it arrived"):
        record(_FETCHED + timedelta(days=1, seconds=1))


@pytest.mark.parametrize("record", [_review, _signal])
def test_what_happened_before_it_was_fetched_stays_as_it_is(record: object) -> None:
    assert callable(record)
    assert record(_FETCHED - timedelta(days=3))["event_time"] == _FETCHED - timedelta(days=3)
