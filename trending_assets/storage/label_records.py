"""The labels that sources gave of titles, each record as it arrived."""

from collections.abc import Collection, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from trending_assets.domain.predictions.live import LabelRecord
from trending_assets.storage.lake import Lake

TABLE = "stg_titles"
_COLUMNS = ["title_id", "source", "source_id", "arrived_at", "genres", "label_coverage", "labels_complete"]


def label_records(lake: Lake, titles: Collection[str]) -> Iterator[LabelRecord]:
    """The label records of titles, of all days that have landed, day after day.

    Args:
        lake: the lake.
        titles: their ids.
    """
    if not titles:
        return
    wanted = pa.array(sorted(titles), pa.string())
    for day in lake.days(TABLE):
        table = lake.read(TABLE, day, _COLUMNS)
        for row in table.filter(pc.is_in(table["title_id"], wanted)).to_pylist():
            yield LabelRecord(
                row["title_id"],
                (row["source"], row["source_id"]),
                row["arrived_at"],
                frozenset(row["genres"]),
                frozenset(row["label_coverage"]),
                row["labels_complete"],
            )
