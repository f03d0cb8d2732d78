"""``source/<name>``: each source as an external asset, with what its data card says."""

from collections.abc import Iterable

import dagster as dg

from trending_assets.domain.catalog.records import DOCUMENT
from trending_assets.ingest.source import Source
from trending_assets.resources.daily import OWNER, record_schema


def external_assets(sources: Iterable[Source]) -> list[dg.AssetSpec]:
    """One external asset a source."""
    return [
        dg.AssetSpec(
            key=dg.AssetKey(["source", source.name]),
            group_name="sources",
            owners=[OWNER],
            kinds={"python"},
            description=f"{source.card.title}: {source.card.origin}",
            metadata={
                **record_schema(DOCUMENT),
                "data_card": f"docs/data-cards/{source.name}.md",
                "licence": source.card.licence,
                "personal_data": source.card.personal_data,
                "hosts": ", ".join(sorted(source.politeness.hosts)) if source.politeness else "none is asked",
            },
        )
        for source in sources
    ]
