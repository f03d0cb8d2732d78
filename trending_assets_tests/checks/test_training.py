"""The check of the training set finds each thing that would make a score too good to be true."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from trending_assets.checks.training import training_set_is_sound
from trending_assets.resources.home import HomeResource
from trending_assets_tests.domain.genres.corpus import corpus


def _failing(folder: Path, frame: pd.DataFrame) -> set[str]:
    home = HomeResource(folder=str(folder))
    home.lake.write("genre_training_set", pa.Table.from_pandas(frame, preserve_index=False))
    result = training_set_is_sound(home)
    found = {name for name, value in result.metadata.items() if value.value}
    assert result.passed == (not found)
    return found


def test_a_sound_training_set_passes(tmp_path: Path) -> None:
    assert _failing(tmp_path, corpus(200)) == set()


@pytest.mark.parametrize(
    ("column", "values", "problem"),
    [
        ("current_title_id", ["same", "same"], "titles in train and test"),
        ("text", ["The Fog. A ghost story", "the fog: a GHOST story"], "texts in train and test"),
        ("plot", ["A cop hunts a killer.", "a cop hunts a killer"], "plots in train and test"),
        ("plot", ["Plot unknown", "Plot unknown"], None),
        ("title_id", ["tt1", "tt1"], "titles that stand twice"),
        ("split", ["train", "held"], "rows of no known split"),
        ("split", ["excluded", "test"], "exclusions without a reason"),
    ],
)
def test_what_is_not_sound_is_found(column: str, values: list[Any], problem: str | None, tmp_path: Path) -> None:
    frame = corpus(200)
    pair = [frame.index[frame["split"] == split][0] for split in ("train", "test")]
    frame.loc[pair, column] = values
    assert _failing(tmp_path, frame) == ({problem} if problem else set())


def test_a_training_set_without_test_titles_is_not_sound(tmp_path: Path) -> None:
    frame = corpus(200)
    assert _failing(tmp_path, frame[frame["split"] != "test"]) == {"empty splits"}
