"""Freshness: sources that go on and are switched on land every day."""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg

from trending_assets.ingest.source import Source
from trending_assets.resources.home import HomeResource

# A day can only be landed whole when it is over; a run that starts then has the morning to end.
GRACE = timedelta(hours=12)


def freshness_checks(
    sources: Iterable[Source], switched_on: Collection[str], now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> list[dg.AssetChecksDefinition]:
    """One check a source: its newest landed day is as new as can be expected.

    A source of files has nothing that could grow old, and one that is not switched on lands when it is asked for:
    their freshness is not judged, and the check says so.

    Args:
        sources: the registry.
        switched_on: names of the sources that land without being asked for.
        now: the clock.
    """
    return [_is_fresh(source, source.name in switched_on, now) for source in sources]


def due(newest: date) -> datetime:
    """When the day after the newest landed one has to have landed: 12 hours after its end, UTC."""
    return datetime.combine(newest + timedelta(days=2), time(), UTC) + GRACE


def _is_fresh(source: Source, on: bool, now: Callable[[], datetime]) -> dg.AssetChecksDefinition:
    table = f"parsed/{source.name}"

    @dg.asset_check(
        asset=["parsed", source.name],
        name="is_fresh",
        description=(
            "A day has landed 12 hours after its end; judged where the source is crawled and switched on. "
            "Late data is no wrong data: it warns."
        ),
    )
    def check(home: HomeResource) -> dg.AssetCheckResult:
        if source.crawl is None:
            return _not_judged("it reads files: what they hold does not grow old")
        if not on:
            return _not_judged("it is not switched on (TRENDING_SOURCES): it lands when it is asked for")
        days = home.lake.days(table)
        if not days:
            return _late({"why": "it is switched on, and no day of it has landed"})
        newest, at = date.fromisoformat(days[-1]), now()
        said = {"newest landed day": days[-1], "next day due by": due(newest).isoformat(), "now": at.isoformat()}
        if at < due(newest):
            return dg.AssetCheckResult(passed=True, metadata=said)
        late = (at - due(newest)).days + 1
        return _late({"why": f"{late} {'day has' if late == 1 else 'days have'} not landed in time", **said})

    return check


def _not_judged(why: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, metadata={"not judged": why})


def _late(said: dict[str, str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, metadata=said)
