"""A model card says what is known of a version, and what is not known it does not make up."""

import pytest

from trending_assets.storage.model_card import model_card
from trending_assets.storage.registry import Manifest
from trending_assets_tests.domain.genres.corpus import corpus
from trending_assets_tests.storage.registering import REF, fields

SLICES = {
    "country=FR": {"rows": 40.0, "macro_f1": 0.4, "micro_f1": 0.5},
    "country=IN": {"rows": 29.0, "macro_f1": 0.1, "micro_f1": 0.1},
    "country=US": {"rows": 400.0, "macro_f1": 0.6, "micro_f1": 0.75},
    "kind=movie": {"rows": 400.0, "macro_f1": 0.6, "micro_f1": 0.7},
    "kind=show": {"rows": 50.0},
}


def _manifest(**changes: object) -> Manifest:
    return Manifest(**{"model": REF.model, "version": REF.version, "files": {}, **fields(**changes)})


def test_a_bare_manifest_leaves_much_unknown() -> None:
    card = model_card(_manifest(), 1000, [], None)
    assert card.startswith(f"# {REF}\n")
    assert "The gate has not decided on it." in card
    assert "who is in it is unknown" in card
    assert "| micro_f1 | unknown | unknown |" in card
    assert "| macro_f1 | 0.500 | unknown |" in card
    assert "trained: 2025-06-27 12:00 UTC, in unknown s" in card
    assert "No slice of the test titles holds 30 titles" in card
    assert "nan" not in card


def test_gaps_are_between_slices_that_are_large_enough_and_were_measured() -> None:
    card = model_card(_manifest(slices=SLICES), 1000, [], None)
    assert "- countries: 0.250 of micro-F1 between US and FR" in card
    assert "| country FR | 40 | 0.400 | 0.500 |" in card
    assert "country IN" not in card
    assert "kinds:" not in card


def test_who_is_in_the_train_titles_is_counted() -> None:
    frame = corpus(200)
    frame["labels_complete"] = frame.index % 2 == 0
    train = frame[frame["split"] == "train"]
    card = model_card(_manifest(parameters={"train_rows": len(train)}), 1000, [], frame)
    assert f"- {train['labels_complete'].sum()} of them have complete labels" in card
    assert f"- sources of the {len(train)} train titles: sample 100%" in card
    assert f"movie {(train['kind'] == 'movie').mean():.0%}" in card
    assert f"not stated {train['language'].isna().mean():.0%}" in card


@pytest.mark.parametrize(("promoted", "word"), [(True, "promoted"), (False, "refused")])
def test_the_gate_s_reasons_are_those_of_this_version(promoted: bool, word: str) -> None:
    decisions = [
        {"candidate": "genre_xgboost/1", "promoted": True, "reasons": ["Another's."]},
        {"candidate": str(REF), "promoted": promoted, "reasons": ["It did", "well."]},
    ]
    card = model_card(_manifest(), 1000, decisions, None)
    assert f"- {word}: It did well." in card
    assert "Another's." not in card


def test_what_it_was_trained_with_can_be_given_again() -> None:
    tuned = {"passes": 0.1234, "learning_rate": 0.00003, "checkpoint_sha256": "ab", "train_rows": 1187.0}
    card = model_card(_manifest(model="genre_bert", parameters=tuned), 1000, [], None)
    assert "`trending train genre_bert --passes 0.1234`" in card
    assert "passes = 0.1234, learning_rate = 3e-05, checkpoint_sha256 = ab, train_rows = 1187" in card
    assert "`trending tune` found best" in card
    assert "`trending tune`" not in model_card(_manifest(parameters={"train_rows": 5.0}), 1000, [], None)


def test_a_blend_is_made_again_from_its_members() -> None:
    refs = {"genre_logreg": "genre_logreg/1", "genre_bert": "genre_bert/1"}
    members = [_manifest(model="genre_logreg"), _manifest(model="genre_bert", parameters={"passes": 2.0})]
    card = model_card(_manifest(model="genre_blend", parameters=refs), 1000, [], None, members)
    commands = (
        "`trending train genre_logreg`, then `trending train genre_bert --passes 2`, then `trending train genre_blend`"
    )
    assert commands in card
