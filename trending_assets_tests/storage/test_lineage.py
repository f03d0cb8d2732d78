"""A prediction is followed to its documents and back over a home made by hand, its broken parts told as unknown."""

import datetime as dt
import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from trending_assets.domain.catalog.records import DOCUMENT
from trending_assets.domain.predictions.lineage import PredictionLineage
from trending_assets.domain.predictions.records import day_of, input_sha256
from trending_assets.domain.text.features import title_features
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.ledgers import Erasures
from trending_assets.storage.lineage import (
    UPSTREAM,
    LineageReader,
    UnknownDocumentError,
    UnknownPredictionError,
)
from trending_assets.storage.prediction_log import compact
from trending_assets.storage.prediction_segments import SegmentedLog, encode_record, predictions_of
from trending_assets.storage.raw_documents import LakeRawStore
from trending_assets.storage.registry import ModelRegistry, open_registry
from trending_assets.storage.write_journal import WriteJournal
from trending_assets_tests.domain.predictions.logged import prediction
from trending_assets_tests.serving.world import World

DAY, LATER = "2025-06-02", "2025-06-04"
TITLE = "tt0133093"
ARRIVED = dt.datetime(2025, 6, 2, 8, 30, 15, 250_000, tzinfo=dt.UTC)
# What the online store keeps of it in SQLite.
READ = ARRIVED.replace(microsecond=0).isoformat()
AUTHOR, HEADER = "Jane Roe", "session=secret"
PAYLOAD = f"a plot, as {AUTHOR} wrote it".encode()
SHA256 = hashlib.sha256(PAYLOAD).hexdigest()
PLOT = "A hacker learns that the world is a simulation."
URL = "https://example.org/titles/1"


class LineageWorld:
    """A home in which one title landed from one document on one day."""

    def __init__(self, folder: Path) -> None:
        self.home, self.serving = Home(folder), World(folder)
        self.lake = Lake(self.home.lake, WriteJournal(self.home.writes, "run-1"))
        self.raw = LakeRawStore(self.lake)
        self.registry: ModelRegistry = open_registry(self.home, None)
        self.reader = LineageReader(self.home, self.registry, self.raw)

    def land(self, day: str = DAY, arrived_at: dt.datetime = ARRIVED, payload: bytes = PAYLOAD) -> None:
        """Lands the title, from raw to features."""
        sha256 = hashlib.sha256(payload).hexdigest()
        document = {"source": "site", "document_type": "title", "source_id": "1", "url": URL, "status": 200}
        document |= {"fetched_at": arrived_at, "headers": HEADER, "payload": payload, "sha256": sha256}
        self.raw.write("site", day, pa.Table.from_pylist([document], DOCUMENT.schema))
        self.write("parsed/site", day, document_sha256=sha256)
        record = {"source": "site", "source_id": "1", "arrived_at": arrived_at, "document_sha256": sha256}
        for table in UPSTREAM:
            self.write(table, day, title_id=TITLE, **record)
        made = title_features("The Matrix", PLOT, "movie", 1999, ["US"])
        facts = {name: getattr(made, name) for name in ("text", "kind", "year", "word_count", "certificate")}
        facts |= {"countries": list(made.countries), "platforms": list[str](), "runtime_minutes": None}
        self.write("title_text", day, title_id=TITLE, event_timestamp=arrived_at, **facts)

    def write(self, table: str, day: str, **columns: object) -> None:
        """A row of a table."""
        self.lake.write(table, pa.Table.from_pylist([columns]), day=day)

    def predict(self, **changed: Any) -> str:
        """Logs a prediction of now, with the features that have landed, and returns its id."""
        made = {
            "title_id": TITLE,
            "input_sha256": input_sha256(title_features("The Matrix", PLOT, "movie", 1999, ["US"])),
            "feature_times": [{"view": "title_text", "event_timestamp": READ}],
            "model": "genre_majority",
            "version": "20250626-aaaaaaaa",
        }
        record = prediction(dt.datetime.now(dt.UTC), **made | changed)
        with SegmentedLog(self.home.prediction_log) as log:
            log.append(predictions_of(day_of(record["prediction_id"])), [encode_record(record)])
        return str(record["prediction_id"])

    def lineage(self, **changed: Any) -> PredictionLineage:
        """The lineage of a prediction of now."""
        return self.reader.of_prediction(self.predict(**changed))


