"""What a person wrote can be erased from everything, leaves a trace that names nobody, and does not come back."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mongomock
import pytest
from rich.console import Console

from trending_assets.automation import jobs
from trending_assets.domain.text.personal import pseudonym
from trending_assets.erasure import Erased, erase_author
from trending_assets.ingest.archive import files_of
from trending_assets.ingest.archive_inbox import ArchiveInbox
from trending_assets.ingest.documents import Document, documents_table
from trending_assets.ingest.registry import SOURCES, source_named
from trending_assets.resources.home import HomeResource
from trending_assets.storage.home import Home, read_or_create_key
from trending_assets.storage.lake import Lake
from trending_assets.storage.ledgers import Erasures
from trending_assets.storage.raw_documents import LakeRawStore, open_raw_store
from trending_assets_tests.ingest.archive_samples import file
from trending_assets_tests.integration.homes import SmallHome

_DAY = "2017-11-16"
_NAME, _OTHER = "Zoë Öxample", "Ben Other"
_HEADER = "id,review,rating,fresh,critic,top_critic,publisher,date\n"
_REVIEWS = (
    (_NAME, "A quiet film about lamps and long evenings.", "B-"),
    (_NAME.upper(), "Its second half loses the thread.", "2/4"),
    (_OTHER, "The lamps are the best of it.", "3/4"),
)


def _file(folder: Path, name: str, when: str = "November 16, 2017") -> Path:
    rows = [f'3,"{text}",{rating},fresh,{author},1,The Paper,"{when}"' for author, text, rating in _REVIEWS]
    # A date that cannot be: the row is quarantined, with the name in it.
    rows.append(f'3,"Again.",B,fresh,{_NAME},1,The Paper,"January 1, 1800"')
    return file(folder, name, _HEADER + "\n".join(rows) + "\n")


def _home(folder: Path, **others: object) -> SmallHome:
    return SmallHome(folder, others={"archive": ArchiveInbox(Home(folder).archive), **others})


def _take_in(home: SmallHome, path: Path) -> None:
    inbox = ArchiveInbox(Home(home.folder).archive)
    ((_, mapping),) = files_of(path)
    assert mapping is not None
    inbox.add(path, mapping, datetime(2017, 11, 16, tzinfo=UTC).date())
    home.ingest(source_named("archive"), [_DAY])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> SmallHome:
    home = _home(tmp_path_factory.mktemp("home"))
    _take_in(home, _file(tmp_path_factory.mktemp("files"), "rt_reviews.csv"))
    return home


@pytest.fixture(scope="module")
def erased(home: SmallHome) -> list[Erased]:
    said = io.StringIO()
    with home.instance() as instance:
        done = erase_author(home.pipeline(instance), Console(file=said), _NAME, ["archive", "sample"])
    assert _NAME not in said.getvalue()
    return done


def _files_that_hold(folder: Path, *words: str) -> list[str]:
    """Parquet files under a folder with one of the words in a cell of text or bytes."""
    import pyarrow.parquet as pq

    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*.parquet")
        for text in [repr(pq.ParquetFile(path).read().to_pylist()).casefold()]
        if any(word.casefold() in text or repr(word.encode())[2:-1].casefold() in text for word in words)
    ]


def test_every_document_by_the_author_is_found_whatever_its_case_and_state(erased: list[Erased]) -> None:
    archive, sample = erased
    assert (archive.source, len(archive.documents), archive.of_others) == ("archive", 3, 0)
    assert {day for day, _, _ in archive.documents} == {_DAY}
    assert (sample.source, sample.documents) == ("sample", ())


def test_nothing_by_the_author_is_left_and_others_stay(home: SmallHome, erased: list[Erased]) -> None:
    assert len(erased) == 2
    assert _files_that_hold(home.folder, _NAME, _REVIEWS[0][1], _REVIEWS[1][1]) == []
    assert home.lake.read("raw/archive", _DAY).num_rows == 1
    assert home.lake.read("quarantine", _DAY).num_rows == 0
    assert [row["text"] for row in home.lake.read("stg_reviews", _DAY).to_pylist()] == [_REVIEWS[2][1]]


def test_the_trace_says_when_and_what_and_not_who(home: SmallHome, erased: list[Erased]) -> None:
    rows = Erasures(home.lake).rows().to_pylist()
    key = read_or_create_key(Home(home.folder).pseudonym_key)
    assert {(str(r["day"]), r["document_sha256"], r["author_hash"]) for r in rows if r["source"] == "archive"} == set(
        erased[0].documents
    )
    assert {r["author_hash"] for r in rows if r["source"] == "archive"} == {pseudonym(_NAME, "rotten_tomatoes", key)}
    # A source without such documents says so.
    (nothing,) = (r for r in rows if r["source"] == "sample")
    assert (nothing["day"], nothing["document_sha256"]) == (None, None)
    assert datetime.now(UTC) - nothing["erased_at"] < timedelta(hours=1)


def test_what_was_erased_does_not_come_back(home: SmallHome, erased: list[Erased], tmp_path: Path) -> None:
    assert erased
    # Other files: their documents are others too, but for the author.
    _take_in(home, file(tmp_path, "more_rt_reviews.csv", _file(tmp_path, "rt_reviews.csv").read_text() + "\n"))
    texts = [row["text"] for row in home.lake.read("stg_reviews", _DAY).to_pylist()]
    assert set(texts) == {_REVIEWS[2][1]}


@pytest.fixture
def mongo(monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a MongoDB that this process shares."""
    server: Any = mongomock.MongoClient()
    monkeypatch.setattr("pymongo.MongoClient", lambda url: server)
    url = "mongodb://somebody:secret@127.0.0.1/films"
    monkeypatch.setenv("TRENDING_RAW_STORE", url)
    return url


