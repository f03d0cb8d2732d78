"""Distances are 0 where shares are equal, the same both ways, and know a shift from a fluctuation by its p-value."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trending_assets.domain.drift.distances import psi, rank_wasserstein
from trending_assets.domain.drift.significance import holm, permutation_test, seeded, share_p_value
from trending_assets.domain.drift.sketches import CategoricalSketch, NumericSketch

_COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12)
_VALUES = st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=60)


def _pair(reference: list[int], current: list[int]) -> tuple[np.ndarray, np.ndarray]:
    size = min(len(reference), len(current))
    assume(sum(reference[:size]) and sum(current[:size]))
    return np.array(reference[:size]), np.array(current[:size])


@settings(deadline=None)
@given(_COUNTS, _COUNTS)
@pytest.mark.parametrize("distance", [psi, rank_wasserstein])
def test_a_distance_is_symmetric_and_not_negative(distance, reference: list[int], current: list[int]) -> None:
    p, q = _pair(reference, current)
    assert distance(p, q) == pytest.approx(distance(q, p), abs=1e-12)
    assert np.isfinite(distance(p, q))
    assert distance(p, q) >= -1e-12


@settings(deadline=None)
@given(_COUNTS, st.integers(1, 40))
@pytest.mark.parametrize("distance", [psi, rank_wasserstein])
def test_equal_shares_are_no_distance_apart_however_many_rows_there_are(distance, counts: list[int], k: int) -> None:
    assume(sum(counts))
    assert distance(np.array(counts), np.array(counts) * k) == pytest.approx(0, abs=1e-9)


def test_the_psi_is_that_of_the_textbook_where_there_are_many_rows() -> None:
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.4, 0.4, 0.2])
    textbook = ((p - q) * np.log(p / q)).sum()
    assert psi(p * 1e6, q * 1e6) == pytest.approx(textbook, rel=1e-4)


def test_half_a_standard_deviation_is_a_seventh_of_the_ranks() -> None:
    random = np.random.default_rng(0)
    sketch = NumericSketch.of(random.normal(size=50_000))
    assert rank_wasserstein(sketch.counts, sketch.count(random.normal(0.5, size=50_000))) == pytest.approx(
        0.14, abs=0.01
    )


def test_a_share_is_judged_by_fishers_exact_test() -> None:
    # The lady tasting tea, from Fisher's The Design of Experiments: 1 of 70 ways, and 17.
    assert share_p_value(4, 4, 0, 4) == pytest.approx(1 / 70)
    assert share_p_value(3, 4, 1, 4) == pytest.approx(17 / 70)
    assert share_p_value(0, 4, 4, 4) == 1
    assert 0 < share_p_value(100_000, 100_000, 0, 100_000) < 1e-300


@settings(deadline=None)
@given(_VALUES, _VALUES)
def test_a_sketch_counts_every_value_once(first: list[float], second: list[float]) -> None:
    sketch = NumericSketch.of(first)
    assert sketch.counts.sum() == len(first)
    counted = sketch.count(second)
    assert counted.sum() == len(second)
    assert counted[-1] == np.isnan(second).sum()
    assert np.array_equal(sketch.count(first), sketch.counts)
    read = NumericSketch.from_json(sketch.as_json())
    assert np.array_equal(read.count(second), counted)


def test_values_beyond_the_reference_have_bins_of_their_own() -> None:
    sketch = NumericSketch.of([5.0] * 40)
    assert sketch.count([4.0, 5.0, 6.0, np.nan]).tolist() == [1, 1, 1, 1]


def test_a_column_without_a_value_is_all_missing() -> None:
    sketch = NumericSketch.of([np.nan, np.nan])
    assert sketch.count([1.0, np.nan]).tolist() == [1, 1]
    assert sketch.counts.tolist() == [0, 2]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", None])), st.lists(st.sampled_from(["a", "d", None])))
def test_a_value_that_the_reference_has_not_seen_is_another(first: list[str | None], second: list[str | None]) -> None:
    sketch = CategoricalSketch.of(first)
    counts = dict(zip([*sketch.values, "other", None], sketch.count(second).tolist(), strict=True))
    assert counts[None] == second.count(None)
    assert counts["other"] == second.count("d") + (0 if "a" in sketch.values else second.count("a"))
    assert sketch.counts.sum() == len(first)
    assert CategoricalSketch.from_json(sketch.as_json()).counts.tolist() == sketch.counts.tolist()


def test_only_the_most_frequent_values_are_told_apart() -> None:
    sketch = CategoricalSketch.of([*"aaabbc"], most=2)
    assert sketch.values == ("a", "b")
    assert sketch.counts.tolist() == [3, 2, 1, 0]


def test_the_same_difference_is_chance_on_few_rows_and_none_on_many() -> None:
    reference = np.array([5000, 5000])
    few = permutation_test(reference, np.array([18, 12]), psi, seeded("few"))
    many = permutation_test(reference, np.array([1800, 1200]), psi, seeded("many"))
    assert few.score == pytest.approx(many.score, rel=0.1)
    assert few.p_value > 0.1
    assert many.p_value < 0.001
    assert few.expected > 10 * many.expected


def test_p_values_of_what_has_not_changed_are_uniform() -> None:
    random = np.random.default_rng(3)
    shares = random.dirichlet(np.ones(8))
    found = [
        permutation_test(random.multinomial(400, shares), random.multinomial(40, shares), psi, random).p_value
        for _ in range(300)
    ]
    for level in (0.05, 0.2, 0.5):
        # Four standard deviations of a share of 300.
        assert abs(np.mean(np.array(found) <= level) - level) < 4 * np.sqrt(level * (1 - level) / 300)


def test_what_is_computed_again_is_the_same() -> None:
    first, second = (
        permutation_test(np.array([50, 50]), np.array([20, 14]), psi, seeded("day", "column")) for _ in range(2)
    )
    assert first == second
    assert seeded("day", "column").integers(1 << 30) != seeded("column", "day").integers(1 << 30)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_is_between_none_and_bonferroni_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for p, a in zip(p_values, adjusted, strict=True):
        assert p <= a <= min(1.0, p * len(p_values)) + 1e-12
    ordered = [adjusted[i] for i in np.argsort(p_values, kind="stable")]
    assert ordered == sorted(ordered)


def test_holm_is_that_of_the_textbook() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
