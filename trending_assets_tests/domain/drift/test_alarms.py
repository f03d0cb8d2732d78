"""One odd day is reported, two of three or an unmistakable one are an alarm, and another reference begins anew."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trending_assets.domain.drift.alarms import AT_ONCE, LOOKS_BACK_DAYS, alarms_on

_DAYS = [f"2025-06-{number:02d}" for number in range(2, 2 + LOOKS_BACK_DAYS)]
# What a column may say of a day: nothing, that it is as it was, that it has drifted, and that it has beyond doubt.
_UNKNOWN, _SAME, _DRIFTED, _PLAIN = "unknown", "same", "drifted", "plain"
_P_VALUES = {_UNKNOWN: None, _SAME: 1.0, _DRIFTED: 0.03, _PLAIN: AT_ONCE}


def _row(column: str, state: str, reference: str = "genre_logreg/1", rows: int = 60) -> dict[str, Any]:
    return {
        "column": column,
        "status": "unknown" if state == _UNKNOWN else "measured",
        "p_adjusted": _P_VALUES[state],
        "drifted": None if state == _UNKNOWN else state != _SAME,
        "current_rows": rows,
        "reference_rows": 600,
        "reference": reference,
    }


def _alarmed(*states: str) -> bool:
    days = {day: [_row("year", state)] for day, state in zip(_DAYS, states, strict=False)}
    return alarms_on(days, max(days)).alarmed == ("year",)


@pytest.mark.parametrize(
    ("states", "alarmed"),
    [
        ([_DRIFTED], False),
        ([_PLAIN], True),
        ([_DRIFTED, _DRIFTED], True),
        ([_DRIFTED, _SAME, _DRIFTED], True),
        ([_DRIFTED, _SAME, _SAME, _DRIFTED], False),
        ([_DRIFTED, _UNKNOWN, _UNKNOWN, _DRIFTED], True),
        ([_PLAIN, _SAME], False),
        ([_DRIFTED, _DRIFTED, _UNKNOWN], False),
    ],
)
def test_a_column_is_in_alarm_on_a_plain_day_or_the_second_of_three(states: list[str], alarmed: bool) -> None:
    assert _alarmed(*states) is alarmed


@pytest.mark.parametrize(
    ("rows", "p_values", "alarmed"),
    [
        (60, (0.04, 0.04), True),
        (61, (0.04, 0.04), False),
        (61, (0.04, 0.005), False),
        (61, (0.005, 0.04), False),
        (61, (0.005, 0.005), True),
        (61, (0.04, AT_ONCE), True),
    ],
)
def test_days_that_share_the_chance_of_their_reference_are_two_only_where_each_is_plainer(
    rows: int, p_values: tuple[float, float], alarmed: bool
) -> None:
    days = {
        day: [_row("year", _DRIFTED, rows=rows) | {"p_adjusted": p}] for day, p in zip(_DAYS, p_values, strict=False)
    }
    assert (alarms_on(days, _DAYS[1]).alarmed == ("year",)) is alarmed


def test_two_columns_that_drift_once_each_are_no_alarm() -> None:
    days = {
        _DAYS[0]: [_row("year", _DRIFTED), _row("kind", _SAME)],
        _DAYS[1]: [_row("year", _SAME), _row("kind", _DRIFTED)],
    }
    found = alarms_on(days, _DAYS[1])
    assert (found.drifted, found.alarmed, found.measured) == (("kind",), (), 2)


def test_what_was_compared_with_another_reference_does_not_count() -> None:
    days = {_DAYS[0]: [_row("year", _DRIFTED, "genre_logreg/0")], _DAYS[1]: [_row("year", _DRIFTED)]}
    assert alarms_on(days, _DAYS[1]).alarmed == ()


@given(st.lists(st.sampled_from([_UNKNOWN, _SAME, _DRIFTED, _PLAIN]), min_size=1, max_size=len(_DAYS)), st.data())
def test_an_alarm_needs_a_drift_today_and_later_days_change_nothing(states: list[str], data: st.DataObject) -> None:
    days = {day: [_row("year", state)] for day, state in zip(_DAYS, states, strict=False)}
    today = data.draw(st.integers(0, len(states) - 1))
    found = alarms_on(days, _DAYS[today])
    if found.alarmed:
        assert states[today] in (_DRIFTED, _PLAIN)
    assert found == alarms_on({day: rows for day, rows in days.items() if day <= _DAYS[today]}, _DAYS[today])