def test_raw_documents_land_in_mongodb_where_the_setting_says_so(tmp_path: Path, mongo: str) -> None:
    home = _home(tmp_path / "home", home=HomeResource(folder=str(tmp_path / "home"), raw_store_url=mongo))
    _take_in(home, _file(tmp_path, "rt_reviews.csv"))
    store = open_raw_store(home.lake, mongo)
    assert store.days("archive") == [_DAY]
    assert store.read("archive", _DAY).num_rows == 4
    assert not home.lake.exists("raw/archive", _DAY)
    assert home.lake.read("parsed/archive", _DAY).num_rows == 4
    assert home.lake.read("quarantine", _DAY).num_rows == 1
    with home.instance() as instance:
        events = instance.fetch_materializations(jobs.dg.AssetKey(["raw", "archive"]), limit=1).records
        assert "secret" not in repr(events)
        runs = instance.get_runs()
    assert "secret" not in repr([json.dumps(run.run_config, default=str) for run in runs])


def _old(days: int) -> Document:
    moment = datetime.now(UTC) - timedelta(days=days)
    return Document("tmdb", "movie", str(days), "https://api.themoviedb.org/3/movie/1", moment, b"{}")


def test_raw_documents_of_live_sources_go_when_their_time_is_over(tmp_path: Path) -> None:
    lake = Lake(Home(tmp_path).lake)
    store = LakeRawStore(lake)
    today = datetime.now(UTC).date()
    days = {number: (today - timedelta(days=number)).isoformat() for number in (10, 100, 179, 181)}
    for name in ("tmdb", "tvmaze", "archive"):
        for number, day in days.items():
            store.write(name, day, documents_table([_old(number)]))

    def left(limit: int | None) -> dict[str, list[int]]:
        job = jobs.retention(SOURCES, limit)
        assert job.execute_in_process(resources={"home": HomeResource(folder=str(tmp_path))}).success
        return {name: [n for n, day in days.items() if day in store.days(name)] for name in store.sources()}

    # TMDB's terms allow six months; files that people have are theirs to keep.
    everything = [10, 100, 179, 181]
    assert left(None) == {"archive": everything, "tmdb": [10, 100, 179], "tvmaze": everything}
    assert left(30) == {"archive": everything, "tmdb": [10], "tvmaze": [10]}