@pytest.fixture
def world(tmp_path: Path) -> LineageWorld:
    made = LineageWorld(tmp_path)
    made.land()
    made.lake.write("genre_training_set", pa.table({"title_id": [TITLE]}))
    trained_on = {"training_set_sha256": made.lake.sha256("genre_training_set"), "data_partitions": [DAY]}
    made.serving.promote(run_ids=["run-0"], **trained_on)
    return made


def test_a_prediction_leads_to_its_document_and_back(world: LineageWorld) -> None:
    found = world.lineage()
    assert (found.model.name, found.model.run_ids) == ("genre_majority", ["run-0"])
    assert [str(day) for day in found.model.data_partitions] == [DAY]
    assert found.model.training_set is not None
    assert (found.model.training_set.run_id, found.model.training_set.current) == ("run-1", True)
    (feature,) = found.features
    assert feature.partition is not None
    tables = [feature.partition, *found.partitions]
    assert [part.table for part in tables] == ["title_text", *UPSTREAM, "parsed/site", "raw/site"]
    assert {(str(part.day), part.run_id, part.current) for part in tables} == {(DAY, "run-1", True)}
    assert {part.table: part.sha256 for part in tables} == {p.table: world.lake.sha256(p.table, DAY) for p in tables}
    (record,) = found.records
    assert (record.source, record.source_id, record.arrived_at) == ("site", "1", ARRIVED)
    assert (record.document.sha256, record.document.url, record.document.held) == (SHA256, URL, True)
    assert record.document.fetched_at == ARRIVED
    assert found.input_found is True
    assert found.unknown == []
    back = world.reader.of_document(record.document.sha256)
    assert [made.prediction_id for made in back.predictions] == [found.prediction_id]
    assert (back.titles, back.models) == ([TITLE], ["genre_majority/20250626-aaaaaaaa"])
    assert back.documents == [record.document]


def test_nothing_that_a_document_holds_is_told(world: LineageWorld) -> None:
    found = world.lineage()
    told = found.model_dump_json() + world.reader.of_document(SHA256).model_dump_json()
    assert URL in told
    assert AUTHOR not in told
    assert HEADER not in told
    assert PLOT not in told


def test_a_day_that_is_compacted_is_followed_all_the_same(world: LineageWorld) -> None:
    prediction_id = world.predict()
    before = world.reader.of_prediction(prediction_id)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=2)
    compact(Lake(world.home.lake), world.home.prediction_log, [day_of(prediction_id)], later)
    assert list(world.home.prediction_log.iterdir()) == []
    assert world.reader.of_prediction(prediction_id.upper()) == before
    assert [made.prediction_id for made in world.reader.of_document(SHA256).predictions] == [prediction_id]


def test_text_that_a_caller_sent_has_a_model_and_nothing_else(world: LineageWorld) -> None:
    found = world.lineage(title_id=None, source="text", feature_times=[], as_of=None)
    assert found.model.run_ids == ["run-0"]
    assert (found.features, found.partitions, found.records, found.input_found) == ([], [], [], None)
    assert found.unknown == [
        "The text was sent by a caller, and only its hash is kept: there are no features to follow."
    ]
    assert world.reader.of_document(SHA256).predictions == []


@pytest.mark.parametrize("prediction_id", ["", "x", "019e0c1b-7c3c-7cc3-8a55-2a4a1be3f4d5"])
def test_an_unknown_prediction_is_refused(world: LineageWorld, prediction_id: str) -> None:
    world.predict()
    with pytest.raises(UnknownPredictionError):
        world.reader.of_prediction(prediction_id)


def test_an_unknown_document_is_refused(world: LineageWorld) -> None:
    with pytest.raises(UnknownDocumentError):
        world.reader.of_document("0" * 64)


def test_an_earlier_row_of_the_title_has_its_own_document(world: LineageWorld) -> None:
    newer = ARRIVED + dt.timedelta(days=2)
    world.land(LATER, newer, b"another plot")
    old = world.lineage()
    new = world.lineage(feature_times=[{"view": "title_text", "event_timestamp": newer.isoformat()}])
    assert [str(part.day) for part in old.partitions] == [DAY] * 5
    assert [str(part.day) for part in new.partitions] == [LATER] * 5
    assert old.records[0].document.sha256 == SHA256
    assert [m.prediction_id for m in world.reader.of_document(SHA256).predictions] == [old.prediction_id]
    later = world.reader.of_document(hashlib.sha256(b"another plot").hexdigest())
    assert [made.prediction_id for made in later.predictions] == [new.prediction_id]


