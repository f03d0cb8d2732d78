import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.gate import (
    Bounds,
    Decision,
    DifferentRowsError,
    bootstrap_interval,
    choose_challenger,
    masked_numbers,
)
from trending_assets.domain.genres.gate import decide as decide_with
from trending_assets.domain.genres.metrics import Evaluation, macro_f1, micro_f1

_KNOWN = ("comedy", "drama", "horror")
_ROWS = 80


def _evaluation(
    errors: float,
    *,
    seed: int = 1,
    genres: tuple[str, ...] = _KNOWN,
    rows: int = _ROWS,
    known: bool = True,
    first: int = 0,
    excess_ece: float | None = 0.0,
    memberships: tuple[tuple[str, ...], ...] = (),
) -> Evaluation:
    """A predictor that is wrong in a share ``errors`` of the cells; the labels are the same in all."""
    truth = (np.random.default_rng(0).random((rows, len(GENRES))) < 0.4).astype(float)
    truth[:, [i for i, genre in enumerate(GENRES) if genre not in _KNOWN]] = np.nan
    labels = truth if known else np.full_like(truth, np.nan)
    selected = (truth == 1) ^ (np.random.default_rng(seed).random(truth.shape) < errors)
    selected[:, [i for i, genre in enumerate(GENRES) if genre not in genres]] = False
    columns = [GENRES.index(genre) for genre in genres]
    return Evaluation(
        model="genre_made_up",
        title_ids=tuple(f"tt{i + first}" for i in range(rows)),
        genres=genres,
        labels=labels,
        selected=selected,
        micro_f1=micro_f1(labels[:, columns], selected[:, columns]),
        macro_f1=macro_f1(labels[:, columns], selected[:, columns]),
        samples_f1=None,
        brier=None,
        abstention_rate=None,
        ece=excess_ece,
        excess_ece=excess_ece,
        per_genre={},
        slices={},
        memberships=memberships or ((),) * rows,
        probabilities=np.full(labels.shape, np.nan),
        intervals={},
    )


def decide(
    candidate: Evaluation,
    champion: Evaluation | None,
    floors: dict[str, Evaluation],
    *,
    data_checks_passed: bool = True,
    latency_ms: float | None = 1.0,
) -> Decision:
    """The gate's decision with the standard bounds, on a candidate that is fast enough."""
    return decide_with(candidate, champion, floors, data_checks_passed=data_checks_passed, latency_ms=latency_ms)


def _floors(rows: int) -> dict[str, Evaluation]:
    return {"genre_keyword": _evaluation(0.3, rows=rows), "genre_majority": _evaluation(0.5, rows=rows)}


_FLOORS = _floors(_ROWS)


def test_a_first_champion_that_beats_every_floor_is_promoted() -> None:
    candidate = _evaluation(0.1)
    decision = decide(candidate, None, _FLOORS, data_checks_passed=True)
    assert decision.promoted
    assert len(decision.reasons) == 2
    assert f"{candidate.macro_f1:.4f} beats the {_FLOORS['genre_keyword'].macro_f1:.4f}" in decision.reasons[0]
    assert decision.numbers["candidate_macro_f1"] == candidate.macro_f1
    assert decision.numbers["rows"] == _ROWS
    assert "champion_macro_f1" not in decision.numbers


def test_one_floor_not_beaten_is_enough_for_a_refusal() -> None:
    decision = decide(_evaluation(0.4), None, _FLOORS, data_checks_passed=True)
    assert not decision.promoted
    (reason,) = decision.reasons
    assert "does not beat" in reason
    assert "genre_keyword" in reason


def test_a_floor_equalled_is_not_beaten() -> None:
    assert not decide(_FLOORS["genre_keyword"], None, _FLOORS, data_checks_passed=True).promoted


def test_a_champion_equalled_is_replaced() -> None:
    champion = _evaluation(0.1)
    decision = decide(_evaluation(0.1), champion, _FLOORS, data_checks_passed=True)
    assert decision.promoted
    assert decision.numbers["difference_to_champion"] == 0.0
    assert (decision.numbers["difference_to_champion_low"], decision.numbers["difference_to_champion_high"]) == (0, 0)


def test_a_worse_candidate_is_refused_with_the_numbers() -> None:
    champion, candidate = _evaluation(0.1), _evaluation(0.2, seed=2)
    decision = decide(candidate, champion, _FLOORS, data_checks_passed=True)
    assert not decision.promoted
    (reason,) = decision.reasons
    assert f"{candidate.macro_f1:.4f} stands against the {champion.macro_f1:.4f} of the current champion" in reason
    assert "is not above -0.01" in reason
    low, high = (decision.numbers[f"difference_to_champion_{end}"] for end in ("low", "high"))
    assert low is not None
    assert high is not None
    assert low <= decision.numbers["difference_to_champion"] <= high < 0


def test_failed_data_checks_refuse_the_best_model() -> None:
    decision = decide(_evaluation(0.0), None, _FLOORS, data_checks_passed=False)
    assert not decision.promoted
    assert decision.reasons == ["The checks of the data it was trained on did not pass."]


