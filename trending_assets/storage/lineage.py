"""Lineage: from a prediction of the log back to raw documents, and from a document to the predictions it touched.

It is put together when it is asked for, out of what lies there: the prediction log, the registry's manifests, the
feature tables and what they were computed from, the journal of writes, and raw documents by their hashes. Payloads,
headers and authors are never read.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trending_assets.domain.predictions.lineage import (
    DocumentLineage,
    DocumentUse,
    FeatureLineage,
    ModelLineage,
    PartitionLineage,
    PredictionLineage,
    RecordLineage,
    TouchedPrediction,
)
from trending_assets.domain.predictions.records import input_sha256
from trending_assets.domain.text.features import TitleFeatures
from trending_assets.storage.document_origins import PARSED, DocumentOrigins
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.model_files import TamperedModelError
from trending_assets.storage.partition_origins import PartitionOrigins
from trending_assets.storage.prediction_log import find_prediction, predictions_of_titles
from trending_assets.storage.raw_documents import LakeRawStore, RawStore, table_of
from trending_assets.storage.registry import ModelRef, ModelRegistry
from trending_assets.storage.unknowns import tried
from trending_assets.storage.write_journal import WriteJournal

TEXT_TABLE = "title_text"
# Feature tables whose rows of a day are made of the titles of that day alone, and what those are made of.
OF_TITLES = (TEXT_TABLE, "title_embedding", "title_tfidf")
UPSTREAM = ("titles", "stg_titles", "title_identity")
_RECORDS, _TRAINING_SET = "stg_titles", "genre_training_set"
_FACTS = ("text", "kind", "year", "word_count", "countries", "runtime_minutes", "certificate", "platforms")


class UnknownPredictionError(LookupError):
    """The prediction log has no prediction of this id."""


class UnknownDocumentError(LookupError):
    """No document with this hash was ever landed, as far as is known."""


def table_of_view(view: str) -> str:
    """The table of the lake that an online feature view is of: its name may end in a version, ``title_tfidf__v1``."""
    return view.partition("__v")[0]


class LineageReader:
    """Reads the lineage of one home."""

    def __init__(self, home: Home, registry: ModelRegistry, raw: RawStore) -> None:
        """A reader; nothing is read until it is asked.

        Args:
            home: where lake, prediction log and journal are.
            registry: where the manifests of models are.
            raw: where raw documents are kept.
        """
        self._lake, self._segments, self._registry = Lake(home.lake), home.prediction_log, registry
        self._partitions = PartitionOrigins(self._lake, WriteJournal(home.writes))
        self._documents, self._raw_in_lake = DocumentOrigins(self._lake, raw), isinstance(raw, LakeRawStore)

    def of_prediction(self, prediction_id: str, key_id: str | None = None) -> PredictionLineage:
        """What a prediction was made from.

        Args:
            prediction_id: the prediction.
            key_id: who asks: what another key asked for is as unknown as what nobody did. None may ask for any.

        Raises:
            UnknownPredictionError: the log has none of this id.
        """
        row = find_prediction(self._lake, self._segments, prediction_id.lower())
        if row is None or key_id not in (None, row["key_id"]):
            raise UnknownPredictionError(f"the prediction log has no prediction {prediction_id}")
        made_at, unknown = row["predicted_at"], list[str]()
        features = [self._feature(row["title_id"], read, made_at) for read in row["feature_times"]]
        if not features:
            unknown.append(
                "The text was sent by a caller, and only its hash is kept: there are no features to follow."
                if row["source"] == "text"
                else "The log names no feature view that was read."
            )
        held = [each.partition for each in features if each.partition]
        others = sorted({each.table for each in held if each.table not in OF_TITLES})
        unknown += [f"What {table} was computed from is not followed to documents." for table in others]
        partitions: list[PartitionLineage] = []
        records: list[RecordLineage] = []
        for day in sorted({each.day for each in held if each.day and each.table in OF_TITLES}):
            found = self._title_records(row["title_id"], day.isoformat(), unknown)
            landed_by = {each.document.source for each in found if each.document.source}
            partitions += self._upstream(day.isoformat(), sorted(landed_by), made_at)
            records += found
        return PredictionLineage(
            prediction_id=row["prediction_id"],
            predicted_at=made_at,
            request_id=row["request_id"],
            title_id=row["title_id"],
            input_sha256=row["input_sha256"],
            input_found=self._input_found(row, features, unknown),
            model=self._model(row["model"], row["version"]),
            feature_service=row["feature_service"],
            features=features,
            partitions=partitions,
            records=records,
            unknown=unknown,
        )

    def of_document(self, sha256: str) -> DocumentUse:
        """What a document touched.

        Args:
            sha256: hash of its payload, 64 hexadecimal digits.

        Raises:
            UnknownDocumentError: nothing is known of it.
        """
        sha256, unknown = sha256.lower(), list[str]()
        landings = self._documents.landings(sha256)
        if not landings:
            raise UnknownDocumentError(f"no document with the hash {sha256} has landed")
        days = sorted({day for _, day in landings})
        # Title → event times of its text rows that were computed from the document.
        told: dict[str, set[dt.datetime]] = {}
        for day in days:
            for title_id, event_time in self._texts_from(sha256, day):
                told.setdefault(title_id, set()).add(event_time)
        if not told:
            unknown.append("No title's features were computed from it, as far as the tables that are there tell.")
        rows = predictions_of_titles(self._lake, self._segments, told.keys(), days[0]) if told else ()
        return DocumentUse(
            documents=[self._documents.of(sha256, source, day) for source, day in landings],
            titles=sorted(told),
            models=self._learned_from(days, unknown) if told else [],
            predictions=[TouchedPrediction.model_validate(row) for row in rows if _read(row, told[row["title_id"]])],
            unknown=unknown,
        )

    def _feature(self, title_id: str, read: Mapping[str, Any], made_at: dt.datetime) -> FeatureLineage:
        view, event_time = read["view"], read["event_timestamp"]
        table = table_of_view(view)
        day, why = tried(f"{table} cannot be searched", lambda: self._day_of(table, title_id, event_time))
        if day is None:
            why = why or f"No day of {table} holds a row of {title_id} with that event time any more."
            return FeatureLineage(view=view, event_timestamp=event_time, partition=None, unknown=why)
        return FeatureLineage(view=view, event_timestamp=event_time, partition=self._partitions.at(table, day, made_at))

    def _day_of(self, table: str, title_id: str, event_time: dt.datetime) -> str | None:
        """The day whose file holds a title's row: most often that of its event time, or the one that ended then."""
        landed = self._lake.days(table)
        likely = [
            (event_time - before).date().isoformat() for before in (dt.timedelta(0), dt.timedelta(microseconds=1))
        ]
        for day in dict.fromkeys([*likely, *reversed(landed)]):
            if day in landed and self._rows_at(table, day, title_id, event_time).num_rows:
                return day
        return None

    def _rows_at(
        self, table: str, day: str, title_id: str, event_time: dt.datetime, columns: Sequence[str] = ()
    ) -> pa.Table:
        rows = self._lake.read(table, day, ["title_id", "event_timestamp", *columns])
        # Feast keeps whole seconds in SQLite, and that is what was read and logged.
        seconds = pc.floor_temporal(rows["event_timestamp"], unit="second")
        same = pc.equal(seconds, pa.scalar(event_time.replace(microsecond=0), seconds.type))
        return rows.filter(pc.and_(pc.equal(rows["title_id"], title_id), same))

    def _title_records(self, title_id: str, day: str, unknown: list[str]) -> list[RecordLineage]:
        """What sources said of a title on a day."""
        rows, why = tried(f"{_RECORDS} of {day} cannot be read", lambda: self._records(day, "title_id", title_id))
        if not rows:
            unknown.append(why or f"{_RECORDS} of {day} holds no record of {title_id} any more.")
        return [
            RecordLineage(
                source=row["source"],
                source_id=row["source_id"],
                arrived_at=row["arrived_at"],
                document=self._document(row["document_sha256"], day),
            )
            for row in rows or ()
        ]

    def _records(self, day: str, column: str, value: str) -> list[dict[str, Any]]:
        rows = self._lake.read(_RECORDS, day, ["title_id", "source", "source_id", "arrived_at", "document_sha256"])
        found: list[dict[str, Any]] = rows.filter(pc.equal(rows[column], value)).to_pylist()
        return found

    def _document(self, sha256: str, day: str) -> DocumentLineage:
        source, why = tried("What was parsed cannot be read", lambda: self._documents.landed_by(sha256, day))
        if source is not None:
            return self._documents.of(sha256, source, day)
        why = why or f"Nothing that was parsed of {day} is of this document any more."
        on = dt.date.fromisoformat(day)
        return DocumentLineage(sha256=sha256, source=None, day=on, held=None, url=None, fetched_at=None, unknown=why)

    def _upstream(self, day: str, sources: Sequence[str], made_at: dt.datetime) -> list[PartitionLineage]:
        """What the features of a day's titles were computed from, up to the raw documents of some sources."""
        tables = [*UPSTREAM, *(f"{PARSED}/{source}" for source in sources), *map(table_of, sources)]
        found = [self._partitions.at(table, day, made_at) for table in tables]
        if self._raw_in_lake:
            return found
        elsewhere = {"unknown": "Raw documents are kept in MongoDB, where runs are not noted.", "current": None}
        raw = set(map(table_of, sources))
        return [each.model_copy(update=elsewhere) if each.table in raw else each for each in found]

    def _input_found(
        self, row: Mapping[str, Any], features: Iterable[FeatureLineage], unknown: list[str]
    ) -> bool | None:
        """Whether the lake's row of the text gives the hash of what the model read."""
        texts = (each for each in features if each.partition and each.partition.table == TEXT_TABLE)
        feature = next(texts, None)
        if feature is None or feature.partition is None:
            return None
        day = str(feature.partition.day)
        rows, why = tried(
            f"{TEXT_TABLE} of {day} cannot be read",
            lambda: self._rows_at(TEXT_TABLE, day, row["title_id"], feature.event_timestamp, _FACTS).to_pylist(),
        )
        if rows is None:
            unknown.append(why or "")
            return None
        found = any(_input_of(each) == row["input_sha256"] for each in rows)
        if not found:
            unknown.append(f"{TEXT_TABLE} of {day} says something else of {row['title_id']} than what was read.")
        return found

    def _model(self, name: str, version: str) -> ModelLineage:
        manifest, why = tried("Its manifest cannot be read", lambda: self._registry.manifest(ModelRef(name, version)))
        if manifest is None:
            return ModelLineage(name=name, version=version, unknown=why)
        return ModelLineage(
            name=name,
            version=version,
            trained_at=manifest.trained_at,
            code_version=manifest.code_version,
            run_ids=manifest.run_ids,
            data_partitions=[dt.date.fromisoformat(day) for day in manifest.data_partitions],
            training_set=self._partitions.with_hash(_TRAINING_SET, manifest.training_set_sha256),
            feature_service=manifest.feature_service,
            feature_views=manifest.feature_views,
        )

    def _texts_from(self, sha256: str, day: str) -> list[tuple[str, dt.datetime]]:
        """Title and event time, to the second, of the text rows of a day that were computed from a document."""
        if not (self._lake.exists(_RECORDS, day) and self._lake.exists(TEXT_TABLE, day)):
            return []
        titles = pa.array([row["title_id"] for row in self._records(day, "document_sha256", sha256)], pa.string())
        rows = self._lake.read(TEXT_TABLE, day, ["title_id", "event_timestamp"])
        told = rows.filter(pc.is_in(rows["title_id"], titles)).to_pylist()
        return [(row["title_id"], row["event_timestamp"].replace(microsecond=0)) for row in told]

    def _learned_from(self, days: Sequence[str], unknown: list[str]) -> list[str]:
        """The versions that learned from one of the days."""
        found = []
        for model in self._registry.models():
            try:
                manifests = self._registry.manifests(model)
            except TamperedModelError:
                unknown.append(f"Which versions of {model} learned from it: a manifest cannot be read.")
                continue
            found += [str(each.ref) for each in manifests if not set(days).isdisjoint(each.data_partitions)]
        return found


def _read(row: Mapping[str, Any], event_times: set[dt.datetime]) -> bool:
    """Whether a prediction read a row with one of the event times, to the second."""
    return any(
        table_of_view(each["view"]) in OF_TITLES and each["event_timestamp"].replace(microsecond=0) in event_times
        for each in row["feature_times"]
    )


def _input_of(row: Mapping[str, Any]) -> str:
    facts = {name: row[name] for name in _FACTS} | {name: tuple(row[name]) for name in ("countries", "platforms")}
    return input_sha256(TitleFeatures(**facts))
