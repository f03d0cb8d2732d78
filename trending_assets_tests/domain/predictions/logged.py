"""Records as serving writes them, for any moment."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from trending_assets.domain.ids import uuid7
from trending_assets.domain.predictions.records import feedback_record

DAY = "2026-03-14"
NOON = dt.datetime(2026, 3, 14, 12, tzinfo=dt.UTC)
GENRES = ("drama", "comedy", "war")


def prediction_id(moment: dt.datetime, number: int = 0) -> str:
    """The id of a prediction that was made at a moment."""
    return uuid7(int(moment.timestamp()) * 10**9 + moment.microsecond * 1000, number.to_bytes(8, "big"))


def prediction(moment: dt.datetime = NOON, number: int = 0, **changed: Any) -> dict[str, Any]:
    """A prediction's record as it is read."""
    record = {
        "record": "prediction",
        "prediction_id": prediction_id(moment, number),
        "request_id": "r",
        "key_id": None,
        "title_id": f"tt{number:07}",
        "input_sha256": "0" * 64,
        "kind": "movie",
        "source": "online",
        "model": "genre_logreg",
        "version": "20260301-aaaaaaaa",
        "variant": "champion",
        "feature_service": "genre_text_v4",
        "feature_times": [{"view": "title_text", "event_timestamp": "2026-03-01T00:00:00Z"}],
        "as_of": "2026-03-01T00:00:00Z",
        "stale": False,
        "missing": [],
        "degraded": False,
        "abstained": False,
        "genres": scores(["drama"]),
        "latency_ms": 1.5,
    }
    return record | changed


def scores(selected: Sequence[str], genres: Sequence[str] = GENRES) -> list[dict[str, Any]]:
    """The genres of a prediction, of which some are selected."""
    return [
        {
            "genre": genre,
            "probability": 0.9 if genre in selected else 0.1,
            "threshold": 0.5,
            "selected": genre in selected,
        }
        for genre in genres
    ]


def feedback(about: Mapping[str, Any], received_at: dt.datetime, genres: Sequence[str]) -> dict[str, Any]:
    """Feedback for a prediction, as it is read."""
    record = feedback_record(about["prediction_id"], genres, received_at, None)
    read: dict[str, Any] = orjson.loads(orjson.dumps(record))
    return read
