"""The promotion gate: whether a candidate becomes champion, and the reasons, from measured numbers only.

Models are compared on the same rows and over the genres that any of them knows: one that does not know a
genre never predicts it, and neither gains nor hides by leaving a hard genre out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.majority import MajorityModel
from trending_assets.domain.genres.metrics import (
    BOOTSTRAP_SEED,
    RESAMPLES,
    Evaluation,
    confusion,
    macro_f1,
    mean_f1,
    resampled_rows,
)
from trending_assets.domain.genres.models import FLOOR

# What any champion must beat.
FLOORS = (MajorityModel.name, FLOOR)
_SIGNIFICANCE = 0.05
# The rarest quantile asked for then has at least ten resamples beyond it.
_BEYOND = 10


class DifferentRowsError(ValueError):
    """Evaluations that are to be compared were made on different rows."""


@dataclass(frozen=True)
class Bounds:
    """What a candidate must keep to.

    Attributes:
        least_difference: the 95 % lower bound of its macro-F1 minus the champion's has to be above this.
        judged_rows: slices of this many rows and more are judged; smaller ones are only reported.
        most_excess_ece: the most of its mean calibration error that may be beyond chance.
        most_genre_excess_ece: the most of a genre's calibration error that may be beyond chance.
        judged_genre_rows: genres of this many known labels are judged by that; of fewer, the calibration error of
            honest probabilities varies by as much.
        most_latency_ms: the most that half of its predictions for one title may take, in milliseconds.
    """

    least_difference: float = -0.01
    judged_rows: int = 100
    most_excess_ece: float = 0.03
    most_genre_excess_ece: float = 0.05
    judged_genre_rows: int = 1000
    most_latency_ms: float = 100.0


@dataclass(frozen=True)
class Decision:
    """What the gate decided.

    Attributes:
        promoted: whether the candidate becomes champion.
        reasons: sentences with the numbers; those of a refusal say all that refused it and nothing else.
        numbers: what was compared: ``candidate_macro_f1``, ``champion_macro_f1``, ``<floor>_macro_f1``, the
            difference to each opponent with the ends of its paired bootstrap 95 % interval, such as
            ``difference_to_champion``, ``…_low`` and ``…_high``; of each slice its difference to the champion, such
            as ``kind=movie_difference``, and where it was judged the ``…_high`` below which it is significantly
            worse; ``candidate_excess_ece``, ``genre=<slug>_excess_ece`` and ``candidate_latency_ms``. None is unknown.
    """

    promoted: bool
    reasons: list[str]
    numbers: dict[str, float | None] = field(default_factory=dict)

    def refused(self, reason: str) -> "Decision":
        """The refusal that this decision becomes for one more reason."""
        return Decision(False, [reason, *([] if self.promoted else self.reasons)], self.numbers)


def decide(
    candidate: Evaluation,
    champion: Evaluation | None,
    floors: Mapping[str, Evaluation],
    *,
    data_checks_passed: bool,
    latency_ms: float | None,
    bounds: Bounds = Bounds(),
) -> Decision:
    """Whether a candidate is promoted.

    It must beat every floor in macro-F1. Where there is a champion, the lower end of the 95 % interval of their
    difference must be above the bound, and no judged slice may be significantly worse. Its calibration and latency
    must stay inside their bounds, the calibration of each genre that has labels enough among them. An unknown figure
    refuses, and so do failed data checks and a missing floor.

    Args:
        candidate: the candidate on the test rows.
        champion: the current champion on the same rows, or None where there is none yet.
        floors: name → evaluation of each of :data:`FLOORS`, on the same rows.
        data_checks_passed: whether all blocking checks of the data it was trained on passed.
        latency_ms: what half of the candidate's predictions for one title take at most; None where unknown.
        bounds: what it must keep to.

    Raises:
        DifferentRowsError: the evaluations are not of the same rows.
    """
    opponents = {**floors, **({"champion": champion} if champion is not None else {})}
    columns = _shared_columns([candidate, *opponents.values()])
    own = _macro(candidate, columns)
    numbers: dict[str, float | None] = {
        "rows": float(len(candidate.title_ids)),
        "candidate_macro_f1": own,
        "candidate_excess_ece": candidate.excess_ece,
        "candidate_latency_ms": latency_ms,
    }
    refusals: list[str] = [] if data_checks_passed else ["The checks of the data it was trained on did not pass."]
    favour: list[str] = []
    refusals += [
        f"The floor {name} was not evaluated, so it is not known to beat it." for name in FLOORS if name not in floors
    ]
    if own is None:
        refusals.append("The candidate's macro-F1 on the test rows is unknown.")
    for name, opponent in sorted(opponents.items()):
        theirs = _macro(opponent, columns)
        numbers[f"{name}_macro_f1"] = theirs
        numbers |= _difference(name, candidate, opponent, columns)
        if theirs is None:
            refusals.append(f"The macro-F1 of {_called(name)} on the test rows is unknown.")
        elif own is not None:
            low = numbers[f"difference_to_{name}_low"]
            enough = low is not None and low > bounds.least_difference if name == "champion" else own > theirs
            (favour if enough else refusals).append(_sentence(name, own, theirs, numbers, bounds, enough=enough))
    if champion is not None:
        found, worse = _slices(candidate, champion, columns, bounds.judged_rows)
        numbers |= found
        refusals += worse
    for what, value, most in (
        ("mean calibration error beyond chance", candidate.excess_ece, bounds.most_excess_ece),
        ("latency in milliseconds of one title", latency_ms, bounds.most_latency_ms),
    ):
        if value is None:
            refusals.append(f"The candidate's {what} is unknown.")
        elif value > most:
            refusals.append(f"The candidate's {what} of {value:.4g} is above the bound of {most:g}.")
    found, dishonest = _genres(candidate, bounds)
    numbers |= found
    refusals += dishonest
    return Decision(not refusals, refusals or favour, numbers)


def masked_numbers(candidate: Evaluation, champion: Evaluation | None) -> dict[str, float | None]:
    """What a candidate and the champion do on texts without the names of genres, for the record: it judges nothing.

    Args:
        candidate: the candidate on the masked test rows.
        champion: the current champion on the same rows, or None where there is none.

    Returns:
        ``masked_candidate_macro_f1``, and with a champion ``masked_champion_macro_f1`` and their difference with the
        ends of its paired bootstrap 95 % interval.

    Raises:
        DifferentRowsError: the evaluations are not of the same rows.
    """
    columns = _shared_columns([candidate, *([champion] if champion is not None else [])])
    numbers = {"candidate_macro_f1": _macro(candidate, columns)}
    if champion is not None:
        numbers["champion_macro_f1"] = _macro(champion, columns)
        numbers |= _difference("champion", candidate, champion, columns)
    return {f"masked_{name}": value for name, value in numbers.items()}


def choose_challenger(validation: Mapping[str, Evaluation]) -> str:
    """The model with the highest macro-F1 on the validation rows, so that no test row takes part in the choice.

    Args:
        validation: model → its evaluation, all on the same rows; the first name in order wins a draw.

    Raises:
        ValueError: no model has a known macro-F1.
        DifferentRowsError: the evaluations are not of the same rows.
    """
    columns = _shared_columns(list(validation.values()))
    scores = {name: _macro(validation[name], columns) for name in sorted(validation)}
    known = {name: score for name, score in scores.items() if score is not None}
    if not known:
        raise ValueError(f"no macro-F1 is known for any of: {', '.join(scores) or 'no models'}")
    return max(known, key=lambda name: known[name])


def bootstrap_interval(
    candidate: Evaluation, opponent: Evaluation, seed: int = BOOTSTRAP_SEED, resamples: int = RESAMPLES
) -> tuple[float, float] | None:
    """The 95 % interval of candidate's macro-F1 minus opponent's, by a paired percentile bootstrap over rows.

    Both are scored on the same resampled rows (Efron and Tibshirani, "An Introduction to the Bootstrap",
    1993, chapter 13). A genre without a known positive in a resample is left out of that resample's mean.

    Args:
        candidate: an evaluation.
        opponent: another one of the same rows.
        seed: seed of the resampling.
        resamples: how many.

    Returns:
        Lower and upper end, or None where no positive is known.

    Raises:
        DifferentRowsError: the evaluations are not of the same rows.
    """
    columns = _shared_columns([candidate, opponent])
    return _interval(candidate, opponent, columns, seed, resamples)


def _interval(
    candidate: Evaluation, opponent: Evaluation, columns: Sequence[int], seed: int, resamples: int
) -> tuple[float, float] | None:
    if _macro(candidate, columns) is None:
        return None
    rows = np.arange(len(candidate.title_ids))
    low, high = np.nanquantile(_differences(candidate, opponent, columns, rows, seed, resamples), [0.025, 0.975])
    return float(low), float(high)


def _slices(
    candidate: Evaluation, champion: Evaluation, columns: Sequence[int], judged_rows: int
) -> tuple[dict[str, float | None], list[str]]:
    """Numbers of each slice, and a sentence for each of those judged in which the candidate is significantly worse.

    One in twenty candidates that are no worse anywhere may be refused for a slice, whatever the number of slices:
    each is tested, on one side, at 0.05 divided by that number (Bonferroni).
    """
    members: dict[str, list[int]] = {}
    for row, names in enumerate(candidate.memberships):
        for name in names:
            members.setdefault(name, []).append(row)
    judged = [name for name, rows in members.items() if len(rows) >= judged_rows]
    level = _SIGNIFICANCE / max(len(judged), 1)
    resamples = max(RESAMPLES, int(np.ceil(_BEYOND / level)))
    numbers: dict[str, float | None] = {}
    worse = []
    for name in sorted(members):
        rows = np.array(members[name])
        own, theirs = (
            macro_f1(e.labels[rows][:, columns], e.selected[rows][:, columns]) for e in (candidate, champion)
        )
        known = own is not None and theirs is not None
        difference = own - theirs if own is not None and theirs is not None else None
        numbers[f"{name}_difference"] = difference
        if name in judged and known:
            resampled = _differences(candidate, champion, columns, rows, BOOTSTRAP_SEED, resamples)
            high = float(np.nanquantile(resampled, 1 - level))
            numbers[f"{name}_high"] = high
            if high < 0:
                worse.append(
                    f"On the {len(rows)} test rows with {name} it is significantly worse than the current champion "
                    f"(macro-F1 {own:.4f} against {theirs:.4f}, upper bound of the difference {high:+.4f})."
                )
    return numbers, worse


def _genres(candidate: Evaluation, bounds: Bounds) -> tuple[dict[str, float | None], list[str]]:
    """The calibration error beyond chance of each genre, and a sentence for each that is judged and above the bound."""
    numbers: dict[str, float | None] = {}
    above = []
    for genre, figures in candidate.per_genre.items():
        excess = numbers[f"genre={genre}_excess_ece"] = figures.get("excess_ece")
        known = int((~np.isnan(candidate.labels[:, GENRES.index(genre)])).sum())
        if known >= bounds.judged_genre_rows and excess is not None and excess > bounds.most_genre_excess_ece:
            above.append(
                f"The candidate's calibration error of {genre} beyond chance of {excess:.4g}, on {known} test rows, is "
                f"above the bound of {bounds.most_genre_excess_ece:g}."
            )
    return numbers, above


def _differences(
    candidate: Evaluation,
    opponent: Evaluation,
    columns: Sequence[int],
    rows: npt.NDArray[np.int64],
    seed: int,
    resamples: int,
) -> npt.NDArray[np.float64]:
    """Differences of macro-F1 on resamples of the rows, the same for both models; shape (resamples,)."""
    return np.concatenate(
        [
            _resampled(candidate, columns, rows, counts) - _resampled(opponent, columns, rows, counts)
            for counts in resampled_rows(len(rows), resamples, seed)
        ]
    )


def _resampled(
    evaluation: Evaluation,
    columns: Sequence[int],
    rows: npt.NDArray[np.int64],
    counts: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Macro-F1 of each resample, NaN where it holds no known positive; ``counts`` has a row a resample."""
    cells = confusion(evaluation.labels[rows][:, columns], evaluation.selected[rows][:, columns])
    return mean_f1(*(counts @ found for found in cells))


