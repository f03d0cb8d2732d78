"""Volume: about as much arrived on a day as the trailing weeks let expect."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from trending_assets.checks.days import checked_days
from trending_assets.domain.catalog.volume import MINIMUM_DAYS, TRAILING_DAYS, Judgement, judge
from trending_assets.ingest.source import Source
from trending_assets.resources.home import HomeResource
from trending_assets.storage.lake import Lake

_RECORDS = ("titles", "reviews", "signals")
_SHOWN = 40
_DESCRIPTION = (
    "As many documents, titles, reviews and signals arrived on each day as the trailing eight weeks let expect. "
    "More or fewer than that warns: a surge may be real. Where a crawled source that has always given some, and mostly "
    "ten or more, gives none at all, the run stops: everything downstream would take silence for a lack of interest. "
    "Whoever knows the silence to be real computes what follows by itself; from the next day on it only warns."
)
_ABNORMAL = ("low", "high", "vanished")

# Day → catalogue → what is counted → how many.
_Counts = Mapping[str, Mapping[str, Mapping[str, int]]]


@dataclass(frozen=True)
class _Finding:
    day: str
    catalogue: str
    counted: str
    judgement: Judgement


def volume_checks(
    sources: Iterable[Source], now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> list[dg.AssetChecksDefinition]:
    """One check a source: none of its counts is abnormal on any day of the run.

    Each catalogue of a source is judged by itself. A landed day without anything of a crawled source is a day with
    none; that a file holds nothing of a day says nothing.

    Args:
        sources: the registry.
        now: the clock; a crawled day that goes on is not yet as full as it will be.
    """
    return [_volume_is_usual(source, now) for source in sources]


def _volume_is_usual(source: Source, now: Callable[[], datetime]) -> dg.AssetChecksDefinition:
    table = f"parsed/{source.name}"

    @dg.asset_check(asset=["parsed", source.name], name="volume_is_usual", blocking=True, description=_DESCRIPTION)
    def check(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
        days = checked_days(context, home.lake, table)
        counts = _counts(home.lake, table, days, source.name if source.crawl else None)
        today = now().date().isoformat()
        going_on = [day for day in days if source.crawl and day >= today]
        found = [
            finding
            for day in days
            for finding in _findings(day, counts)
            if day not in going_on or finding.judgement.status == "high"
        ]
        abnormal = [finding for finding in found if finding.judgement.status in _ABNORMAL]
        stops = bool(source.crawl) and any(finding.judgement.status == "vanished" for finding in abnormal)
        return dg.AssetCheckResult(
            passed=not abnormal,
            severity=dg.AssetCheckSeverity.ERROR if stops else dg.AssetCheckSeverity.WARN,
            metadata=_said(days, going_on, found, abnormal),
        )

    return check


def _counts(lake: Lake, table: str, days: Sequence[str], always: str | None) -> _Counts:
    """The counts of the days and of those that they are compared with.

    Args:
        lake: the lake.
        table: the parsed records of a source.
        days: the days that are judged.
        always: the catalogue of which every landed day holds something, or 0.
    """
    landed, compared = set(lake.days(table)), set(days)
    for day in days:
        compared.update(earlier.isoformat() for earlier in _trailing(day))
    return {day: _counts_of_day(lake, table, day, always) for day in sorted(compared & landed)}


def _counts_of_day(lake: Lake, table: str, day: str, always: str | None) -> dict[str, dict[str, int]]:
    # One short field of each nested record is enough to count them.
    rows = lake.read(table, day, ["source", "outcome", *(f"{name}.list.element.source" for name in _RECORDS)])
    numbers = {name: pc.list_value_length(rows[name]) for name in _RECORDS}
    kept = pc.equal(rows["outcome"], "kept").cast(pa.int64())
    by_source = pa.table({"source": rows["source"], "documents": kept, **numbers}).group_by("source")
    summed = by_source.aggregate([(name, "sum") for name in ("documents", *_RECORDS)]).to_pylist()
    none = {always: dict.fromkeys(("documents", *_RECORDS), 0)} if always else {}
    return none | {row["source"]: {name: row[f"{name}_sum"] for name in ("documents", *_RECORDS)} for row in summed}


def _findings(day: str, counts: _Counts) -> Iterator[_Finding]:
    for catalogue, counted in sorted(counts.get(day, {}).items()):
        for name, count in counted.items():
            known = {d: c[name] for d in _trailing(day) if (c := counts.get(d.isoformat(), {}).get(catalogue))}
            # Most sources give no reviews at all.
            if count or any(known.values()):
                yield _Finding(day, catalogue, name, judge(count, date.fromisoformat(day), known))


def _trailing(day: str) -> list[date]:
    return [date.fromisoformat(day) - timedelta(days=n) for n in range(1, TRAILING_DAYS + 1)]


def _said(
    days: Sequence[str], going_on: Sequence[str], found: Sequence[_Finding], abnormal: Sequence[_Finding]
) -> dict[str, Any]:
    unknown = sum(finding.judgement.status == "unknown" for finding in found)
    said: dict[str, Any] = {
        "days": len(days),
        "judged counts": len(found) - unknown,
        "abnormal counts": len(abnormal),
        "counts": dg.MetadataValue.md(_markdown([*abnormal, *(f for f in found if f not in abnormal)][:_SHOWN])),
    }
    if unknown:
        said["not judged"] = (
            f"{unknown} counts, of which fewer than {MINIMUM_DAYS} of the {TRAILING_DAYS} days before have landed"
        )
    if going_on:
        said["goes on"] = f"{', '.join(going_on)}: too few is not judged before the day is over"
    return said


def _markdown(findings: Sequence[_Finding]) -> str:
    lines = ["| day | catalogue | counted | count | expected | usual | days before | verdict |", f"|{'---|' * 8}"]
    for f in findings:
        j = f.judgement
        expected, usual = ("", "") if j.status == "unknown" else (f"{j.low} to {j.high}", j.typical)
        lines.append(
            f"| {f.day} | {f.catalogue} | {f.counted} | {j.count} | {expected} | {usual} | {j.days} | {j.status} |"
        )
    return "\n".join(lines)
