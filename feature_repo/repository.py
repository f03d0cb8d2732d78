"""Applying and materialising the repository, one writer at a time."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from google.protobuf.message import DecodeError

from feature_repo.entities import title
from feature_repo.services import feature_services
from feature_repo.views import feature_views
from trending_assets.storage.feature_store import open_feature_store, writing_feature_store
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake


def apply(home: Path) -> dict[str, list[str]]:
    """Registers every entity, view and service for a home; repeatable.

    Returns:
        The names of the registered views and services.
    """
    views = feature_views(Lake(Home(home).lake))
    services = feature_services(views)
    with writing_feature_store(home):
        _drop_unreadable_registry(home)
        open_feature_store(home).apply([title, *views, *services])
    return {"feature_views": [v.name for v in views], "feature_services": [s.name for s in services]}


def _drop_unreadable_registry(home: Path) -> None:
    # Feast writes its registry in place, so a kill can leave any beginning of the file. All that it holds is
    # applied anew.
    try:
        open_feature_store(home).list_feature_views()
    except DecodeError:
        (Home(home).feast / "registry.db").unlink()


def materialize(home: Path, first: date, last: date) -> None:
    """Writes the newest feature values of the days from ``first`` to ``last`` to the online store.

    Feast's SQLite store overwrites whatever it holds, so ``last`` has to be the newest landed day: then the
    newest value of each title in the window wins, and an old day that is computed again changes nothing
    that came after it.
    """
    start = datetime.combine(first, time(), UTC)
    end = datetime.combine(last + timedelta(days=1), time(), UTC)
    with writing_feature_store(home):
        open_feature_store(home).materialize(start, end)
