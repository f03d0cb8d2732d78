"""``model_card``: what the champion is for, what it learned from, and for whom it does less well."""

from collections.abc import Iterator

import dagster as dg
import pyarrow as pa

from trending_assets.resources.daily import OWNER, column_schema
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.card_files import write_model_card

_CARD = pa.schema([pa.field(name, pa.string(), False) for name in ("model", "version", "md", "html")])


@dg.asset(
    key="model_card",
    deps=[dg.AssetKey("genre_champion")],
    code_version=code_version(__name__, "trending_assets.storage.card_files", "trending_assets.storage.model_card"),
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
    card = write_model_card(home.paths, home.registry)
    if card is None:
        context.log.warning("no champion: the gate has promoted no model yet, see the metadata of genre_champion")
        return
    yield dg.MaterializeResult(
        metadata={
            "champion": str(card.champion),
            "card": dg.MetadataValue.md(card.text),
            **{suffix: dg.MetadataValue.path(str(path)) for suffix, path in card.files.items()},
        }
    )