def test_a_missing_figure_is_a_refusal_and_no_zero() -> None:
    unknown = {name: _evaluation(0.5, known=False) for name in _FLOORS}
    decision = decide(_evaluation(0.0, known=False), None, unknown, data_checks_passed=True)
    assert not decision.promoted
    assert "candidate's macro-F1 on the test rows is unknown" in decision.reasons[0]
    assert len(decision.reasons) == 3
    assert decision.numbers["candidate_macro_f1"] is None
    assert decision.numbers["difference_to_genre_keyword"] is None
    assert decision.numbers["difference_to_genre_keyword_low"] is None


@pytest.mark.parametrize("missing", [("genre_keyword",), ("genre_majority",), ("genre_majority", "genre_keyword")])
@pytest.mark.parametrize("champion", [None, _evaluation(0.4)])
def test_without_each_floor_nothing_is_promoted(missing: tuple[str, ...], champion: Evaluation | None) -> None:
    floors = {name: floor for name, floor in _FLOORS.items() if name not in missing}
    decision = decide(_evaluation(0.0), champion, floors, data_checks_passed=True)
    assert not decision.promoted
    assert decision.reasons == [
        f"The floor {name} was not evaluated, so it is not known to beat it." for name in missing
    ]


def test_one_more_reason_makes_a_refusal_of_any_decision() -> None:
    promoted, refused = (decide(_evaluation(errors), None, _FLOORS) for errors in (0.0, 0.6))
    assert promoted.refused("No.").reasons == ["No."]
    assert refused.refused("No.").reasons == ["No.", *refused.reasons]
    assert not promoted.refused("No.").promoted
    assert promoted.refused("No.").numbers == promoted.numbers


