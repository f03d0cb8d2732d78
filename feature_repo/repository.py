"""Applying and materialising the repository."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from feast import FeatureView
from google.protobuf.message import DecodeError

from feature_repo.entities import title
from feature_repo.services import feature_services
from feature_repo.views import feature_views
from trending_assets.storage.feature_store import (
    IN_THE_HOME,
    FeastUrls,
    create_sql_registry,
    open_feature_store,
    writing_feature_store,
    writing_online_store,
)
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.online_rows import Layout
from trending_assets.storage.online_store import Written, open_writer, write_days


class NotAppliedError(LookupError):
    """There is no online feature view of a table."""


def apply(home: Path, urls: FeastUrls = IN_THE_HOME) -> dict[str, list[str]]:
    """Registers every entity, view and service for a home; repeatable, one process at a time.

    Returns:
        The names of the registered views and services.
    """
    views = feature_views(Lake(Home(home).lake))
    services = feature_services(views)
    with writing_feature_store(home, urls):
        if urls.registry:
            create_sql_registry(urls)
        else:
            _drop_unreadable_registry(home)
        open_feature_store(home, urls).apply([title, *views, *services])
    return {"feature_views": [v.name for v in views], "feature_services": [s.name for s in services]}


def _drop_unreadable_registry(home: Path) -> None:
    # Feast writes its registry in place, so a kill can leave any beginning of the file. All that it holds is
    # applied anew.
    try:
        open_feature_store(home).list_feature_views()
    except DecodeError:
        (Home(home).feast / "registry.db").unlink()


def materialize(home: Path, days: Mapping[str, Sequence[str]], urls: FeastUrls = IN_THE_HOME) -> dict[str, Written]:
    """Writes the feature values of some days to the online store, where it holds no newer ones.

    Args:
        home: the home.
        days: table of the lake → its landed days to write, in any order.
        urls: servers that hold the registry and the online store.

    Returns:
        Feature view → what came of its rows.

    Raises:
        NotAppliedError: the repository has no online view of a table.
        OnlineStoreUnavailableError: the store failed; to do the same again completes it.
    """
    lake = Lake(Home(home).lake)
    views = _online_views(home, urls)
    if set(days) - {layout.table for _, layout in views}:
        # A process that was killed while Feast rewrote its registry leaves one that lacks what was applied.
        apply(home, urls)
        views = _online_views(home, urls)
    wanted = [(view, layout, days[layout.table]) for view, layout in views if layout.table in days]
    if unknown := set(days) - {layout.table for _, layout, _ in wanted}:
        raise NotAppliedError(f"no online feature view is of {sorted(unknown)}")
    store = open_feature_store(home, urls)
    with writing_online_store(home), open_writer(store.config) as writer:
        written = {layout.view: write_days(writer, lake, layout, its_days) for _, layout, its_days in wanted}
    # What stock Feast keeps too: which times of a view are online.
    with writing_feature_store(home, urls):
        registry = open_feature_store(home, urls).registry
        for view, _, its_days in wanted:
            for start, end in _intervals(its_days):
                registry.apply_materialization(view, store.project, start, end, commit=False)
        registry.commit()  # type: ignore[no-untyped-call]
    return written


def _online_views(home: Path, urls: FeastUrls) -> list[tuple[FeatureView, Layout]]:
    """The registry's online views; none where it cannot be read."""
    # A file registry is rewritten in place: who reads it meanwhile sees a part of it.
    with writing_feature_store(home, urls):
        try:
            views = open_feature_store(home, urls).list_feature_views()
        except DecodeError:
            return []
    return [(view, Layout.of(view)) for view in views if view.online]


def _intervals(days: Iterable[str]) -> Iterator[tuple[datetime, datetime]]:
    """Days as intervals without gaps, from the first moment of a day to the first after one."""
    start = end = None
    for day in sorted(set(days)):
        midnight = datetime.combine(date.fromisoformat(day), time(), UTC)
        if start is not None and end is not None and midnight != end:
            yield start, end
            start = midnight
        start, end = start or midnight, midnight + timedelta(days=1)
    if start is not None and end is not None:
        yield start, end
