"""``raw/<source>``: documents exactly as they were fetched, one partition a day."""

from collections.abc import Iterable

import dagster as dg
import pyarrow as pa

from trending_assets.domain.catalog.records import DOCUMENT
from trending_assets.ingest.documents import DocumentSource, documents_table
from trending_assets.ingest.live import LiveDocuments
from trending_assets.ingest.source import Source
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, record_schema, write_days
from trending_assets.resources.home import HomeResource
from trending_assets.resources.sources import VISITED_URL
from trending_assets.resources.versions import code_version


def raw_assets(sources: Iterable[Source]) -> list[dg.AssetsDefinition]:
    """One asset a source."""
    return [_raw(source) for source in sources]


def _raw(source: Source) -> dg.AssetsDefinition:
    @dg.asset(
        key=["raw", source.name],
        deps=[dg.AssetKey(["source", source.name])],
        partitions_def=DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version=code_version(
            __name__, "trending_assets.ingest.documents", "trending_assets.domain.catalog", *source.modules
        ),
        group_name="raw",
        owners=[OWNER],
        kinds={"python", "parquet"},
        required_resource_keys={"home", source.name},
        pool=f"fetch_{source.name}" if source.crawl else None,
        description=f"{source.card.title}: documents as they came, with a hash of each payload.",
        metadata=record_schema(DOCUMENT),
    )
    def raw(context: dg.AssetExecutionContext) -> None:
        home: HomeResource = context.resources.home
        documents: DocumentSource = getattr(context.resources, source.name)
        url = context.run.tags.get(VISITED_URL)

        def build(day: str) -> pa.Table:
            if url and isinstance(documents, LiveDocuments):
                return documents_table(documents.visit(day, url))
            return documents_table(documents.documents(day))

        write_days(
            context,
            home.lake,
            f"raw/{source.name}",
            build,
            inputs=lambda day: {"documents": f"with {url}" if url else documents.version(day)},
            describe=documents.landed,
            # What was fetched stays, whatever becomes of the code that fetched it.
            version="" if source.crawl else None,
        )

    return raw
