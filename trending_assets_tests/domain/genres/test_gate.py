import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.gate import (
    DifferentRowsError,
    bootstrap_interval,
    choose_challenger,
    decide,
)
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
        per_genre={},
        slices={},
    )


_FLOORS = {"genre_keyword": _evaluation(0.3), "genre_majority": _evaluation(0.5)}


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
    assert f"{candidate.macro_f1:.4f} is below the {champion.macro_f1:.4f} of the current champion" in reason
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


def test_without_a_floor_nothing_is_promoted() -> None:
    decision = decide(_evaluation(0.0), None, {}, data_checks_passed=True)
    assert not decision.promoted
    assert "No floor was evaluated" in decision.reasons[0]


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


@settings(max_examples=25)
@given(st.floats(0, 0.6), st.floats(0, 0.6), st.booleans(), st.booleans())
def test_what_is_promoted_is_never_worse(candidate: float, champion: float, first: bool, passed: bool) -> None:
    mine, theirs = _evaluation(candidate, seed=3), _evaluation(champion, seed=4)
    decision = decide(mine, None if first else theirs, _FLOORS, data_checks_passed=passed)
    assert decision.reasons
    floors = max(floor.macro_f1 or 0.0 for floor in _FLOORS.values())
    better = (mine.macro_f1 or 0.0) > floors and (first or (mine.macro_f1 or 0.0) >= (theirs.macro_f1 or 0.0))
    assert decision.promoted == (passed and better)
