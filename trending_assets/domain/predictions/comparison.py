"""What an experiment found: how often two models agree, and which is better, as far as outcomes tell.

An outcome is what became known of a title after it was predicted, see :mod:`~trending_assets.domain.predictions.live`.
Where both models answered the same input they are compared on it, in pairs; beside that the answers that each gave to
its own units are compared, as two groups.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.metrics import (
    BOOTSTRAP_SEED,
    RESAMPLES,
    confusion,
    macro_f1,
    mean_f1,
    micro_f1,
    resampled_rows,
)
from trending_assets.domain.predictions.experiments import CHALLENGER, CHAMPION, SHADOW, Experiment
from trending_assets.domain.predictions.live import LabelRecord, records_by_title, truth

# What a row of the log has to tell.
COLUMNS = (
    "predicted_at",
    "key_id",
    "title_id",
    "input_sha256",
    "model",
    "version",
    "variant",
    "genres",
    "feedback_genres",
    "feedback_at",
)
ARMS: tuple[str, str] = (CHAMPION, CHALLENGER)
# Of fewer outcomes the interval is too wide to tell any difference that there may be, and macro-F1 hangs on a handful
# of titles of the rare genres; of fewer units a bootstrap over units is not to be trusted.
NEEDED_OUTCOMES, NEEDED_UNITS = 100, 30

Method = Literal["paired bootstrap over inputs", "two-sample bootstrap over units"]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Arm:
    """What a variant answered to its own units.

    Attributes:
        predictions: how many answers.
        units: to how many units.
        outcomes: inputs, each once a unit, of which an outcome is known.
        macro_f1: of those; None is unknown.
        micro_f1: likewise.
    """

    predictions: int
    units: int
    outcomes: int
    macro_f1: float | None
    micro_f1: float | None


@dataclass(frozen=True)
class Agreement:
    """How alike two models answer.

    Attributes:
        inputs: distinct inputs that both answered.
        exact_match: the share of them for which both selected the same genres; None is unknown.
        jaccard: the mean of the genres that both selected over those that any did, 1 where neither did any.
    """

    inputs: int
    exact_match: float | None
    jaccard: float | None


@dataclass(frozen=True)
class Difference:
    """The challenger's macro-F1 minus the champion's.

    Attributes:
        method: how its interval was made: a percentile bootstrap (Efron and Tibshirani, "An Introduction to the
            Bootstrap", 1993, chapter 13).
        outcomes: inputs with an outcome that it was measured on; of two groups, those of the smaller.
        units: units of the smaller group; of pairs the inputs.
        value: the difference.
        low: lower end of its 95 % interval, which says nothing where it is not :attr:`spread_known`.
        high: upper end.
    """

    method: Method
    outcomes: int
    units: int
    value: float
    low: float
    high: float

    @property
    def spread_known(self) -> bool:
        """Whether there are enough units for an interval: of one unit it would have no width at all."""
        return self.units >= NEEDED_UNITS

    @property
    def enough(self) -> bool:
        """Whether it was measured on enough to judge by."""
        return self.outcomes >= NEEDED_OUTCOMES and self.spread_known


@dataclass(frozen=True)
class Comparison:
    """What an experiment found.

    Attributes:
        arms: ``champion`` and ``challenger`` → what each answered to its own units.
        shadowed: answers that the challenger gave unseen.
        strays: answers to units whose lot is the other variant: the challenger was not loaded yet, or failed. They
            count for agreement, and for no arm.
        agreement: how alike they answer.
        differences: what is known of how much better the challenger is, that of pairs first.
        winner: ``champion`` or ``challenger``; None where none is named.
        reason: why.
    """

    arms: Mapping[str, Arm]
    shadowed: int
    strays: int
    agreement: Agreement
    differences: tuple[Difference, ...]
    winner: str | None
    reason: str


@dataclass
class _Input:
    """What is known of one input: what each model last said of it, and what it turned out to be."""

    title_id: str | None
    predicted_at: datetime
    said: dict[str, frozenset[str]] = field(default_factory=dict)
    feedback_at: datetime | None = None
    feedback: frozenset[str] = frozenset()

    def truth(self, labels: Mapping[str, Sequence[LabelRecord]]) -> Floats:
        """Of each slug of the taxonomy 1, 0 or NaN."""
        told = None if self.feedback_at is None else self.feedback
        return np.array(truth(told, labels.get(self.title_id or "", ()), self.predicted_at, GENRES))


class Collected:
    """The answers of an experiment, as they are read from the log."""

    def __init__(self, experiment: Experiment) -> None:
        """None so far."""
        self._experiment = experiment
        self._arm_of: dict[str, str] = {experiment.champion: CHAMPION, experiment.challenger: CHALLENGER}
        self._inputs: dict[str, _Input] = {}
        # All that any of the models can answer.
        self._genres: set[str] = set()
        # Arm → unit → its inputs.
        self._units: dict[str, dict[str, set[str]]] = {arm: defaultdict(set) for arm in ARMS}
        self._predictions: dict[str, int] = dict.fromkeys(ARMS, 0)
        self._shadowed = self._strays = 0

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Takes rows of the log, in the order of their time; those that are none of the experiment are passed over.

        Args:
            rows: with the columns :data:`COLUMNS`.
        """
        begin, end = self._experiment.started_at, self._experiment.stopped_at
        for row in rows:
            arm = self._arm_of.get(f"{row['model']}/{row['version']}")
            if arm and row["predicted_at"] >= begin and (end is None or row["predicted_at"] <= end):
                self._add(row, arm)

    def _add(self, row: Mapping[str, Any], arm: str) -> None:
        name = row["input_sha256"]
        held = self._inputs.setdefault(name, _Input(row["title_id"], row["predicted_at"]))
        held.title_id = held.title_id or row["title_id"]
        held.said[arm] = frozenset(each["genre"] for each in row["genres"] if each["selected"])
        self._genres.update(each["genre"] for each in row["genres"])
        told = row["feedback_at"]
        if told is not None and (held.feedback_at is None or told > held.feedback_at):
            held.feedback_at, held.feedback = told, frozenset(row["feedback_genres"])
        unit = row["key_id"] if self._experiment.unit == "key" else row["title_id"]
        if row["variant"] == SHADOW:
            self._shadowed += 1
        elif unit is None:
            return
        elif self._experiment.variant_of(unit) != arm:
            self._strays += 1
        else:
            self._predictions[arm] += 1
            self._units[arm][unit].add(name)

    @property
    def awaiting_labels(self) -> set[str]:
        """The titles that were predicted without feedback."""
        return {each.title_id for each in self._inputs.values() if each.title_id and each.feedback_at is None}

    def compared(self, labels: Iterable[LabelRecord]) -> Comparison:
        """What is found in them.

        Args:
            labels: the label records of the titles of :attr:`awaiting_labels`.
        """
        by_title = records_by_title(labels)
        cells = {name: each.truth(by_title) for name, each in self._inputs.items()}
        known = {name: each for name, each in cells.items() if not np.isnan(each).all()}
        both = [name for name, each in self._inputs.items() if len(each.said) == len(ARMS)]
        found = (self._paired([name for name in both if name in known], known), self._grouped(known))
        differences = tuple(each for each in found if each is not None)
        winner, reason = _verdict(differences, running=self._experiment.stopped_at is None)
        return Comparison(
            arms={arm: self._arm(arm, known) for arm in ARMS},
            shadowed=self._shadowed,
            strays=self._strays,
            agreement=self._agreement(both),
            differences=differences,
            winner=winner,
            reason=reason,
        )

    def _agreement(self, both: Sequence[str]) -> Agreement:
        if not both:
            return Agreement(0, None, None)
        pairs = [[self._inputs[name].said[arm] for arm in ARMS] for name in both]
        same = [champion == challenger for champion, challenger in pairs]
        alike = [len(a & b) / len(a | b) if a | b else 1.0 for a, b in pairs]
        return Agreement(len(both), float(np.mean(same)), float(np.mean(alike)))

    def _cells(self, arm: str, names: Sequence[str], known: Mapping[str, Floats]) -> tuple[Floats, npt.NDArray[Any]]:
        """Labels and what a model selected, both of shape (len(names), number of genres that any model knows)."""
        columns = [i for i, slug in enumerate(GENRES) if slug in self._genres]
        labels = np.array([known[name][columns] for name in names]).reshape(len(names), len(columns))
        selected = np.array([[GENRES[i] in self._inputs[name].said[arm] for i in columns] for name in names])
        return labels, selected.reshape(labels.shape).astype(bool)

    def _arm(self, arm: str, known: Mapping[str, Floats]) -> Arm:
        names = [name for inputs in self._units[arm].values() for name in sorted(inputs) if name in known]
        labels, selected = self._cells(arm, names, known)
        return Arm(
            predictions=self._predictions[arm],
            units=len(self._units[arm]),
            outcomes=len(names),
            macro_f1=macro_f1(labels, selected),
            micro_f1=micro_f1(labels, selected),
        )

    def _paired(self, names: Sequence[str], known: Mapping[str, Floats]) -> Difference | None:
        ordered = sorted(names)
        champion, challenger = (_Counts.of(*self._cells(arm, ordered, known)) for arm in ARMS)
        resampled = [
            challenger.macro_f1(counts) - champion.macro_f1(counts)
            for counts in resampled_rows(len(ordered), RESAMPLES if ordered else 0, BOOTSTRAP_SEED)
        ]
        return _difference("paired bootstrap over inputs", champion, challenger, resampled, len(ordered), len(ordered))

    def _grouped(self, known: Mapping[str, Floats]) -> Difference | None:
        """Units are drawn and not answers: those of one unit are alike, and would count as more than they are."""
        counts, outcomes, units = [], [], []
        for arm in ARMS:
            groups = [
                [name for name in sorted(inputs) if name in known] for _, inputs in sorted(self._units[arm].items())
            ]
            groups = [names for names in groups if names]
            labels, selected = self._cells(arm, [name for names in groups for name in names], known)
            sizes = [len(names) for names in groups]
            counts.append(_Counts.of(labels, selected).by_group(sizes))
            outcomes.append(sum(sizes))
            units.append(len(sizes))
        if not all(units):
            return None
        champion, challenger = counts
        draws = zip(
            resampled_rows(units[0], RESAMPLES, BOOTSTRAP_SEED),
            resampled_rows(units[1], RESAMPLES, BOOTSTRAP_SEED + 1),
            strict=True,
        )
        resampled = [challenger.macro_f1(theirs) - champion.macro_f1(own) for own, theirs in draws]
        return _difference(
            "two-sample bootstrap over units", champion, challenger, resampled, min(outcomes), min(units)
        )


@dataclass(frozen=True)
class _Counts:
    """True positives, false positives and false negatives, a row an input or a group of them, a column a genre."""

    cells: tuple[Floats, ...]

    @classmethod
    def of(cls, labels: Floats, selected: npt.NDArray[np.bool_]) -> "_Counts":
        return cls(tuple(each.astype(np.float64) for each in confusion(labels, selected)))

    def by_group(self, sizes: Sequence[int]) -> "_Counts":
        """The same with the rows of each group, which follow each other, summed."""
        starts = np.cumsum([0, *sizes[:-1]]) if sizes else np.array([], dtype=np.int64)
        return _Counts(tuple(np.add.reduceat(each, starts, axis=0) if sizes else each for each in self.cells))

    def macro_f1(self, counts: Floats) -> Floats:
        """Macro-F1 of each resample; ``counts`` has a row a resample, and says how often each row is drawn."""
        return mean_f1(*(counts @ each for each in self.cells))


def _difference(
    method: Method,
    champion: _Counts,
    challenger: _Counts,
    resampled: Sequence[Floats],
    outcomes: int,
    units: int,
) -> Difference | None:
    """None where no title is known to have any genre."""
    value = float((_whole(challenger) - _whole(champion))[0])
    if np.isnan(value):
        return None
    low, high = np.nanquantile(np.concatenate(resampled), [0.025, 0.975]).tolist()
    return Difference(method, outcomes, units, value, low, high)


def _whole(counts: _Counts) -> Floats:
    return counts.macro_f1(np.ones((1, len(counts.cells[0]))))


def _verdict(differences: Sequence[Difference], *, running: bool) -> tuple[str | None, str]:
    if not any(each.enough for each in differences):
        most = max(differences, key=lambda each: each.outcomes, default=None)
        have = f"{most.outcomes} outcomes of {most.units} units" if most else "no outcomes"
        return None, (
            f"unknown: there are {have}, and {NEEDED_OUTCOMES} of {NEEDED_UNITS} units are needed, of inputs that both "
            "models answered or of each model"
        )
    if running:
        return None, (
            "none yet: it runs, and whoever looks at an interval often enough sees it leave 0 by chance; it is told "
            "when the experiment was stopped, and when that is should not depend on what it has shown so far"
        )
    judged = next(each for each in differences if each.enough)
    told = f"{judged.value:+.4f} macro-F1, 95 % interval {judged.low:+.4f} to {judged.high:+.4f}, {judged.method}"
    if judged.low <= 0 <= judged.high:
        return None, f"none: the interval of the challenger's difference holds 0 ({told})"
    return (CHALLENGER if judged.low > 0 else CHAMPION), f"the interval of the difference leaves 0 ({told})"
