"""``exploration/<source>`` over a small lake: a table, a page and metadata, counted again only where days changed."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pytest

from trending_assets.assets.parsed.exploration import exploration_assets
from trending_assets.domain.catalog.exploration import EXPLORATION
from trending_assets.domain.catalog.labels import LabelMap
from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.ingest.documents import ParsedDocument
from trending_assets.ingest.source import DataCard, Source
from trending_assets.resources.home import HomeResource
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake, MissingPartitionError
from trending_assets_tests.domain.catalog.parsed_rows import DAY, kept, parsed, review, signal, title

_CARD = DataCard(
    title="Toy",
    origin="Made <b>up</b>.",
    licence="None.",
    documents={"page": "A page."},
    known_biases=("Few.",),
    personal_data="None.",
)
TOY = Source(
    name="toy",
    card=_CARD,
    label_maps={"toy": LabelMap({"War": ("war",)}, frozenset({"war", "drama"}))},
    parse=lambda document: ParsedDocument(),
    modules=("trending_assets.ingest.sample_parser",),
)


def _day(*names: str) -> list[dict[str, object]]:
    titles = [title(name, title=f"<script>{name}", genres=["war"], label_coverage=["war"], year=1990) for name in names]
    reviews = [review(f"r{name}", "Someone's own words.", author_hash="deadbeef", rating=8.0) for name in names]
    return [kept(titles, reviews, [signal("views", 7)]), kept(outcome="quarantined", reason="title is missing")]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home in which two days have landed."""
    home = Home(tmp_path)
    lake = Lake(home.lake)
    lake.write("parsed/toy", parsed(*_day("1", "2")), day=DAY)
    lake.write("parsed/toy", parsed(*_day("3")), day="2025-06-03")
    return home


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster without a folder."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _explored(home: Home, instance: dg.DagsterInstance, *sources: Source) -> Mapping[str, dg.MetadataValue]:
    """What the asset of the first source says of itself after a run of all of them."""
    sources = sources or (TOY,)
    resources = {"home": HomeResource(folder=str(home.folder))}
    run = dg.materialize(exploration_assets(sources), instance=instance, resources=resources)
    (made,) = run.asset_materializations_for_node(f"exploration__{sources[0].name}")
    return made.metadata


def test_the_asset_stands_in_the_graph_beside_what_it_explores() -> None:
    (asset,) = exploration_assets([TOY])
    (spec,) = asset.specs
    assert spec.key.path == ["exploration", "toy"]
    assert [dep.asset_key.path for dep in spec.deps] == [["parsed", "toy"]]
    assert (spec.group_name, spec.partitions_def) == ("parsed", None)
    assert asset.code_versions_by_key[spec.key]


def test_the_figures_of_all_days_are_in_the_lake_and_in_the_metadata(home: Home, instance: dg.DagsterInstance) -> None:
    metadata = _explored(home, instance)
    table = Lake(home.lake).read("exploration/toy")
    assert table.schema == EXPLORATION.schema
    figures = {(row["section"], row["key"], row["part"]): row["value"] for row in table.to_pylist()}
    assert figures["totals", "titles", None] == 3
    assert figures["documents", "2025-06-03", "quarantined"] == 1
    said = {name: value.value for name, value in metadata.items()}
    assert (said["days"], said["documents"], said["distinct titles"], said["documents in quarantine"]) == (2, 4, 3, 2)
    assert said["dagster/row_count"] == len(table)
    unknown = str(said["slugs that it cannot express"]).split(", ")
    assert set(GENRES) - set(unknown) == {"war", "drama"}
    assert "| war | 3 | 100.0% | 0 |" in str(said["table: genres"])
    plots = [value for name, value in said.items() if name.startswith("plot: ")]
    assert len(plots) == 5
    assert all(re.fullmatch(r"!\[[\w ]+\]\(data:image/png;base64,[\w+/=]{1,60000}\)", str(plot)) for plot in plots)


def test_the_page_lies_beside_the_lake_and_holds_nothing_personal(home: Home, instance: dg.DagsterInstance) -> None:
    page = Path(str(_explored(home, instance)["page"].value))
    assert page == home.reports / "exploration" / "toy.html"
    html = page.read_text(encoding="utf-8")
    assert "<script" not in html
    assert "<b>up</b>" not in html
    assert "Data card: Toy" in html
    assert "deadbeef" not in html
    assert "own words" not in html
    assert [path for path in page.parent.rglob("*") if path.is_file()] == [page]


def test_unchanged_days_are_not_counted_again(home: Home, instance: dg.DagsterInstance) -> None:
    first = _explored(home, instance)
    again = _explored(home, instance)
    assert (first["unchanged"].value, again["unchanged"].value) == (False, True)
    assert first["sha256"] == again["sha256"]
    assert first["plot: arrivals"] == again["plot: arrivals"]
    Lake(home.lake).write("parsed/toy", parsed(*_day("3", "4")), day="2025-06-03")
    later = _explored(home, instance)
    assert later["unchanged"].value is False
    assert later["distinct titles"].value == 4


def test_a_changed_card_is_on_the_page_though_no_figure_changed(home: Home, instance: dg.DagsterInstance) -> None:
    _explored(home, instance)
    card = DataCard(**{**vars(_CARD), "licence": "Ask first."})
    metadata = _explored(home, instance, Source(**{**vars(TOY), "card": card}))
    assert metadata["unchanged"].value is True
    assert "Ask first." in Path(str(metadata["page"].value)).read_text(encoding="utf-8")


def test_a_source_of_which_nothing_has_landed_fails_by_name(home: Home, instance: dg.DagsterInstance) -> None:
    other = Source(**{**vars(TOY), "name": "other"})
    with pytest.raises(MissingPartitionError, match=r"parsed/other: no day has landed.*trending ingest other"):
        _explored(home, instance, other)
    assert not (home.reports / "exploration").exists()
    assert not Lake(home.lake).exists("exploration/other")
