"""Records of the prediction log: what serving writes, and the rows of the daily table that are made of them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from trending_assets.domain.catalog.records import STRINGS, TIMESTAMP, Column, Record
from trending_assets.domain.ids import moment_of
from trending_assets.domain.text.features import TitleFeatures

GENRE_SCORES = pa.list_(
    pa.struct(
        [
            ("genre", pa.string()),
            ("probability", pa.float64()),
            ("threshold", pa.float64()),
            ("selected", pa.bool_()),
        ]
    )
)
PREDICTION = Record(
    "prediction",
    "What was answered to one request for the genres of one title. Of what was sent it holds the request id alone.",
    (
        Column("prediction_id", pa.string(), "The prediction, UUID version 7."),
        Column("predicted_at", TIMESTAMP, "When it was made, as its id says; its UTC day is its partition."),
        Column("request_id", pa.string(), "The request that it answered.", nullable=True),
        Column("key_id", pa.string(), "The API key that asked; null where none was needed.", nullable=True),
        Column("title_id", pa.string(), "The title; null where it is for text that a caller sent.", nullable=True),
        Column("input_sha256", pa.string(), "SHA-256 of the text and the facts that the model read."),
        Column("kind", pa.string(), "`movie` or `show`."),
        Column("source", pa.string(), "Where the features came from: `online` (the online store) or `text`."),
        Column("model", pa.string(), "The model's name."),
        Column("version", pa.string(), "Its version."),
        Column(
            "variant",
            pa.string(),
            "In what part: `champion` or `challenger` answered, `shadow` was asked too and its answer seen by nobody.",
        ),
        Column("feature_service", pa.string(), "Feast's feature service that names the features."),
        Column(
            "feature_times",
            pa.list_(pa.struct([("view", pa.string()), ("event_timestamp", TIMESTAMP)])),
            "Event time of each feature view that was read online.",
        ),
        Column("as_of", TIMESTAMP, "The oldest of them; null where none was read.", nullable=True),
        Column("stale", pa.bool_(), "A feature was older than its view allows."),
        Column("missing", STRINGS, "Features that the online store should hold and did not, as `view:feature`."),
        Column("degraded", pa.bool_(), "A feature was missing or stale, or the features were those last known."),
        Column("abstained", pa.bool_(), "No genre reached its threshold."),
        Column("genres", GENRE_SCORES, "Each genre that the model knows, most probable first."),
        Column("latency_ms", pa.float64(), "Milliseconds that the prediction, or the batch that it was in, took."),
    ),
)

_DERIVED = ("predicted_at", "key_id")
_NEVER_NULL = frozenset(column.name for column in PREDICTION.columns if not column.nullable)

PREDICTION_LOG = Record(
    "prediction_log",
    "A prediction that was served, and what was said of it later.",
    (
        *PREDICTION.columns,
        Column("feedback_genres", STRINGS, "The title's genres by the newest feedback.", nullable=True),
        Column("feedback_at", TIMESTAMP, "When that came.", nullable=True),
    ),
)


class UnreadableRecordError(ValueError):
    """A record of the log lacks something, or holds something else than it should."""


@dataclass(frozen=True, order=True)
class Feedback:
    """What somebody said a title's genres are; the newest counts.

    Attributes:
        received_at: when it came, in UTC.
        genres: the genres, in the order in which they were sent.
        prediction_id: the prediction that it is about; whether there is one is not known.
    """

    received_at: datetime
    genres: tuple[str, ...]
    prediction_id: str

    @property
    def day(self) -> str:
        """The UTC day of the prediction, an ISO date."""
        return day_of(self.prediction_id)


def day_of(prediction_id: str) -> str:
    """The UTC day on which a prediction was made, an ISO date.

    Raises:
        ValueError: the id is no UUID version 7.
    """
    return moment_of(prediction_id).date().isoformat()


def input_sha256(features: TitleFeatures) -> str:
    """SHA-256 of the text and the facts that a model reads; vectors follow from the text and are left out.

    A title predicted by its id and by its text has the same hash where both give the same.
    """
    facts = [
        features.kind,
        features.year,
        list(features.countries),
        features.runtime_minutes,
        features.certificate,
        list(features.platforms),
    ]
    return hashlib.sha256(json.dumps([features.text, *facts]).encode()).hexdigest()


def feedback_record(prediction_id: str, genres: Sequence[str], received_at: datetime, request_id: str | None) -> object:
    """Feedback as it is written to the log."""
    told = {"prediction_id": prediction_id, "genres": list(genres), "received_at": received_at}
    return {"record": "feedback", **told, "request_id": request_id}


def read_feedback(record: Mapping[str, Any]) -> Feedback:
    """Feedback out of the log.

    Raises:
        UnreadableRecordError: the record is none.
    """
    try:
        told = Feedback(_moment(record["received_at"]), tuple(map(str, record["genres"])), record["prediction_id"])
        moment_of(told.prediction_id)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable("feedback", error) from error
    return told


def prediction_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """A prediction out of the log as a row of :data:`PREDICTION`.

    Raises:
        UnreadableRecordError: the record is none.
    """
    try:
        row = {name: record[name] for name in PREDICTION.schema.names if name not in _DERIVED} | {
            # Servers that knew no keys noted none.
            "key_id": record.get("key_id"),
            "predicted_at": moment_of(record["prediction_id"]),
            "as_of": None if record["as_of"] is None else _moment(record["as_of"]),
            "feature_times": [
                {"view": each["view"], "event_timestamp": _moment(each["event_timestamp"])}
                for each in record["feature_times"]
            ],
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable("prediction", error) from error
    if lacking := sorted(name for name in _NEVER_NULL if row[name] is None):
        raise UnreadableRecordError(f"a prediction has no {', '.join(lacking)}")
    return row


def _unreadable(kind: str, error: Exception) -> UnreadableRecordError:
    return UnreadableRecordError(f"a record is no {kind}: {type(error).__name__}: {error}")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
