"""Data quality: what is missing, copied or unusable on a day, by source, against the days before it.

The reference is a window of days and not a model version: how much a source gives, and how much of it can be used, is a
matter of the source. Training sets hold only what could be used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from trending_assets.domain.catalog.volume import judge
from trending_assets.domain.drift.alarms import AT_ONCE
from trending_assets.domain.drift.significance import holm, share_p_value
from trending_assets.domain.drift.windows import MINIMUM_ROWS, REFERENCE_DAYS, comparable, reference_days

QUARANTINED, DUPLICATE, DOCUMENTS = "quarantined", "duplicate", "documents"
NULLABLE = ("year", "language", "plot", "runtime_minutes", "certificate", "countries", "platforms", "genres")
# More of it than before by so much is a fault; less is none.
LEAST_INCREASE: Mapping[str, float] = {
    QUARANTINED: 0.05,
    DUPLICATE: 0.05,
    **{f"{name} missing": 0.10 for name in NULLABLE},
}
_NONE = (0, 0)
USUAL, UNUSUAL, FAULT, UNKNOWN = "usual", "unusual", "fault", "unknown"

# Source and measure → rows that have it, and all rows; of documents, how many there are, twice.
Counts = Mapping[tuple[str, str], tuple[int, int]]


@dataclass(frozen=True)
class QualityFinding:
    """What is said of a measure of a source on a day.

    Attributes:
        source: the source.
        measure: a key of :data:`LEAST_INCREASE`, or ``documents``.
        verdict: ``usual``; ``fault``, a share that grew by more than chance and by more than it may; ``unusual``, more
            or fewer documents than expected; or ``unknown``.
        rows: rows of the day.
        reference_rows: rows of the days that it is compared with.
        why: why it is unknown; empty otherwise.
        value: the share, or the number of documents.
        expected: the share on the days before, or the usual number of documents.
        p_value: how often chance alone gives as large a share.
        p_adjusted: the same, adjusted for the number of measures of all sources.
    """

    source: str
    measure: str
    verdict: str
    rows: int
    reference_rows: int
    why: str = ""
    value: float | None = None
    expected: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None


def counts_of(documents: pd.DataFrame, titles: pd.DataFrame) -> Counts:
    """What there is to count of a day.

    Args:
        documents: source and outcome of each document.
        titles: source and :data:`NULLABLE` of each title record; what is a list is missing where it is empty.
    """
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for source, outcomes in documents.groupby("source")["outcome"]:
        for outcome in (QUARANTINED, DUPLICATE):
            found[str(source), outcome] = (int((outcomes == outcome).sum()), len(outcomes))
        found[str(source), DOCUMENTS] = (len(outcomes), len(outcomes))
    for source, rows in titles.groupby("source"):
        for name in NULLABLE:
            missing = sum(_missing(value) for value in rows[name])
            found[str(source), f"{name} missing"] = (missing, len(rows))
    return found


def _missing(value: Any) -> bool:
    return not len(value) if isinstance(value, (np.ndarray, list)) else bool(pd.isna(value))


def quality(days: Mapping[str, Counts], day: str) -> list[QualityFinding]:
    """What is said of a day.

    Args:
        days: ISO date → its counts, for the day and those that landed before it.
        day: the day.

    Returns:
        A finding for each measure of each source of the day, and the number of documents of those that sent some on the
        days before and none on this one.
    """
    window = reference_days(list(days), day)
    # A source that sends nothing has no other measure on the day, and is the one to be told of.
    measured = set(days[day]) | {key for each in days for key in days[each] if key[1] == DOCUMENTS}
    found = [
        _volume(days, day, source) if measure == DOCUMENTS else _share(days, day, window, (source, measure))
        for source, measure in sorted(measured)
    ]
    # All sources of a day are told of by one alert, and are one family.
    return _adjusted(found)


def _adjusted(found: Sequence[QualityFinding]) -> list[QualityFinding]:
    adjusted = iter(holm([finding.p_value for finding in found if finding.p_value is not None]))
    return [finding if finding.p_value is None else _decided(finding, next(adjusted)) for finding in found]


def _share(days: Mapping[str, Counts], day: str, window: Sequence[str], key: tuple[str, str]) -> QualityFinding:
    having, rows = days[day][key]
    before = [days[each][key] for each in window if key in days[each]]
    reference, reference_rows = sum(h for h, _ in before), sum(r for _, r in before)
    if not comparable(rows, reference_rows):
        why = f"fewer than {MINIMUM_ROWS} rows on the day or on the {REFERENCE_DAYS} days before"
        return QualityFinding(*key, UNKNOWN, rows, reference_rows, why)
    p_value = share_p_value(having, rows, reference, reference_rows)
    return QualityFinding(*key, USUAL, rows, reference_rows, "", having / rows, reference / reference_rows, p_value)


def _decided(finding: QualityFinding, p_adjusted: float) -> QualityFinding:
    grown = (finding.value or 0.0) - (finding.expected or 0.0)
    fault = p_adjusted <= AT_ONCE and grown >= LEAST_INCREASE[finding.measure]
    return replace(finding, p_adjusted=p_adjusted, verdict=FAULT if fault else USUAL)


def _volume(days: Mapping[str, Counts], day: str, source: str) -> QualityFinding:
    key = (source, DOCUMENTS)
    # Of the days before its first nothing is known; a day without it since then is one of no documents.
    first = min(each for each, found in days.items() if key in found)
    counts = {date.fromisoformat(each): found.get(key, _NONE)[0] for each, found in days.items() if first <= each < day}
    judged = judge(days[day].get(key, _NONE)[0], date.fromisoformat(day), counts)
    if judged.status == "unknown":
        why = f"of {judged.days} days before something is known, which are too few"
        return QualityFinding(*key, UNKNOWN, judged.count, sum(counts.values()), why)
    verdict = USUAL if judged.status == "normal" else UNUSUAL
    usual = None if judged.typical is None else float(judged.typical)
    return QualityFinding(*key, verdict, judged.count, sum(counts.values()), "", float(judged.count), usual)