def _difference(
    name: str, candidate: Evaluation, opponent: Evaluation, columns: Sequence[int]
) -> dict[str, float | None]:
    own, theirs = _macro(candidate, columns), _macro(opponent, columns)
    known = own is not None and theirs is not None
    interval = _interval(candidate, opponent, columns, BOOTSTRAP_SEED, RESAMPLES) if known else None
    low, high = interval if interval is not None else (None, None)
    difference = own - theirs if own is not None and theirs is not None else None
    key = f"difference_to_{name}"
    return {key: difference, f"{key}_low": low, f"{key}_high": high}


def _sentence(
    name: str, own: float, theirs: float, numbers: Mapping[str, float | None], bounds: Bounds, *, enough: bool
) -> str:
    low, high = numbers[f"difference_to_{name}_low"], numbers[f"difference_to_{name}_high"]
    interval = f", 95 % interval {low:+.4f} to {high:+.4f}" if low is not None and high is not None else ""
    found = f"(difference {own - theirs:+.4f}{interval})"
    if name != "champion":
        verb = "beats" if enough else "does not beat"
        return f"The candidate's macro-F1 of {own:.4f} {verb} the {theirs:.4f} of {_called(name)} {found}."
    verdict = "is above" if enough else "is not above"
    return (
        f"The candidate's macro-F1 of {own:.4f} stands against the {theirs:.4f} of {_called(name)}: the lower end of "
        f"their difference {verdict} {bounds.least_difference:+.2f} {found}."
    )


def _called(name: str) -> str:
    return "the current champion" if name == "champion" else f"the floor {name}"


def _shared_columns(evaluations: Sequence[Evaluation]) -> list[int]:
    """Columns, in the taxonomy, of the genres that any of the models knows."""
    if len({evaluation.title_ids for evaluation in evaluations}) > 1:
        raise DifferentRowsError("the evaluations are of different rows and cannot be compared")
    known = {genre for evaluation in evaluations for genre in evaluation.genres}
    return [i for i, genre in enumerate(GENRES) if genre in known]


def _macro(evaluation: Evaluation, columns: Sequence[int]) -> float | None:
    return macro_f1(evaluation.labels[:, columns], evaluation.selected[:, columns])
