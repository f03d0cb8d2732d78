"""The reduced TF-IDF is fitted once there are texts enough, by whichever run comes first, and then stays as it is."""

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from feature_repo.repository import apply
from trending_assets.assets.features.tfidf import LEAST_TRAIN_TEXTS
from trending_assets.domain.catalog.records import STRINGS, TIMESTAMP
from trending_assets.domain.genres.datasets import TRAIN, assign_split
from trending_assets.domain.genres.masking import mask_genre_words
from trending_assets.domain.trend.activity import WINDOWS
from trending_assets.resources.home import HomeResource
from trending_assets.storage.feature_store import open_feature_store
from trending_assets.storage.fitted import FittedTfIdf
from trending_assets_tests.integration.homes import SmallHome
from trending_assets_tests.integration.small_source import DAYS

_WORDS = [f"{first}{last}" for first in ("har", "win", "or", "sta", "let", "bri") for last in ("bour", "dow", "chard")]
FEW, MANY = 40, 760
_SCORES = [f"{name}_{window}" for window in WINDOWS for name in ("score", "momentum_points", "volume_points")]


def _land(home: SmallHome, day: str, titles: int, start: int) -> None:
    """Texts of a day, one in three of which names a genre."""
    rng = random.Random(day)
    arrived = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(hours=1)
    texts = [" ".join(rng.choices(_WORDS, k=12)) + (" a horror film" if i % 3 == 0 else "") for i in range(titles)]
    times = {
        "title_id": pa.array([f"tt{start + i:07}" for i in range(titles)], pa.string()),
        "event_timestamp": pa.array([arrived] * titles, TIMESTAMP),
        "created": pa.array([arrived] * titles, TIMESTAMP),
    }
    numbers = pa.array([14] * titles, pa.int64())
    text = {
        "text": pa.array(texts, pa.string()),
        "kind": pa.array(["movie"] * titles, pa.string()),
        "countries": pa.array([["GB"]] * titles, STRINGS),
        **dict.fromkeys(("year", "word_count", "runtime_minutes"), numbers),
        "certificate": pa.array(["PG"] * titles, pa.string()),
        "platforms": pa.array([["netflix"]] * titles, STRINGS),
    }
    home.lake.write("title_text", pa.table({**times, **text}), day=day)
    _mask(home, day)
    embedding = pa.array([[0.0] * 384] * titles, pa.list_(pa.float32()))
    home.lake.write("title_embedding", pa.table({**times, "embedding": embedding}), day=day)
    scores = dict.fromkeys([*_SCORES, "coverage"], pa.array([0.5] * titles, pa.float64()))
    activity = {**times, "reviews_1d": numbers, "reviews_7d": numbers, **scores}
    home.lake.write("title_activity", pa.table(activity), day=day)


def _mask(home: SmallHome, day: str) -> None:
    text = home.lake.read("title_text", day)
    masked = pa.array([mask_genre_words(each) for each in text["text"].to_pylist()], pa.string())
    table = text.select(["title_id", "event_timestamp", "created"]).append_column("masked_text", masked)
    home.lake.write("title_masked", table, day=day)


def _fill(home: SmallHome, *days: str, fit: bool = True) -> None:
    home.run("features", days, ["title_tfidf_fitted", "title_tfidf"] if fit else ["title_tfidf"])


def _rows(home: SmallHome, day: str) -> list[dict[str, Any]]:
    return list(home.lake.read("title_tfidf", day).to_pylist())


def _fitted(home: SmallHome) -> FittedTfIdf | None:
    return HomeResource(folder=str(home.folder)).fitted_tfidf.read()


@pytest.fixture
def home(tmp_path: Path) -> SmallHome:
    """A home of which a day has landed that is too small to fit anything on."""
    home = SmallHome(tmp_path / "home")
    _land(home, DAYS[0], FEW, 0)
    return home


def test_before_there_are_texts_enough_every_vector_is_zero(home: SmallHome) -> None:
    _fill(home, DAYS[0])
    assert _fitted(home) is None
    rows = _rows(home, DAYS[0])
    assert len(rows) == FEW
    assert {tuple(row["tfidf"]) for row in rows} == {(0.0,) * len(rows[0]["tfidf"])}


