"""``raw/<source>``: documents exactly as they were fetched, one partition a day."""

from collections.abc import Iterable

import dagster as dg

from trending_assets.domain.catalog.records import DOCUMENT
from trending_assets.ingest.documents import Document, DocumentSource, documents_table
from trending_assets.ingest.live import LiveDocuments
from trending_assets.ingest.source import Source
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, code_version_of, naming, record_schema, rows_metadata
from trending_assets.resources.home import HomeResource
from trending_assets.resources.sources import VISITED_URL
from trending_assets.resources.versions import code_version
from trending_assets.storage.lake import Write, fingerprint
from trending_assets.storage.ledgers import Erasures
from trending_assets.storage.raw_documents import LakeRawStore


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
        store, erased = home.raw_store(), Erasures(home.lake).documents(source.name)
        # What was fetched stays, whatever becomes of the code that fetched it.
        version = "" if source.crawl else code_version_of(context, f"raw/{source.name}")

        def fetch(day: str) -> list[Document]:
            if url and isinstance(documents, LiveDocuments):
                return documents.visit(day, url)
            return documents.documents(day)

        for day in sorted(context.partition_keys):
            with naming(f"raw/{source.name}", day):
                origin = fingerprint(version, {"documents": f"with {url}" if url else documents.version(day)})
                if store.origin(source.name, day) == origin:
                    held = store.read(source.name, day)
                    digest = store.sha256(source.name, day)
                    write = Write(f"raw/{source.name}", day, held.num_rows, digest, skipped=True)
                else:
                    kept = [document for document in fetch(day) if document.sha256 not in erased]
                    write = store.write(source.name, day, held := documents_table(kept), origin)
                said = documents.landed(day)
                if isinstance(store, LakeRawStore):
                    said |= {"path": dg.MetadataValue.path(str(home.lake.path(write.table, day)))}
                context.add_asset_metadata(rows_metadata(write, held) | said, partition_key=day)

    return raw
