"""The timeline of a simulation: what a person would have seen on each day, as rows and as a plot."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trending_assets.simulation.replay import SimulatedDay
from trending_assets.storage.atomic import replacing
from trending_assets.storage.drift_tables import FEATURE_DRIFT, PREDICTION_DRIFT, alarms_of
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.registry import ModelRegistry

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CHAMPION, _REFUSED, _PLANTED, _OTHERS = "#55a868", "#c44e52", "#4c72b0", "#bbbbbb"


@dataclass(frozen=True)
class Ranked:
    """A title in the ranking of a week.

    Attributes:
        title_id: its id.
        score: its trend score, from 0 to 100.
        place: 1 is the highest.
    """

    title_id: str
    score: float
    place: int


@dataclass(frozen=True)
class Row:
    """What is to be seen after a day.

    Attributes:
        day: the day.
        titles: titles that landed.
        events: reviews, ratings and the like that happened on it.
        planted: what was planted, in words.
        runs: the runs that sensors asked for, as ``job (sensor)``, with what became of those that failed.
        alarms: table of drift → the columns in alarm; tables without one are left out.
        decisions: what the gate decided.
        champion: what serves; None before the first.
        macro_f1: of the champion on the test titles; None where it is unknown.
        watched: the film that surges; None where the ranking does not have it.
        first: the first of the ranking; None where it is empty.
    """

    day: date
    titles: int
    events: float
    planted: Sequence[str]
    runs: Sequence[str]
    alarms: Mapping[str, Sequence[str]]
    decisions: Sequence[Mapping[str, Any]]
    champion: str | None
    macro_f1: float | None
    watched: Ranked | None
    first: Ranked | None

    def told(self) -> Iterator[str]:
        """What a person would be told of the day, a line each."""
        yield from (f"planted: {what}" for what in self.planted)
        yield from (f"the sensor asked for {run}" for run in self.runs if not run.startswith("features"))
        yield from (f"alarm in {table}: {', '.join(columns)}" for table, columns in self.alarms.items())
        for decision in self.decisions:
            outcome = "promoted" if decision["promoted"] else "refused"
            yield f"the gate {outcome} {decision['candidate']}: {'; '.join(decision['reasons'])}"
        if self.watched and self.watched.place == 1:
            yield f"{self.watched.title_id} leads the week's ranking with a score of {self.watched.score:.0f}"


@dataclass
class Timeline:
    """The rows of a simulation, as they come.

    Attributes:
        home: the home that it runs on.
        registry: its model registry.
        watched: IMDb's or a source's id of the film that surges.
        rows: one a day.
    """

    home: Home
    registry: ModelRegistry
    watched: str
    rows: list[Row] = field(default_factory=list)

    def add(self, simulated: SimulatedDay) -> Row:
        """The row of a day that is over."""
        lake, day = Lake(self.home.lake), simulated.landing.day
        known = sum(len(row.decisions) for row in self.rows)
        champion = self.registry.aliases().get("champion")
        ranking = _ranking(lake, day)
        row = Row(
            day=day,
            titles=_rows(lake, "titles", day),
            events=_events(lake, day),
            planted=simulated.landing.planted,
            runs=[f"{a.job} ({a.sensor})" + (f": {a.failure}" if a.failure else "") for a in simulated.asked],
            alarms=_alarms(lake, day),
            decisions=[
                {key: decision[key] for key in ("candidate", "promoted", "reasons")}
                for decision in self.registry.decisions()[known:]
            ],
            champion=str(champion) if champion else None,
            macro_f1=self.registry.manifest(champion).metrics.get("macro_f1") if champion else None,
            watched=next((each for each in ranking if each.title_id == self.watched), None),
            first=ranking[0] if ranking else None,
        )
        self.rows.append(row)
        return row

    def save(self, folder: Path) -> tuple[Path, Path]:
        """Writes ``timeline.json`` and ``timeline.png`` into a folder, and says where."""
        staging = folder / ".staging"
        rows, plot = folder / "timeline.json", folder / "timeline.png"
        with replacing(rows, staging) as path:
            path.write_text(json.dumps([asdict(row) for row in self.rows], default=str, indent=1) + "\n")
        with replacing(plot, staging) as path:
            path.write_bytes(timeline_plot(self.rows))
        return rows, plot


def timeline_plot(rows: Sequence[Row]) -> bytes:
    """A PNG of a simulation: what landed, the ranking of the film that surges, and what the gate decided."""
    # The object interface: pyplot keeps every figure of a long-lived process alive.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), layout="constrained")
    FigureCanvasAgg(figure)
    landed, trend, models = figure.subplots(3, 1, sharex=True)
    numbers = list(range(1, len(rows) + 1))
    _landed(landed, numbers, rows)
    _trend(trend, numbers, rows)
    _models(models, numbers, rows)
    models.set_xlabel(f"day of the simulation, the first being {rows[0].day}")
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()


def _landed(axes: "Axes", numbers: Sequence[int], rows: Sequence[Row]) -> None:
    axes.bar(numbers, [row.titles for row in rows], color=[_PLANTED if row.planted else _OTHERS for row in rows])
    alarmed = {number: row.titles for number, row in zip(numbers, rows, strict=True) if row.alarms}
    axes.plot(list(alarmed), list(alarmed.values()), "o", color=_REFUSED, markersize=4, label="alarm of drift")
    axes.set_yscale("symlog", linthresh=10)
    axes.set_ylabel("titles landed")
    axes.legend(loc="upper left", fontsize=8)
    before: Sequence[str] = ()
    for number, row in zip(numbers, rows, strict=True):
        if row.planted and row.planted != before:
            # To the left in the last fifth, where there is no room for it on the right.
            late = number > len(rows) * 0.8
            axes.annotate(
                row.planted[0],
                (number, max(row.titles, 1)),
                rotation=-25 if late else 25,
                ha="right" if late else "left",
                fontsize=7,
                va="bottom",
            )
        before = row.planted
    axes.margins(y=0.35)


def _trend(axes: "Axes", numbers: Sequence[int], rows: Sequence[Row]) -> None:
    scores = [row.watched.score if row.watched else nan for row in rows]
    axes.plot(
        numbers, [row.first.score if row.first else nan for row in rows], color=_OTHERS, label="first of the week"
    )
    axes.plot(numbers, scores, color=_PLANTED, label="the film that surges")
    axes.set_ylim(0, 100)
    axes.set_ylabel("trend score")
    axes.legend(loc="upper left", fontsize=8)


def _models(axes: "Axes", numbers: Sequence[int], rows: Sequence[Row]) -> None:
    known = [(number, row.macro_f1) for number, row in zip(numbers, rows, strict=True) if row.macro_f1 is not None]
    axes.step([number for number, _ in known], [score for _, score in known], where="post", color=_CHAMPION)
    for number, row in zip(numbers, rows, strict=True):
        for decision in row.decisions:
            colour = _CHAMPION if decision["promoted"] else _REFUSED
            axes.axvline(number, color=colour, linestyle=":")
            outcome = "promoted" if decision["promoted"] else "refused"
            axes.annotate(
                outcome, (number, 1.0), xycoords=("data", "axes fraction"), color=colour, va="top", fontsize=8
            )
    axes.set_ylabel("champion's macro-F1")


def _rows(lake: Lake, table: str, day: date) -> int:
    return lake.read(table, day.isoformat()).num_rows if lake.exists(table, day.isoformat()) else 0


def _events(lake: Lake, day: date) -> float:
    if not lake.exists("daily_activity", day.isoformat()):
        return 0.0
    rows = lake.read("daily_activity", day.isoformat(), ["happened_on", "events"]).to_pylist()
    return float(sum(row["events"] for row in rows if row["happened_on"] == day))


def _alarms(lake: Lake, day: date) -> dict[str, tuple[str, ...]]:
    measured = [table for table in (FEATURE_DRIFT, PREDICTION_DRIFT) if lake.exists(table, day.isoformat())]
    found = {table: alarms_of(lake, table, day.isoformat()).alarmed for table in measured}
    return {table: columns for table, columns in found.items() if columns}


def _ranking(lake: Lake, day: date) -> list[Ranked]:
    """The week's ranking at the end of a day, the highest score first."""
    if not lake.exists("title_activity", day.isoformat()):
        return []
    rows = lake.read("title_activity", day.isoformat(), ["title_id", "score_week"]).to_pylist()
    ordered = sorted(rows, key=lambda row: (-row["score_week"], row["title_id"]))
    return [Ranked(row["title_id"], row["score_week"], place) for place, row in enumerate(ordered, start=1)]
