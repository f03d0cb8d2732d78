"""Dagster's SQLite storage, with its events written many at a time.

A run over many days logs two events an asset and a day. Dagster hands them on in batches where the environment
variable ``DAGSTER_EVENT_BATCH_SIZE`` says so; its own SQLite storage then writes each by itself, in two transactions
of newly opened databases, which takes ten times as long as the batch (``python -m benchmarks.event_log``). The
databases are the same: Dagster's storage reads what this one wrote, and the other way round.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster._core.events import ASSET_EVENTS
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData

if TYPE_CHECKING:
    from dagster._core.events.log import EventLogEntry

# Read by Dagster whenever it logs an event; without it none are handed on in batches.
BATCHES = {"DAGSTER_EVENT_BATCH_SIZE": "1000"}


class BatchEventLogStorage(SqliteEventLogStorage):
    """Dagster's event log in SQLite; events that come as a batch are written in one transaction a database."""

    def store_event_batch(self, events: "Sequence[EventLogEntry]") -> None:
        """Writes events of any runs; those of assets first, in their order."""
        of_assets: dict[str, list[EventLogEntry]] = defaultdict(list)
        others = []
        for event in events:
            if event.is_dagster_event and event.dagster_event_type in ASSET_EVENTS:
                of_assets[event.run_id].append(event)
            else:
                others.append(event)
        for run_id, batch in of_assets.items():
            self._store_asset_events(run_id, batch)
        for event in others:
            self.store_event(event)

    def _store_asset_events(self, run_id: str, events: "Sequence[EventLogEntry]") -> None:
        with self.run_connection(run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), [self._event_to_row(event) for event in events])
        # The index of all runs holds them too, and what is newest of each asset.
        with self.index_transaction() as connection:
            ids = [connection.execute(self.prepare_insert_event(event)).lastrowid for event in events]
            self._store_asset_event_tags(connection, events, ids)
            newest = {
                (event.get_dagster_event().asset_key, event.dagster_event_type): (event, event_id)
                for event, event_id in zip(events, ids, strict=True)
            }
            for event, event_id in newest.values():
                self._store_asset_event(connection, event, event_id)


class BatchSqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage of runs, events and schedules in one folder, with :class:`BatchEventLogStorage`."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """The storage in a folder, which is created."""
        super().__init__(base_dir, inst_data)
        # Where Dagster's own storage keeps its event log.
        self._event_log_storage = BatchEventLogStorage(str(Path(base_dir) / "history" / "runs"))

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "BatchSqliteStorage":
        """The storage that ``dagster.yaml`` describes."""
        return cls.from_local(inst_data=inst_data, **config_value)
