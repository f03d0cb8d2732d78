"""Nothing that a source gives is lost or let through: bad documents are quarantined whole, and all are counted."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from rich.console import Console

from trending_assets.automation.running import RunFailedError
from trending_assets.ingest.documents import Document, MalformedRecordError, ParsedDocument
from trending_assets.ingest.registry import SOURCES, source_named
from trending_assets.ingest.sample_parser import parse
from trending_assets.quarantine import NotInQuarantineError, explain, replay, show_reasons
from trending_assets.storage.home import Home
from trending_assets_tests.integration.homes import SmallHome, differing
from trending_assets_tests.integration.planting import rewrite
from trending_assets_tests.integration.small_source import HISTORY, malformed, small_source

BAD_DAY = HISTORY[1]


def _check_metadata(home: SmallHome, asset: str, name: str) -> tuple[bool, dict[str, Any]]:
    """Whether the newest evaluation of a check passed, and what it says."""
    key = dg.AssetCheckKey(dg.AssetKey(asset.split("/")), name)
    with home.instance() as instance:
        record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert record.event is not None
    event = record.event.dagster_event
    assert event is not None
    evaluation = event.asset_check_evaluation_data
    return evaluation.passed, {name: value.value for name, value in evaluation.metadata.items()}


def test_malformed_documents_are_quarantined_with_reason_origin_and_payload(finished: SmallHome) -> None:
    held = {row["source_id"]: row for row in finished.lake.read("quarantine", BAD_DAY).to_pylist()}
    expected = malformed(BAD_DAY)
    assert held.keys() == {document.source_id for document in expected.values()}
    for reason, document in expected.items():
        row = held[document.source_id]
        assert reason in row["reason"]
        assert row["url"] == document.url
        assert row["payload"] == document.payload
        assert row["document_sha256"] == document.sha256
        assert row["arrived_at"] == document.fetched_at
        assert row["document_type"] == document.document_type


def test_nothing_of_a_quarantined_document_goes_on(finished: SmallHome) -> None:
    bad = {document.sha256 for document in malformed(BAD_DAY).values()}
    for table in ("titles", "reviews", "stg_titles", "stg_reviews", "stg_signals", "title_identity"):
        stored = finished.lake.read_days(table, HISTORY, ["document_sha256"])["document_sha256"].to_pylist()
        assert not bad & set(stored)


def test_documents_in_are_documents_kept_set_aside_and_quarantined(finished: SmallHome) -> None:
    passed, said = _check_metadata(finished, "parsed/sample", "documents_accounted_for")
    source = small_source()
    documents = sum(len(source.documents(day)) for day in HISTORY)
    duplicates, quarantined = len(HISTORY), len(malformed(BAD_DAY))
    assert passed
    assert said["documents"] == documents
    assert said["duplicate"] == duplicates
    assert said["quarantined"] == quarantined
    assert said["kept"] == documents - duplicates - quarantined


def test_a_document_that_got_lost_fails_the_check_and_stops_what_follows(finished: SmallHome, tmp_path: Path) -> None:
    home = finished.copied_to(tmp_path / "home")
    rewrite(home, "parsed/sample", BAD_DAY, lambda rows: rows[1:])
    before = home.digests()
    with pytest.raises(RunFailedError, match="documents_accounted_for"):
        home.run("ingest", [BAD_DAY])
    passed, said = _check_metadata(home, "parsed/sample", "documents_accounted_for")
    assert not passed
    assert said["days that do not add up"] == [BAD_DAY]
    assert differing(home.digests(), before) == []


def test_an_incomplete_quarantine_fails_its_check(finished: SmallHome, tmp_path: Path) -> None:
    home = finished.copied_to(tmp_path / "home")
    rewrite(home, "quarantine", BAD_DAY, lambda rows: rows[:-1])
    with pytest.raises(RunFailedError, match="quarantine_is_complete"):
        home.run("ingest", [BAD_DAY], ["quarantine"])
    passed, said = _check_metadata(home, "quarantine", "quarantine_is_complete")
    assert not passed
    assert said["days that differ"] == [BAD_DAY]


def test_what_is_in_quarantine_is_listed_and_explained(finished: SmallHome) -> None:
    said = io.StringIO()
    console, home = Console(file=said, width=400), Home(finished.folder)
    show_reasons(home, console)
    document = next(iter(malformed(BAD_DAY).values()))
    explain(home, console, document.sha256[:12])
    for reason, bad in malformed(BAD_DAY).items():
        assert reason in said.getvalue()
        assert bad.sha256[:12] in said.getvalue()
    assert document.url in said.getvalue()
    with pytest.raises(NotInQuarantineError, match="0000"):
        explain(home, console, "0000")


def test_a_mended_parser_reads_the_quarantined_documents_again(finished: SmallHome, tmp_path: Path) -> None:
    def mended(document: Document) -> ParsedDocument:
        try:
            return parse(document)
        except MalformedRecordError:
            return ParsedDocument()

    sample = source_named("sample")
    copy = finished.copied_to(tmp_path / "home")
    # Another module is another version of the code.
    others = [source for source in SOURCES if source.name != "sample"]
    home = SmallHome(copy.folder, sources=[replace(sample, parse=mended, modules=(*sample.modules, "json")), *others])
    raw = home.lake.sha256("raw/sample", BAD_DAY)
    with home.instance() as instance:
        (done,) = replay(home.pipeline(instance))
    assert (done.source, done.days, done.before, done.after) == ("sample", [BAD_DAY], len(malformed(BAD_DAY)), 0)
    assert home.lake.read("quarantine", BAD_DAY).num_rows == 0
    assert home.lake.sha256("raw/sample", BAD_DAY) == raw
