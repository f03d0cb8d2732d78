"""A source is added by one module and one line of the registry; its assets, check, card and records follow."""

import importlib
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest

from trending_assets.ingest.cards import card_of
from trending_assets.ingest.documents import Document
from trending_assets.ingest.registry import SOURCES, UnknownSourceError, dispatch, source_named
from trending_assets.ingest.source import Source
from trending_assets_tests.integration.homes import SmallHome
from trending_assets_tests.integration.small_source import HISTORY, SmallSource

_MODULE = """
from trending_assets.domain.catalog.labels import LabelMap
from trending_assets.ingest import records
from trending_assets.ingest.documents import ParsedDocument, payload_of
from trending_assets.ingest.source import DataCard, Politeness, Source

LABELS = LabelMap(slugs={"Spooky": ("horror",), "Funny": ("comedy",)}, coverage=frozenset({"horror", "comedy"}))


async def crawl(day, fetcher, options):
    await fetcher.get(f"https://api.playbills.example/{day}", document_type="bill", source_id=str(day))


async def visit(url, fetcher):
    await fetcher.get(url, document_type="bill", source_id=url)


def parse(document):
    bill = payload_of(document)
    title = records.title(document, source_id=bill["id"], kind="movie", name=bill["name"], label_map=LABELS,
                          labels=bill["labels"], year=bill["year"], plot=bill["plot"])
    return ParsedDocument(titles=[title])


SOURCE = Source(
    name="playbills",
    card=DataCard("Playbills", "Bills that cinemas post.", "CC0", {"bill": "One film."}, ("Only cinemas.",), "None."),
    label_maps={"playbills": LABELS},
    parse=parse,
    modules=(__name__,),
    crawl=crawl,
    visit=visit,
    domains=frozenset({"playbills.example"}),
    politeness=Politeness(hosts=frozenset({"api.playbills.example"}), requests_per_second=1),
)
"""
_DAY = HISTORY[0]


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """The source of a module that was written for this test."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "playbills.py").write_text(_MODULE)
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("playbills").SOURCE
    finally:
        sys.path.remove(str(folder))
        del sys.modules["playbills"]


@pytest.fixture(scope="module")
def landed(added: Source, tmp_path_factory: pytest.TempPathFactory) -> SmallHome:
    """A home in which the sample and then the new source landed a day."""
    bills = [
        {"id": "1", "name": "The Empty Crypt", "labels": ["Spooky"], "year": 1999, "plot": "Whispers fill the crypt."},
        {"id": "2", "name": "Custard", "labels": ["Funny", "Unheard of"], "year": 2001, "plot": "The mayor falls in."},
        {"id": "3", "name": "", "labels": [], "year": 2001, "plot": "Nobody knows."},
    ]
    arrived = datetime.fromisoformat(f"{_DAY}T10:00:00").replace(tzinfo=UTC)
    documents = [
        Document(
            "playbills", "bill", bill["id"], f"https://api.playbills.example/{i}", arrived, json.dumps(bill).encode()
        )
        for i, bill in enumerate(bills)
    ]
    home = SmallHome(
        tmp_path_factory.mktemp("adding") / "home",
        others={"playbills": SmallSource({_DAY: documents})},
        sources=[*SOURCES, added],
    )
    home.run("ingest", [_DAY])
    home.ingest(added, [_DAY])
    return home


def test_its_assets_and_their_check_are_in_the_graph(landed: SmallHome) -> None:
    graph = landed.definitions.resolve_asset_graph()
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert {f"{stage}/playbills" for stage in ("source", "raw", "parsed", "exploration")} <= keys
    checks = {(key.asset_key.to_user_string(), key.name) for key in graph.asset_check_keys}
    assert ("parsed/playbills", "documents_accounted_for") in checks
    for shared in ("quarantine", "title_identity", "stg_titles"):
        assert dg.AssetKey(["parsed", "playbills"]) in graph.get(dg.AssetKey(shared)).parent_keys


def test_its_records_reach_the_catalogue_beside_those_of_other_sources(landed: SmallHome) -> None:
    rows = {row["title_id"]: row for row in landed.lake.read("catalog_snapshot").to_pylist()}
    assert rows["playbills:1"]["genres"] == ["horror"]
    assert rows["playbills:1"]["label_coverage"] == ["comedy", "horror"]
    assert rows["playbills:2"]["genres"] == ["comedy"]
    assert "sample" in {row["source"] for row in rows.values()}


def test_what_cannot_be_used_is_in_the_one_quarantine(landed: SmallHome) -> None:
    held = [row for row in landed.lake.read("quarantine", _DAY).to_pylist() if row["source"] == "playbills"]
    assert [(row["source_id"], row["reason"]) for row in held] == [("3", "title is missing")]


def test_its_data_card_says_what_its_labels_can_express(added: Source) -> None:
    card = card_of(added)
    assert "Playbills" in card
    assert "Spooky" in card
    assert "api.playbills.example" in card


def test_its_pages_are_its_own(added: Source) -> None:
    sources = [*SOURCES, added]
    assert dispatch("https://www.playbills.example/films/1", sources) is added
    assert dispatch("https://www.tvmaze.com/shows/82/x", sources).name == "tvmaze"
    with pytest.raises(UnknownSourceError, match=r"notplaybills\.example"):
        dispatch("https://notplaybills.example/films/1", sources)
    with pytest.raises(UnknownSourceError, match="there is no source 'playbills': there are sample, archive"):
        source_named("playbills")
