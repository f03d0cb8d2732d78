"""Rows on their way to the online store: the newest of each entity, read from the lake in batches."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from trending_assets.storage.lake import Lake
from trending_assets.storage.online_codec import encode, entity_keys, microseconds, texts

if TYPE_CHECKING:
    from feast import FeatureView, ValueType

# So many files are open at a time, and the ids of so many days are in memory.
_DAYS = 100
_NEVER = np.iinfo(np.int64).min


class UnsupportedFeatureViewError(ValueError):
    """A feature view is not about one entity with a string for a key, or its rows have none or no time."""


@dataclass(frozen=True)
class Layout:
    """What of a table is a feature view's.

    Attributes:
        view: the view's name.
        table: the lake's table that it reads.
        join_key: the column with the entity's key, a string.
        timestamp: the column that says when a row became true.
        created: the column that says when the newest of its inputs arrived; None where there is none.
        features: column → its declared type.
    """

    view: str
    table: str
    join_key: str
    timestamp: str
    created: str | None
    features: Mapping[str, "ValueType"]

    @classmethod
    def of(cls, view: "FeatureView") -> "Layout":
        """The layout of a view whose source is a table of the lake.

        Raises:
            UnsupportedFeatureViewError: its entity is not known by one string, or it has no source.
        """
        from feast import ValueType

        keys = {column.name: column.dtype.to_value_type() for column in view.entity_columns}
        if len(view.join_keys) != 1 or keys.get(view.join_keys[0], ValueType.STRING) != ValueType.STRING:
            raise UnsupportedFeatureViewError(f"{view.name}: its join keys {view.join_keys} are not one string")
        source = view.batch_source
        if source is None:
            raise UnsupportedFeatureViewError(f"{view.name}: it has no source")
        return cls(
            view=view.name,
            table=source.name,
            join_key=view.join_keys[0],
            timestamp=source.timestamp_field,
            created=source.created_timestamp_column or None,
            features={field.name: field.dtype.to_value_type() for field in view.features},
        )

    @property
    def stamps(self) -> list[str]:
        """The columns that say whose a row is and how new."""
        return [self.join_key, self.timestamp, *([self.created] if self.created else [])]


@dataclass(frozen=True)
class OnlineRows:
    """Encoded rows of one view, no two of one entity.

    Attributes:
        view: the view's name.
        keys: serialised entity keys.
        event_times: when each became true, in microseconds since 1970, UTC.
        created_times: when the newest of its inputs arrived, likewise; None where that is unknown.
        values: feature → stored values.
        columns: feature → the same as they were read.
    """

    view: str
    keys: list[bytes]
    event_times: list[int]
    created_times: list[int | None]
    values: dict[str, list[bytes]]
    columns: dict[str, pa.Array]

    def __len__(self) -> int:
        return len(self.keys)

    def texts(self, feature: str) -> list[str | None]:
        """A feature's values as text, for the stores that keep them so."""
        return texts(self.columns[feature], self.values[feature])


def newest_rows(lake: Lake, layout: Layout, days: Sequence[str], size: int) -> Iterator[OnlineRows]:
    """The rows of the given days, in batches; of an entity's, only the newest by (event time, created).

    Days are gone through in windows, from the newest on, so that memory does not grow with their number. An entity
    that is in several windows comes in each, the newest of the window.

    Args:
        lake: where the rows are.
        layout: what to read.
        days: landed days of the layout's table.
        size: rows in a batch, at most.

    Raises:
        MissingPartitionError: a day has not landed.
        UnsupportedFeatureViewError: a row has no key or no time.
    """
    latest_first = iter(sorted(set(days), reverse=True))
    while window := list(islice(latest_first, _DAYS)):
        with contextlib.ExitStack() as stack:
            # All of them open, since another run may replace a file between the two times that it is read.
            files = [stack.enter_context(lake.opened(layout.table, day)) for day in reversed(window)]
            kept = _newest(files, layout)
            for file in files:
                mine, kept = kept[: file.metadata.num_rows], kept[file.metadata.num_rows :]
                yield from _batches(file, layout, mine, size)


def _newest(files: Sequence[pq.ParquetFile], layout: Layout) -> npt.NDArray[np.bool_]:
    """Whether each row of the files is the newest of its entity; of two alike, the later one is."""
    rows = pa.concat_tables([file.read(columns=layout.stamps) for file in files])
    if rows[layout.join_key].null_count or rows[layout.timestamp].null_count:
        raise UnsupportedFeatureViewError(f"{layout.table}: a row has no {layout.join_key} or no {layout.timestamp}")
    entities = rows[layout.join_key].combine_chunks().dictionary_encode().indices.to_numpy()
    event = _numbers(rows[layout.timestamp])
    created = _numbers(rows[layout.created]) if layout.created else np.zeros(len(rows), np.int64)
    order = np.lexsort((np.arange(len(rows)), created, event, entities))
    last = np.ones(len(rows), dtype=bool)
    last[:-1] = np.diff(entities[order]) != 0
    newest = np.zeros(len(rows), dtype=bool)
    newest[order[last]] = True
    return newest


def _numbers(times: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.array([_NEVER if time is None else time for time in microseconds(times)], np.int64)


def _batches(file: pq.ParquetFile, layout: Layout, kept: npt.NDArray[np.bool_], size: int) -> Iterator[OnlineRows]:
    start = 0
    for batch in file.iter_batches(batch_size=size, columns=[*layout.stamps, *layout.features]):
        wanted = kept[start : start + len(batch)]
        start += len(batch)
        if wanted.any():
            yield _encoded(batch if wanted.all() else batch.filter(pa.array(wanted)), layout)


def _encoded(batch: pa.RecordBatch, layout: Layout) -> OnlineRows:
    columns = {name: batch.column(name) for name in layout.features}
    event_times = [time for time in microseconds(batch.column(layout.timestamp)) if time is not None]
    created = microseconds(batch.column(layout.created)) if layout.created else [None] * len(batch)
    return OnlineRows(
        view=layout.view,
        keys=entity_keys(layout.join_key, batch.column(layout.join_key).to_pylist()),
        event_times=event_times,
        created_times=created,
        values={name: encode(column, layout.features[name]) for name, column in columns.items()},
        columns=columns,
    )
