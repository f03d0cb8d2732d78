"""Sources: the daily feature tables of the lake."""

from feast import FileSource

from trending_assets.storage.lake import Lake


def lake_source(lake: Lake, table: str) -> FileSource:
    """A daily table of the lake as a source.

    ``event_timestamp`` is when a row became true and ``created`` when the newest of its inputs arrived.
    """
    return FileSource(
        name=table,
        path=lake.glob(table),
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
        description=f"Lake table {table}, one file a day.",
    )