def test_the_run_that_brings_enough_fits_once_and_fills_every_day(home: SmallHome) -> None:
    _fill(home, DAYS[0])
    _land(home, DAYS[1], MANY, FEW)
    _fill(home, DAYS[1])
    fitted = _fitted(home)
    assert fitted is not None
    train = [i for i in range(FEW + MANY) if assign_split(f"tt{i:07}") == TRAIN]
    assert fitted.train_texts == len(train) >= LEAST_TRAIN_TEXTS
    for day in DAYS[:2]:
        text = {row["title_id"]: row["text"] for row in home.lake.read("title_text", day).to_pylist()}
        for row in _rows(home, day):
            written, masked = (text[row["title_id"]], mask_genre_words(text[row["title_id"]]))
            assert np.float32(row["tfidf"]).tobytes() == fitted.reduction.transform(written).tobytes()
            assert np.float32(row["masked_tfidf"]).tobytes() == fitted.reduction.transform(masked).tobytes()
            assert row["tfidf_version"] == fitted.reduction.version
            assert (row["tfidf"] != row["masked_tfidf"]) == ("horror" in written)

    before = home.digests()
    _land(home, DAYS[2], MANY, FEW + MANY)
    _fill(home, DAYS[2])
    after = home.digests()
    assert {path: after[path] for path in before} == before
    # A day alone is computed again without a fit, and gives the same bytes.
    home.lake.path("title_tfidf", DAYS[2]).unlink()
    _fill(home, DAYS[2], fit=False)
    assert home.digests() == after
    again = _fitted(home)
    assert again is not None
    assert again.reduction.version == fitted.reduction.version


def test_days_that_were_filled_anew_go_online_with_the_next(home: SmallHome) -> None:
    apply(home.folder)
    everything = ["title_tfidf_fitted", "title_tfidf", "online_store"]
    home.run("features", [DAYS[0]], everything)
    before = _online(home, "tt0000000")
    _land(home, DAYS[1], MANY, FEW)
    home.run("features", [DAYS[1]], everything)
    fitted = _fitted(home)
    assert fitted is not None
    versions = {_online(home, title)["tfidf_version"] for title in ("tt0000000", f"tt{FEW:07}")}
    assert versions == {fitted.reduction.version}
    assert before["tfidf_version"] != fitted.reduction.version
    assert not any(before["tfidf"])
    assert any(_online(home, "tt0000000")["tfidf"])


def _online(home: SmallHome, title: str) -> dict[str, Any]:
    features = ["title_tfidf__v1:tfidf", "title_tfidf__v1:tfidf_version"]
    answer = open_feature_store(home.folder).get_online_features(features, [{"title_id": title}]).to_dict()
    return {name: values[0] for name, values in answer.items()}


def test_nothing_of_a_held_out_title_is_fitted(home: SmallHome) -> None:
    _land(home, DAYS[1], MANY, FEW)
    text = home.lake.read("title_text", DAYS[1])
    held = [assign_split(title) != TRAIN for title in text["title_id"].to_pylist()]
    telling = [f"{t} secret word" if out else t for t, out in zip(text["text"].to_pylist(), held, strict=True)]
    home.lake.write("title_text", text.set_column(3, "text", pa.array(telling)), day=DAYS[1])
    _mask(home, DAYS[1])
    _fill(home, DAYS[1])
    fitted = _fitted(home)
    assert fitted is not None
    assert sum(held) > 100
    assert not {"secret", "word"} & set(fitted.reduction.tfidf.vocabulary)
    assert "horror" in fitted.reduction.tfidf.vocabulary


def test_a_text_that_a_held_out_title_has_too_is_left_out(home: SmallHome) -> None:
    _land(home, DAYS[1], MANY, FEW)
    text = home.lake.read("title_text", DAYS[1])
    shared = ["Secret: the same words!" if i % 2 else t for i, t in enumerate(text["text"].to_pylist())]
    _land(home, DAYS[2], MANY, FEW + MANY)
    home.lake.write("title_text", text.set_column(3, "text", pa.array(shared)), day=DAYS[1])
    _mask(home, DAYS[1])
    _fill(home, DAYS[1], DAYS[2])
    fitted = _fitted(home)
    assert fitted is not None
    assert "secret" not in fitted.reduction.tfidf.vocabulary


def test_without_what_was_fitted_it_is_fitted_anew_and_every_day_follows(home: SmallHome) -> None:
    _land(home, DAYS[1], MANY, FEW)
    _fill(home, *DAYS[:2])
    first = _fitted(home)
    _land(home, DAYS[2], MANY, FEW + MANY)
    shutil.rmtree(HomeResource(folder=str(home.folder)).fitted_tfidf.folder)
    _fill(home, DAYS[2])
    second = _fitted(home)
    assert first is not None
    assert second is not None
    assert second.reduction.version != first.reduction.version
    versions = {row["tfidf_version"] for day in DAYS[:3] for row in _rows(home, day)}
    assert versions == {second.reduction.version}