def test_a_genre_left_out_counts_against_a_candidate() -> None:
    """Perfect on two genres of three is worse than nearly perfect on all three."""
    narrow, wide = _evaluation(0.0, genres=_KNOWN[:2]), _evaluation(0.05)
    assert narrow.macro_f1 == 1.0
    decision = decide(narrow, wide, _FLOORS, data_checks_passed=True)
    assert not decision.promoted
    assert decision.numbers["candidate_macro_f1"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("other", [{"first": 1}, {"rows": 79}])
def test_evaluations_of_different_rows_cannot_be_compared(other: dict[str, int]) -> None:
    with pytest.raises(DifferentRowsError):
        decide(_evaluation(0.1), _evaluation(0.1, **other), _FLOORS, data_checks_passed=True)  # type: ignore[arg-type]


def test_the_interval_is_the_same_each_time_and_another_for_another_seed() -> None:
    first, second = _evaluation(0.1), _evaluation(0.2, seed=2)
    assert bootstrap_interval(first, second) == bootstrap_interval(first, second)
    assert bootstrap_interval(first, second) != bootstrap_interval(first, second, seed=1)


def test_the_interval_agrees_with_resampling_row_by_row() -> None:
    first, second = _evaluation(0.1), _evaluation(0.2, seed=2)
    columns = [GENRES.index(genre) for genre in _KNOWN]
    rng = np.random.default_rng(9)
    differences = []
    for _ in range(2000):
        rows = rng.integers(_ROWS, size=_ROWS)
        one, two = (macro_f1(e.labels[rows][:, columns], e.selected[rows][:, columns]) for e in (first, second))
        assert one is not None
        assert two is not None
        differences.append(one - two)
    expected = np.quantile(differences, [0.025, 0.975])
    assert bootstrap_interval(first, second, resamples=4000) == pytest.approx(expected, abs=0.012)


def test_no_interval_without_a_known_positive() -> None:
    unknown = _evaluation(0.1, known=False)
    assert bootstrap_interval(unknown, unknown) is None


def test_the_challenger_is_the_best_on_validation() -> None:
    validation = {"b": _evaluation(0.1), "a": _evaluation(0.1), "c": _evaluation(0.3), "d": _evaluation(0.0, genres=())}
    assert choose_challenger(validation) == "a"


@pytest.mark.parametrize("validation", [{}, {"a": _evaluation(0.1, known=False)}])
def test_no_challenger_without_a_figure(validation: dict[str, Evaluation]) -> None:
    with pytest.raises(ValueError, match="no macro-F1 is known"):
        choose_challenger(validation)


def test_a_candidate_that_might_be_much_worse_is_refused_though_it_scored_better() -> None:
    """What counts is the lower end of the interval: with few rows, a small lead says little."""
    champion, candidate = _evaluation(0.2, seed=2), _evaluation(0.19, seed=7)
    assert candidate.macro_f1 is not None
    assert champion.macro_f1 is not None
    decision = decide(candidate, champion, _FLOORS)
    low = decision.numbers["difference_to_champion_low"]
    assert low is not None
    assert low < Bounds().least_difference
    assert not decision.promoted


def _with_a_bad_slice(rows: int, bad: int) -> tuple[Evaluation, Evaluation]:
    """A champion, and a candidate that is perfect but in a slice of ``bad`` rows, where it errs."""
    names = tuple((f"kind={'show' if row < bad else 'movie'}",) for row in range(rows))
    champion = _evaluation(0.15, seed=2, rows=rows, memberships=names)
    wrong, candidate = _evaluation(0.4, rows=rows), _evaluation(0.0, rows=rows, memberships=names)
    candidate.selected[:bad] = wrong.selected[:bad]
    return champion, candidate


def test_a_slice_that_is_significantly_worse_refuses() -> None:
    champion, candidate = _with_a_bad_slice(800, 100)
    decision = decide(candidate, champion, _floors(800))
    (reason,) = decision.reasons
    assert "On the 100 test rows with kind=show it is significantly worse" in reason
    low, high = decision.numbers["difference_to_champion_low"], decision.numbers["kind=show_high"]
    assert low is not None
    assert high is not None
    assert low > 0 > high


def test_a_smaller_slice_is_reported_and_not_judged() -> None:
    champion, candidate = _with_a_bad_slice(800, 99)
    decision = decide(candidate, champion, _floors(800))
    assert decision.promoted
    difference = decision.numbers["kind=show_difference"]
    assert difference is not None
    assert difference < 0
    assert "kind=show_high" not in decision.numbers


def test_slices_of_equal_models_seldom_refuse() -> None:
    """Of ten slices in which neither model is better, none is found to be worse in nearly all draws."""
    refused = 0
    for seed in range(10, 22):
        names = tuple((f"decade={row % 10}",) for row in range(1000))
        one = _evaluation(0.2, seed=seed, rows=1000, memberships=names)
        other = _evaluation(0.2, seed=seed + 100, rows=1000, memberships=names)
        decision = decide(one, other, _floors(1000))
        refused += any("significantly worse" in reason for reason in decision.reasons)
    assert refused <= 3


@pytest.mark.parametrize(
    ("excess_ece", "latency_ms", "said"),
    [
        (0.031, 1.0, "mean calibration error beyond chance of 0.031 is above the bound of 0.03"),
        (None, 1.0, "mean calibration error beyond chance is unknown"),
        (0.0, 101.0, "latency in milliseconds of one title of 101 is above the bound of 100"),
        (0.0, None, "latency in milliseconds of one title is unknown"),
    ],
)
def test_calibration_and_latency_have_bounds(excess_ece: float | None, latency_ms: float | None, said: str) -> None:
    decision = decide(_evaluation(0.0, excess_ece=excess_ece), None, _FLOORS, latency_ms=latency_ms)
    (reason,) = decision.reasons
    assert said in reason
    assert not decision.promoted


@pytest.mark.parametrize(("rows", "excess", "promoted"), [(999, 0.06, True), (1000, 0.06, False), (1000, 0.05, True)])
def test_the_calibration_of_each_genre_with_labels_enough_has_a_bound(rows: int, excess: float, promoted: bool) -> None:
    candidate = _evaluation(0.0, rows=rows)
    candidate.per_genre.update(drama={"excess_ece": excess}, horror={"excess_ece": 0.0}, war={"excess_ece": 0.9})
    decision = decide(candidate, None, _floors(rows))
    assert decision.promoted == promoted
    assert decision.numbers["genre=drama_excess_ece"] == excess
    # No label of it is known.
    assert decision.numbers["genre=war_excess_ece"] == 0.9
    if not promoted:
        (reason,) = decision.reasons
        assert "error of drama beyond chance of 0.06, on 1000 test rows, is above the bound of 0.05" in reason


def test_scores_on_masked_texts_are_told_with_their_difference() -> None:
    candidate, champion = _evaluation(0.2, seed=2), _evaluation(0.1)
    found = masked_numbers(candidate, champion)
    assert found["masked_candidate_macro_f1"] == candidate.macro_f1
    assert found["masked_champion_macro_f1"] == champion.macro_f1
    low, difference, high = (found[f"masked_difference_to_champion{end}"] for end in ("_low", "", "_high"))
    assert low is not None
    assert difference is not None
    assert high is not None
    assert low < difference < high < 0
    assert masked_numbers(candidate, None) == {"masked_candidate_macro_f1": candidate.macro_f1}


@settings(max_examples=25)
@given(st.floats(0, 0.6), st.floats(0, 0.6), st.booleans(), st.booleans())
def test_what_is_promoted_is_never_worse(candidate: float, champion: float, first: bool, passed: bool) -> None:
    mine, theirs = _evaluation(candidate, seed=3), _evaluation(champion, seed=4)
    decision = decide(mine, None if first else theirs, _FLOORS, data_checks_passed=passed)
    assert decision.reasons
    floors = max(floor.macro_f1 or 0.0 for floor in _FLOORS.values())
    low = decision.numbers.get("difference_to_champion_low")
    better = (mine.macro_f1 or 0.0) > floors and (first or (low is not None and low > -0.01))
    assert decision.promoted == (passed and better)
