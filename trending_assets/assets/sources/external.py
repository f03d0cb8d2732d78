"""The sample as an external asset: what it is, where it comes from and under which licence."""

import dagster as dg

from trending_assets.domain.catalog.records import DOCUMENT
from trending_assets.ingest.sample import FIRST_DAY, REPLAY_DAYS, WHEELS
from trending_assets.resources.daily import OWNER, record_schema

source_sample = dg.AssetSpec(
    key=dg.AssetKey(["source", "sample"]),
    group_name="sources",
    owners=[OWNER],
    kinds={"python"},
    description=(
        "Films, plots and reviews out of pinned PyPI wheels, and TV shows described for this project. "
        f"Real texts, replayed over {REPLAY_DAYS} days from {FIRST_DAY}: arrival times are a replay."
    ),
    metadata={
        **record_schema(DOCUMENT),
        "data_card": "docs/data-cards/sample.md",
        "first_day": FIRST_DAY.isoformat(),
        "days": REPLAY_DAYS,
        **{wheel.package: f"{wheel.version}, sha-256 {wheel.sha256}" for wheel in WHEELS},
    },
)
