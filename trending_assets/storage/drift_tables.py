"""The tables of drift as those read them who act on them."""

from datetime import date, timedelta

from trending_assets.domain.drift.alarms import LOOKS_BACK_DAYS, Alarms, alarms_on
from trending_assets.domain.drift.quality import FAULT
from trending_assets.storage.lake import Lake

FEATURE_DRIFT, PREDICTION_DRIFT = "feature_drift", "prediction_drift"
DATA_QUALITY = "data_quality"
_COLUMNS = ["column", "status", "p_adjusted", "drifted", "current_rows", "reference_rows", "reference"]


def alarms_of(lake: Lake, table: str, day: str) -> Alarms:
    """What a day of a table of drift says, in the light of the days before it.

    Raises:
        MissingPartitionError: the day has not landed.
    """
    # Asked for one by one: the lake would list all the days of years.
    before = [(date.fromisoformat(day) - timedelta(days=back)).isoformat() for back in range(LOOKS_BACK_DAYS, 0, -1)]
    days = {each: lake.read(table, each) for each in before if lake.exists(table, each)}
    days[day] = lake.read(table, day)
    # Days that were written before drift was measured against a reference have other columns, and say nothing here.
    read = {each: rows.select(_COLUMNS) for each, rows in days.items() if set(_COLUMNS) <= set(rows.column_names)}
    if day not in read:
        return Alarms(day, "", 0, (), ())
    return alarms_on({each: rows.to_pylist() for each, rows in read.items()}, day)


def faults_of(lake: Lake, day: str) -> list[str]:
    """The measures that are faults on a day, as ``source: measure``.

    Raises:
        MissingPartitionError: the day has not landed.
    """
    rows = lake.read(DATA_QUALITY, day, ["source", "measure", "verdict"]).to_pylist()
    return [f"{row['source']}: {row['measure']}" for row in rows if row["verdict"] == FAULT]
