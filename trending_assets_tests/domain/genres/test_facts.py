"""Countries and running time count where they are known, and are not relied on where they are not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trending_assets.domain.catalog.certificates import CERTIFICATES
from trending_assets.domain.genres.datasets import features_of, rows_of
from trending_assets.domain.genres.facts import (
    RUNTIME_STEPS,
    certificate_flags,
    common_countries,
    common_platforms,
    country_flags,
    platform_flags,
    runtime_step,
    some_without_facts,
)
from trending_assets.domain.genres.models import model_class
from trending_assets.domain.genres.training import train
from trending_assets.domain.text.features import TitleFeatures, title_features
from trending_assets_tests.domain.genres.corpus import corpus


def _title(countries: list[str], minutes: int | None = None) -> TitleFeatures:
    return title_features("A title", "plain1 plain2", "movie", 1990, countries, minutes)


def _without_facts(frame: pd.DataFrame) -> pd.DataFrame:
    minutes = pd.array([None] * len(frame), dtype="Int64")
    lists = {name: [[]] * len(frame) for name in ("countries", "platforms")}
    return frame.assign(**lists, runtime_minutes=minutes, certificate=None)


def test_a_certificate_is_one_of_those_known_or_nothing() -> None:
    rated = title_features("A title", "plain1 plain2", "movie", 1990, certificate="TV-Y7")
    assert dict(zip(CERTIFICATES, certificate_flags(rated).tolist(), strict=True))["TV-Y7"] == 1
    assert certificate_flags(rated).sum() == 1
    assert not certificate_flags(_title([])).any()


def test_a_country_counts_from_twenty_titles_on() -> None:
    titles = [_title(["US"])] * 20 + [_title(["FR", "FR"])] * 19 + [_title(["IN", "JP"])] * 25
    known = common_countries(titles)
    assert known == ("IN", "JP", "US")
    assert country_flags(_title(["JP", "FR"]), known).tolist() == [0, 1, 0]


def test_a_platform_counts_from_twenty_titles_on() -> None:
    offered = [("hulu",)] * 19 + [("netflix", "hbo-max")] * 20
    titles = [title_features("A title", "plain1", "show", 2020, platforms=each) for each in offered]
    known = common_platforms(titles)
    assert known == ("hbo-max", "netflix")
    assert platform_flags(titles[0], known).tolist() == [0, 0]
    assert platform_flags(titles[-1], known).tolist() == [1, 1]


@given(st.none() | st.integers(1, 10_000))
def test_running_times_fall_into_steps(minutes: int | None) -> None:
    step = runtime_step(_title([], minutes))
    assert (step is None) == (minutes is None)
    if minutes is not None and step is not None:
        assert 0 <= step < RUNTIME_STEPS
        assert step == RUNTIME_STEPS - 1 or 12 * step <= minutes < 12 * (step + 1)


def test_three_rows_in_ten_are_learned_from_without_them() -> None:
    minutes = pd.array([90] * 4000, dtype="Int64")
    lists = {"countries": [["US"]] * 4000, "platforms": [["hulu"]] * 4000}
    frame = pd.DataFrame({**lists, "runtime_minutes": minutes, "certificate": "PG"})
    shown = some_without_facts(frame, seed=1)
    hidden = shown["runtime_minutes"].isna()
    assert 0.27 < hidden.mean() < 0.33
    for name in lists:
        assert [bool(found) for found in shown[name]] == (~hidden).tolist()
    assert shown["certificate"].isna().equals(hidden)
    assert some_without_facts(frame, seed=1).equals(shown)
    assert not some_without_facts(frame, seed=2).equals(shown)
    assert frame["runtime_minutes"].notna().all()


@pytest.mark.parametrize("name", ["genre_logreg", "genre_xgboost"])
@pytest.mark.parametrize(
    "told",
    [
        {"countries": lambda drama: ["KR"] if drama else ["US"]},
        {"runtime_minutes": lambda drama: 150 if drama else 40},
        {"certificate": lambda drama: "R" if drama else "G"},
        {"platforms": lambda drama: ["hulu"] if drama else ["netflix"]},
    ],
)
def test_a_fact_that_tells_a_genre_is_learned(name: str, told: dict) -> None:
    frame = corpus(300, seed=2)
    drama = ["drama" in genres for genres in frame["genres"]]
    frame = _without_facts(frame)
    ((column, value),) = told.items()
    # The text says nothing of it.
    frame = frame.assign(text="A title", masked_text="A title", embedding=[np.eye(1, 384)[0]] * len(frame))
    dtype = "Int64" if column == "runtime_minutes" else "object"
    frame[column] = pd.Series([value(each) for each in drama], dtype=dtype, index=frame.index)
    predictor = train(model_class(name), frame, seed=1, folds=2, genres=("comedy", "drama")).predictor
    test = rows_of(frame, "test")
    chance = predictor.probabilities(features_of(test))[:, 1]
    has = np.array(["drama" in genres for genres in test["genres"]])
    assert chance[has].min() > chance[~has].max()
    without = predictor.probabilities(features_of(_without_facts(test)))[:, 1]
    assert chance[~has].max() < without.min() <= without.max() < chance[has].min()