def test_a_row_that_lies_in_another_day_than_it_arrived_on_is_found(world: LineageWorld) -> None:
    late = dt.datetime(2025, 6, 20, 7, tzinfo=dt.UTC)
    world.land(LATER, late, b"asked for later")
    found = world.lineage(feature_times=[{"view": "title_text", "event_timestamp": late.isoformat()}])
    assert found.features[0].partition is not None
    assert str(found.features[0].partition.day) == LATER


def test_a_view_of_something_else_than_titles_is_followed_to_its_table(world: LineageWorld) -> None:
    end = dt.datetime(2025, 6, 3, tzinfo=dt.UTC)
    world.write("title_activity", DAY, title_id=TITLE, event_timestamp=end)
    found = world.lineage(feature_times=[{"view": "title_activity", "event_timestamp": end.isoformat()}])
    assert found.features[0].partition is not None
    assert (found.features[0].partition.run_id, str(found.features[0].partition.day)) == ("run-1", DAY)
    assert (found.partitions, found.records) == ([], [])
    assert found.unknown == ["What title_activity was computed from is not followed to documents."]


def test_what_was_written_again_since_is_told(world: LineageWorld) -> None:
    prediction_id = world.predict()
    other = title_features("The Matrix", "Another plot.", "movie", 1999)
    facts = {name: getattr(other, name) for name in ("text", "kind", "year", "word_count", "certificate")}
    facts |= {"countries": [""], "platforms": [""], "runtime_minutes": None}
    again = Lake(world.home.lake, WriteJournal(world.home.writes, "run-2"))
    again.write("title_text", pa.Table.from_pylist([{"title_id": TITLE, "event_timestamp": ARRIVED, **facts}]), day=DAY)
    found = world.reader.of_prediction(prediction_id)
    assert found.features[0].partition is not None
    assert (found.features[0].partition.run_id, found.features[0].partition.current) == ("run-1", False)
    assert found.input_found is False
    assert found.unknown == [f"title_text of {DAY} says something else of {TITLE} than what was read."]


def test_each_part_that_is_gone_is_unknown_and_the_others_are_told(world: LineageWorld) -> None:
    prediction_id = world.predict(version="20250101-bbbbbbbb")
    world.lake.remove("stg_titles", DAY)
    found = world.reader.of_prediction(prediction_id)
    assert found.model.trained_at is None
    assert found.model.unknown == "Its manifest cannot be read (UnknownModelError)."
    assert found.features[0].partition is not None
    assert found.records == []
    assert found.unknown == [f"stg_titles of {DAY} cannot be read: it is not there any more."]
    world.lake.remove("title_text", DAY)
    (feature,) = world.reader.of_prediction(prediction_id).features
    assert feature.partition is None
    assert feature.unknown == f"No day of title_text holds a row of {TITLE} with that event time any more."


def test_a_file_that_cannot_be_read_is_unknown_and_says_nothing_of_where_it_is(world: LineageWorld) -> None:
    prediction_id = world.predict()
    world.lake.path("title_text", DAY).write_bytes(b"no table")
    found = world.reader.of_prediction(prediction_id)
    assert found.features[0].unknown == "title_text cannot be searched (ArrowInvalid)."
    assert str(world.home.folder) not in found.model_dump_json()


def test_a_document_that_is_not_kept_any_more_has_its_hash_left(world: LineageWorld) -> None:
    prediction_id = world.predict()
    world.raw.expire("site", dt.date(2025, 7, 1))
    (record,) = world.reader.of_prediction(prediction_id).records
    assert (record.document.sha256, record.document.held, record.document.url) == (SHA256, False, None)
    assert record.document.unknown == f"Raw documents of site of {DAY} do not hold it any more."


def test_a_document_that_was_erased_is_named_by_its_hash_alone(world: LineageWorld) -> None:
    prediction_id = world.predict()
    erased = {"erased_at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "source": "site", "author_hash": "pseudonym"}
    Erasures(world.lake).add([erased | {"day": dt.date.fromisoformat(DAY), "document_sha256": SHA256}])
    world.raw.erase("site", DAY, [SHA256])
    for table in ("parsed/site", "stg_titles"):
        world.lake.remove(table, DAY)
    back = world.reader.of_document(SHA256)
    assert [(each.held, each.url, each.unknown) for each in back.documents] == [
        (False, None, "It was erased on 2026-01-02.")
    ]
    assert back.titles == []
    told = back.model_dump_json() + world.reader.of_prediction(prediction_id).model_dump_json()
    assert URL not in told
    assert "pseudonym" not in told
