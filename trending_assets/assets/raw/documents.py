"""``raw/sample``: the sample's documents, one partition a day of arrival."""

import dagster as dg

from trending_assets.domain.catalog.records import DOCUMENT
from trending_assets.ingest.documents import DocumentSource, documents_table
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, record_schema, write_days
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version


@dg.asset(
    key=["raw", "sample"],
    deps=[dg.AssetKey(["source", "sample"])],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=code_version(
        __name__,
        "trending_assets.ingest.documents",
        "trending_assets.ingest.sample",
        "trending_assets.ingest.sample_labels",
        "trending_assets.domain.catalog",
    ),
    group_name="raw",
    owners=[OWNER],
    kinds={"python", "parquet"},
    description="The sample's documents as they are in the archives, with a hash of each payload.",
    metadata=record_schema(DOCUMENT),
)
def raw_sample(context: dg.AssetExecutionContext, home: HomeResource, sample: dg.ResourceParam[DocumentSource]) -> None:
    """Documents of each arrival day."""
    write_days(
        context,
        home.lake,
        "raw/sample",
        build=lambda day: documents_table(sample.documents(day)),
        inputs=lambda _: {"archive": sample.version},
        describe=lambda _: sample.metadata(),
    )
