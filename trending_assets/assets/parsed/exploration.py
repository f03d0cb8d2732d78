"""``exploration/<source>``: what a source's records are like before anyone models them."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from trending_assets.domain.catalog.exploration import EXPLORATION, Figures, explore, figures_of
from trending_assets.domain.catalog.exploration_page import page_of
from trending_assets.domain.catalog.exploration_plots import Plot, plots_of
from trending_assets.domain.catalog.exploration_tables import Shown, tables_of
from trending_assets.ingest.cards import card_of, inexpressible
from trending_assets.ingest.source import Source
from trending_assets.resources.daily import OWNER, code_version_of, record_schema, write_metadata
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.atomic import write_bytes
from trending_assets.storage.lake import MissingPartitionError

# Rows of a table that the UI shows; the page shows them all.
_SHOWN_ROWS = 20
_KEY_FIGURES = ("documents", "distinct titles", "distinct reviews", "signals")


def exploration_assets(sources: Iterable[Source]) -> list[dg.AssetsDefinition]:
    """One asset a source."""
    return [_exploration(source) for source in sources]


def _exploration(source: Source) -> dg.AssetsDefinition:
    parsed, table = f"parsed/{source.name}", f"exploration/{source.name}"

    @dg.asset(
        key=["exploration", source.name],
        deps=[dg.AssetKey(["parsed", source.name])],
        code_version=code_version(__name__, "trending_assets.domain.catalog", "trending_assets.ingest.cards"),
        group_name="parsed",
        owners=[OWNER],
        kinds={"python", "parquet"},
        description=(
            f"What {source.card.title} is like: missing fields, genres, lengths, languages, dates, ratings, "
            "duplicates. An HTML page with its data card lies beside the lake."
        ),
        metadata=record_schema(EXPLORATION),
    )
    def exploration(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
        lake = home.lake
        days = lake.days(parsed)
        if not days:
            raise MissingPartitionError(
                f"{parsed}: no day has landed, so that there is nothing to explore; `trending ingest {source.name}` "
                f"lands some in {lake.uri(parsed)}"
            )
        write = lake.update(
            table,
            lambda: explore((day, lake.read(parsed, day)) for day in days),
            version=code_version_of(context, table),
            inputs=lake.input_hashes(parsed, days),
        )
        figures = figures_of(lake.read(table))
        tables, plots = tables_of(figures), plots_of(figures)
        reports = home.paths.reports / "exploration"
        page = reports / f"{source.name}.html"
        html = page_of(source.card.title, tables, plots, card_of(source))
        write_bytes(page, html.encode(), reports / ".staging")
        landed = {"days": len(days), "page": dg.MetadataValue.path(str(page))}
        said = _key_figures(figures, source) | _metadata(tables, plots)
        return dg.MaterializeResult(metadata=write_metadata(write, lake) | landed | said)

    return exploration


def _key_figures(figures: Figures, source: Source) -> dict[str, Any]:
    counts = {name: int(figures["totals"][name, None]) for name in _KEY_FIGURES}
    faults = {name: int(value) for (name, _), value in figures["quality"].items() if value}
    return counts | faults | {"slugs that it cannot express": ", ".join(inexpressible(source)) or "none"}


def _metadata(tables: Iterable[Shown], plots: Mapping[str, Plot]) -> dict[str, Any]:
    shown = {f"table: {table.title.lower()}": table.markdown(_SHOWN_ROWS) for table in tables}
    for title, plot in plots.items():
        content = base64.b64encode(plot.png).decode()
        shown[f"plot: {title.lower()}"] = f"![{title}](data:image/png;base64,{content})"
    return {name: dg.MetadataValue.md(text) for name, text in shown.items()}
