"""A live source's day lands from its site over HTTPS: once, politely, and again from where it was stopped."""

import itertools
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trending_assets.automation.running import RunFailedError
from trending_assets.ingest.documents import Document, read_documents
from trending_assets.ingest.http.client import PoliteClient
from trending_assets.ingest.live import LiveDocuments
from trending_assets.ingest.source import Source
from trending_assets.ingest.tvmaze import SOURCE
from trending_assets.landing import what_landed
from trending_assets.storage.home import Home
from trending_assets_tests.data import shared_data
from trending_assets_tests.ingest.http.serving import CONTACT, Site, client_of, page, reply
from trending_assets_tests.integration.homes import SmallHome

_NOW = datetime(2025, 6, 2, 12, tzinfo=UTC)
_OVER, _GOING_ON = "2025-06-01", "2025-06-02"
_UPDATED = int(datetime(2025, 6, 1, 9, tzinfo=UTC).timestamp())


def _show(number: int, **changes: object) -> dict[str, Any]:
    return {
        "id": number,
        "url": f"https://www.tvmaze.com/shows/{number}/show",
        "name": f"Harbour Lights {number}",
        "type": "Scripted",
        "language": "English",
        "genres": ["Drama", "Crime"],
        "premiered": "2019-03-04",
        "averageRuntime": 45,
        "rating": {"average": 7.5},
        "weight": 80,
        "network": {"name": "NRK", "country": {"name": "Norway", "code": "NO"}},
        "externals": {"imdb": f"tt90{number:05}", "thetvdb": 70_000 + number},
        "summary": f"<p>The keeper of the <b>harbour light</b> finds boat number {number} adrift &amp; empty.</p>",
        **changes,
    }


@pytest.fixture
def site() -> Iterator[Site]:
    """TVmaze's API, with two shows that were updated on a day and one that is gone."""
    with Site(hosts=("api.tvmaze.com",)) as running:
        running.answers = {
            "/updates/shows": [page(json.dumps({"1": _UPDATED, "2": _UPDATED, "3": _UPDATED, "4": 1}).encode())],
            "/shows/1": [page(json.dumps(_show(1)).encode())],
            "/shows/2": [page(json.dumps(_show(2)).encode())],
        }
        yield running


def _home(folder: Path, site: Site) -> SmallHome:
    def connect(source: Source, options: Mapping[str, str], contact: str) -> PoliteClient:
        return client_of(site, source.politeness, contact=contact)

    home = SmallHome(folder / "home")

    def held(day: str) -> list[Document]:
        return read_documents(home.lake.read("raw/tvmaze", day)) if home.lake.exists("raw/tvmaze", day) else []

    ticks = itertools.count()
    live = LiveDocuments(
        SOURCE, {}, CONTACT, Home(home.folder).crawls, held, lambda: _NOW + timedelta(seconds=next(ticks)), connect
    )
    return SmallHome(home.folder, others={"tvmaze": live})


def _fetch(home: SmallHome, day: str) -> list[str]:
    home.run("__ASSET_JOB", [day], ["raw/tvmaze"])
    return sorted(home.lake.read("raw/tvmaze", day)["source_id"].to_pylist())


def test_a_day_lands_from_the_site_to_the_catalogue_and_is_not_fetched_again(tmp_path: Path, site: Site) -> None:
    home = _home(tmp_path, site)
    home.ingest(SOURCE, [_OVER])
    titles = home.lake.read("titles", _OVER).to_pylist()
    assert [(row["title_id"], row["kind"], row["year"]) for row in titles] == [
        ("tt9000001", "show", 2019),
        ("tt9000002", "show", 2019),
    ]
    assert titles[0]["plot"] == "The keeper of the harbour light finds boat number 1 adrift & empty."
    # A past day is asked about later: what it says arrived then.
    assert {row["arrived_at"].date() for row in titles} == {_NOW.date()}
    assert home.lake.read("catalog_snapshot")["genres"].to_pylist() == [["crime", "drama"]] * 2
    counts = what_landed(Home(home.folder), "tvmaze", [_OVER])["tvmaze"]
    assert (counts.read, counts.kept, counts.quarantined.total(), counts.titles) == (3, 3, 0, 2)
    assert len(site.targets) == 4
    assert {seen.headers["user-agent"] for seen in site.seen} == {site.seen[0].headers["user-agent"]}
    assert CONTACT in site.seen[0].headers["user-agent"]
    site.seen.clear()
    home.ingest(SOURCE, [_OVER])
    # Nor by what the schedule asks for.
    home.run("ingest_tvmaze", [_OVER])
    assert site.seen == []


def test_a_crawl_that_was_broken_off_fetches_only_what_is_missing(tmp_path: Path, site: Site) -> None:
    good, site.answers["/shows/2"] = site.answers["/shows/2"], [reply(500)]
    home = _home(tmp_path, site)
    with pytest.raises(RunFailedError, match=r"UnavailableError: .*https://api\.tvmaze\.com/shows/2"):
        _fetch(home, _OVER)
    assert not home.lake.exists("raw/tvmaze", _OVER)
    site.answers["/shows/2"] = good
    site.seen.clear()
    assert {"1", "2"} <= set(_fetch(home, _OVER))
    # The one that is gone comes after the one that failed.
    assert [target.partition("?")[0] for target in site.targets] == ["/shows/2", "/shows/3"]


def test_a_day_that_goes_on_is_asked_again_for_what_is_new_alone(tmp_path: Path, site: Site) -> None:
    today = int(_NOW.timestamp()) - 60
    site.answers["/updates/shows"] = [page(json.dumps({"1": today}).encode())]
    home = _home(tmp_path, site)
    _fetch(home, _GOING_ON)
    site.answers["/updates/shows"] = [page(json.dumps({"1": today, "2": today}).encode())]
    site.seen.clear()
    assert {"1", "2"} <= set(_fetch(home, _GOING_ON))
    assert [target.partition("?")[0] for target in site.targets] == ["/updates/shows", "/shows/2"]


def test_a_page_is_landed_by_its_address(tmp_path: Path, site: Site) -> None:
    home = _home(tmp_path, site)
    home.ingest(SOURCE, [_GOING_ON], url="https://www.tvmaze.com/shows/2/harbour-lights-2")
    assert home.lake.read("titles", _GOING_ON)["title_id"].to_pylist() == ["tt9000002"]
    assert [target.partition("?")[0] for target in site.targets] == ["/shows/2"]


def test_recorded_shows_land(tmp_path: Path, site: Site) -> None:
    recorded = json.loads(shared_data("fixtures", "tvmaze", "shows.json").read_bytes())
    site.answers = {f"/shows/{show['id']}": [page(json.dumps(show).encode())] for show in recorded}
    site.answers["/updates/shows"] = [page(json.dumps({str(show["id"]): _UPDATED for show in recorded}).encode())]
    home = _home(tmp_path, site)
    home.ingest(SOURCE, [_OVER])
    counts = what_landed(Home(home.folder), "tvmaze", [_OVER])["tvmaze"]
    assert (counts.read, counts.kept) == (len(recorded) + 1, len(recorded) + 1)
    assert counts.titles == len(recorded)
