"""Which model the gate decides on."""

import numpy as np
import pandas as pd

from trending_assets.assets.models.champion import Contender, best_candidate
from trending_assets.domain.genres.datasets import TEST, VALIDATION, label_matrix, rows_of
from trending_assets.domain.genres.held_out import AS_WRITTEN, HELD_SPLITS, MASKED, HeldOut
from trending_assets.domain.genres.majority import MajorityModel
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets_tests.domain.genres.corpus import LEARNED, corpus


def right_on(frame: pd.DataFrame, *parts: tuple[str, str]) -> Contender:
    """A model that knows each genre of the titles of these splits, with texts of these, and of all others none."""
    rows = {split: rows_of(frame, split) for split in HELD_SPLITS}
    said = {}
    for split, held in rows.items():
        truth = np.nan_to_num(label_matrix(held, LEARNED))
        said |= {(split, text): truth if (split, text) in parts else 1 - truth for text in (AS_WRITTEN, MASKED)}
    predictor = GenrePredictor(MajorityModel(LEARNED, np.full(len(LEARNED), 0.5), ()), dict.fromkeys(LEARNED, 0.5))
    return Contender(predictor, frame, HeldOut({split: tuple(held["title_id"]) for split, held in rows.items()}, said))


def test_it_is_the_one_that_is_best_on_validation_without_the_names_of_genres() -> None:
    frame = corpus(300)
    assert len(rows_of(frame, VALIDATION))
    contenders = {
        "genre_keyword": right_on(frame, (VALIDATION, MASKED), (VALIDATION, AS_WRITTEN)),
        "genre_logreg": right_on(frame, (VALIDATION, AS_WRITTEN)),
        "genre_xgboost": right_on(frame, (VALIDATION, MASKED)),
        "genre_bert": right_on(frame, (TEST, MASKED), (TEST, AS_WRITTEN)),
    }
    assert best_candidate(contenders) == "genre_xgboost"


def test_floors_alone_give_none() -> None:
    assert best_candidate({"genre_keyword": right_on(corpus(300), (VALIDATION, MASKED))}) is None
