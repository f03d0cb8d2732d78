"""``genre_bert`` as an asset: what decides which of its precisions predicts."""

import pandas as pd
import pytest

from trending_assets.assets.models.bert import compared_rows
from trending_assets.domain.genres.bert import ROWS_OF_MACRO


@pytest.mark.parametrize(
    ("validation", "train", "of_train"),
    [(1549, 9000, 451), (2500, 9000, 0), (999, 9000, 0), (140, 1200, 160), (9, 9, 9)],
)
def test_there_are_rows_enough_to_tell_of_macro_f1_where_validation_has_half_of_them(
    validation: int, train: int, of_train: int
) -> None:
    split = ["validation"] * validation + ["train"] * train + ["test"] * 50
    frame = pd.DataFrame({"title_id": [f"t{i:05d}" for i in range(len(split))], "split": split})
    counts = compared_rows(frame)["split"].value_counts()
    assert counts.get("validation") == min(validation, ROWS_OF_MACRO)
    assert counts.get("train", 0) == of_train
    assert set(counts.index) <= {"validation", "train"}
