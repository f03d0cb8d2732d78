"""``model_card``: what the champion is for, what it learned from, and for whom it does less well."""

import base64
from collections.abc import Iterator
from html import escape
from pathlib import Path

import dagster as dg
import pyarrow as pa

from trending_assets.assets.models.genres import TRAINING_SET
from trending_assets.resources.daily import OWNER, column_schema
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.atomic import write_bytes
from trending_assets.storage.model_card import model_card as written_card

_CARD = pa.schema([pa.field(name, pa.string(), False) for name in ("model", "version", "md", "html")])
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1e }}
table {{ border-collapse: collapse; margin: 1rem 0 }} th, td {{ border: 1px solid #d0d0d5; padding: .2rem .6rem }}
td:not(:first-child) {{ text-align: right }} img {{ max-width: 100% }} code {{ overflow-wrap: anywhere }}
</style></head><body>
{body}
</body></html>
"""


@dg.asset(
    key="model_card",
    deps=[dg.AssetKey("genre_champion")],
    code_version=code_version(__name__, "trending_assets.storage.model_card"),
    group_name="models",
    owners=[OWNER],
    kinds={"markdown", "html"},
    # Before the gate has promoted a first model there is nothing to describe, and nothing wrong.
    output_required=False,
    description="The champion's model card, in Markdown and HTML: use, data, metrics by slice, limits, reproduction.",
    metadata=column_schema(_CARD),
)
def model_card(context: dg.AssetExecutionContext, home: HomeResource) -> Iterator[dg.MaterializeResult[None]]:
    """Writes the card of the champion."""
    registry = home.registry
    champion = registry.aliases().get("champion")
    if champion is None:
        context.log.warning("no champion: the gate has promoted no model yet, see the metadata of genre_champion")
        return
    manifest = registry.manifest(champion)
    same = manifest.training_set_sha256 == home.lake.sha256(TRAINING_SET)
    frame = home.lake.read(TRAINING_SET).to_pandas() if same else None
    card = written_card(manifest, registry.size(champion), registry.decisions(), frame)
    cards = home.paths.reports / "model_cards"
    target = cards / champion.model / champion.version
    plots = sorted(registry.verified(champion).glob("*.png"))
    files = {".md": card, ".html": _page(str(champion), card, plots)}
    for suffix, content in files.items():
        write_bytes(target.with_name(f"{target.name}{suffix}"), content.encode(), cards / ".staging")
    yield dg.MaterializeResult(
        metadata={
            "champion": str(champion),
            "card": dg.MetadataValue.md(card),
            **{suffix[1:]: dg.MetadataValue.path(str(target.with_name(f"{target.name}{suffix}"))) for suffix in files},
        }
    )


def _page(title: str, card: str, plots: list[Path]) -> str:
    from markdown_it import MarkdownIt

    # What a manifest holds is text, whatever it looks like.
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(card)
    images = [
        f"<h2>{escape(plot.stem.replace('_', ' ').capitalize())}</h2>"
        f'<img alt="{escape(plot.stem)}" src="data:image/png;base64,{base64.b64encode(plot.read_bytes()).decode()}">'
        for plot in plots
    ]
    return _PAGE.format(title=escape(title), body="\n".join([body, *images]))
