import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres import datasets
from trending_assets.domain.genres.datasets import (
    LabelOutsideCoverageError,
    assign_split,
    features_of,
    known_genres,
    label_matrix,
    released_later,
    rows_of,
    some_masked,
    splits,
)
from trending_assets.domain.genres.facts import some_without_facts
from trending_assets_tests.domain.genres.corpus import LEARNED, corpus


def _ids_of(split: str, number: int) -> list[str]:
    return [i for i in (f"tt{n}" for n in range(5000)) if assign_split(i) == split][:number]


def _frame(rows: list[tuple[str, str, list[str], list[str]]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["title_id", "text", "genres", "label_coverage"])
    plots = [text.partition(". ")[2] for text in frame["text"]]
    return frame.assign(current_title_id=frame["title_id"], plot=plots, labels_complete=True)


def test_some_rows_are_shown_without_the_names_of_genres() -> None:
    frame = corpus(400).assign(masked_text="nothing")
    shown = some_masked(frame, 0.3, 5)
    assert (shown["text"] == "nothing").mean() == pytest.approx(0.3, abs=0.07)
    kept = shown["text"] != "nothing"
    assert shown["text"][kept].tolist() == frame["text"][kept].tolist()
    assert some_masked(frame, 0.3, 5)["text"].tolist() == shown["text"].tolist()
    assert some_masked(frame, 0.3, 6)["text"].tolist() != shown["text"].tolist()
    assert some_masked(frame, 0.0, 5)["text"].tolist() == frame["text"].tolist()
    # What is made of the text goes with it.
    assert shown["word_count"][~kept].tolist() == [1] * (~kept).sum()
    assert shown["word_count"][kept].tolist() == frame["word_count"][kept].tolist()
    other = frame.assign(masked_embedding=[np.zeros(384)] * 400)
    assert [not vector.any() for vector in some_masked(other, 0.3, 5)["embedding"]] == (~kept).tolist()
    # Facts are hidden by the same seed, of other rows.
    hidden = some_without_facts(frame.assign(countries=[["FR"]] * 400), 5)["countries"].map(len) == 0
    assert 0 < (hidden & kept).sum() < hidden.sum()


def test_the_shares_of_the_splits() -> None:
    counts = pd.Series([assign_split(f"title-{i}") for i in range(20_000)]).value_counts(normalize=True)
    assert counts["train"] == pytest.approx(0.80, abs=0.015)
    assert counts["validation"] == pytest.approx(0.10, abs=0.015)
    assert counts["test"] == pytest.approx(0.10, abs=0.015)


@pytest.mark.parametrize(
    ("group", "split"), [("tt0068646", "train"), ("tt0099685", "validation"), ("tt0076759", "test")]
)
def test_a_split_once_given_is_kept(group: str, split: str) -> None:
    assert assign_split(group) == split


def test_a_title_keeps_its_split_whatever_else_arrives() -> None:
    few, many = corpus(60), corpus(120)
    both = many.set_index("title_id").loc[few["title_id"]]
    assert few["split"].tolist() == both["split"].tolist()


def test_a_plot_that_nearly_stands_in_a_held_split_is_taken_from_the_other_side() -> None:
    plot = (
        "a lonely lighthouse keeper finds a chest on the shore and learns in a long winter of letters and lies from "
        "the village whose it was {} the storm"
    )
    (train, twin), (validation,), (test,) = _ids_of("train", 2), _ids_of("validation", 1), _ids_of("test", 1)
    rows = [
        (train, f"Another name. {plot.format('after')}", ["drama"], ["drama"]),
        (
            twin,
            "The Keeper. A lonely keeper and a chest on the shore of quite another sea in the north.",
            ["drama"],
            ["drama"],
        ),
        (validation, f"The Keeper. {plot.format('after')}", ["drama"], ["drama"]),
        (test, f"The Keeper. {plot.format('before')}", ["drama"], ["drama"]),
    ]
    result = splits(_frame(rows)).set_index("title_id")
    assert result.loc[[train, validation], "split_reason"].tolist() == ["plot also in test"] * 2
    assert result.loc[[twin, test], "split"].tolist() == ["train", "test"]


def test_text_of_the_test_split_is_taken_from_the_other_side() -> None:
    (train, twin), (validation,), (test,) = _ids_of("train", 2), _ids_of("validation", 1), _ids_of("test", 1)
    rows = [
        (train, "The Fog. A ghost story!", ["drama"], ["drama"]),
        (twin, "Another story", ["drama"], ["drama"]),
        (validation, "the fog  a GHOST story", ["drama"], ["drama"]),
        (test, "The fog: a ghost story", ["drama"], ["drama"]),
    ]
    result = splits(_frame(rows)).set_index("title_id")
    assert result.loc[[train, validation], "split"].tolist() == ["excluded", "excluded"]
    assert set(result.loc[[train, validation], "split_reason"]) == {"text also in test"}
    assert result.loc[[twin, test], "split"].tolist() == ["train", "test"]
    assert set(result.loc[[twin, test], "split_reason"]) == {""}


@pytest.mark.parametrize(
    ("plot", "held", "taken"),
    [
        ("a COP hunts a killer, in New York!", "A cop hunts a killer in New York.", True),
        ("A cop hunts a killer in New Orleans.", "A cop hunts a killer in New York.", False),
        ("Plot unknown", "Plot unknown", False),
        ("", "", False),
    ],
)
def test_a_short_plot_that_stands_in_a_held_split_is_taken_from_the_other_side(
    plot: str, held: str, taken: bool
) -> None:
    ids = [_ids_of(split, 1)[0] for split in ("train", "test")]
    rows = [(title_id, f"Name {title_id}", ["drama"], ["drama"]) for title_id in ids]
    result = splits(_frame(rows).assign(plot=[plot, held]))
    assert result["split"].tolist() == ["excluded" if taken else "train", "test"]
    assert result["split_reason"].tolist() == ["plot also in test" if taken else "", ""]


def test_a_title_that_was_found_to_be_one_of_a_held_split_is_taken_from_the_other_side() -> None:
    (train, other, third), (validation,), (test,) = _ids_of("train", 3), _ids_of("validation", 1), _ids_of("test", 1)
    ids = [train, other, third, validation, test]
    frame = _frame([(title_id, f"About {title_id}", ["drama"], ["drama"]) for title_id in ids])
    found = splits(frame.assign(current_title_id=["one", "two", third, "two", "one"])).set_index("title_id")
    assert found.loc[train, ["split", "split_reason"]].tolist() == ["excluded", "the same title as one in test"]
    assert found.loc[other, ["split", "split_reason"]].tolist() == ["excluded", "the same title as one in validation"]
    assert found.loc[[third, validation, test], "split"].tolist() == ["train", "validation", "test"]


def test_text_of_the_validation_split_is_taken_from_train() -> None:
    (train,), (validation,) = _ids_of("train", 1), _ids_of("validation", 1)
    rows = [(train, "Same", ["drama"], ["drama"]), (validation, "same.", ["drama"], ["drama"])]
    result = splits(_frame(rows)).set_index("title_id")
    assert result.loc[train, ["split", "split_reason"]].tolist() == ["excluded", "text also in validation"]
    assert result.loc[validation, "split"] == "validation"


def test_titles_whose_labels_are_not_complete_are_learned_from_and_not_judged_by() -> None:
    (train,), (validation,), (test,) = (_ids_of(split, 1) for split in ("train", "validation", "test"))
    rows = [(title_id, f"About {title_id}", ["drama"], ["drama"]) for title_id in (train, validation, test)]
    result = splits(_frame(rows).assign(labels_complete=False)).set_index("title_id")
    assert result["split"].to_dict() == {train: "train", validation: "excluded", test: "excluded"}
    assert set(result.loc[[validation, test], "split_reason"]) == {"labels not complete"}


def test_titles_without_labels_are_excluded_with_the_reason() -> None:
    rows = [("a", "x", [], []), ("b", "y", [], ["drama"]), ("c", "z", ["drama"], ["drama"])]
    result = splits(_frame(rows))
    assert result["split_reason"].tolist() == ["no label coverage", "no genre label", ""]
    assert result["split"].tolist()[:2] == ["excluded", "excluded"]


def test_an_excluded_title_takes_no_other_out() -> None:
    (train,), (test,) = _ids_of("train", 1), _ids_of("test", 1)
    result = splits(_frame([(train, "Same", ["drama"], ["drama"]), (test, "Same", [], [])])).set_index("title_id")
    assert result.loc[train, "split"] == "train"


@given(st.lists(st.tuples(st.sets(st.sampled_from(GENRES)), st.sets(st.sampled_from(GENRES)))))
def test_labels_are_positive_negative_or_unknown(rows: list[tuple[set[str], set[str]]]) -> None:
    frame = _frame([(str(i), "", sorted(has & known), sorted(known)) for i, (has, known) in enumerate(rows)])
    labels = label_matrix(frame, GENRES)
    assert labels.shape == (len(rows), 20)
    for row, (has, known) in zip(labels, rows, strict=True):
        for value, genre in zip(row, GENRES, strict=True):
            if genre not in known:
                assert np.isnan(value)
            else:
                assert value == float(genre in has)


def test_a_genre_outside_the_coverage_is_a_fault() -> None:
    with pytest.raises(LabelOutsideCoverageError, match=r"tt9.*western"):
        label_matrix(_frame([("tt9", "", ["western"], ["drama"])]), GENRES)


def test_known_genres_need_positives_and_negatives_in_train() -> None:
    ids = _ids_of("train", 12)
    rows = [
        (i, i, ["drama", *(["war"] if n < 5 else []), *(["music"] if n < 4 else [])], list(GENRES))
        for n, i in enumerate(ids)
    ]
    rows += [(i, i, ["music"], list(GENRES)) for i in _ids_of("test", 9)]
    assert known_genres(splits(_frame(rows))) == ("war",)
    assert known_genres(splits(_frame(rows)), minimum=4) == ("music", "war")


def test_unknown_labels_are_no_negatives() -> None:
    ids = _ids_of("train", 20)
    rows = [(i, i, ["war"] if n < 10 else ["drama"], ["war"] if n < 10 else ["drama"]) for n, i in enumerate(ids)]
    assert known_genres(splits(_frame(rows))) == ()


def test_rows_of_a_split_are_sorted() -> None:
    frame = corpus(60).sample(frac=1.0, random_state=1)
    rows = rows_of(frame, "train")
    assert rows["title_id"].tolist() == sorted(frame.loc[frame["split"] == "train", "title_id"])
    assert rows.index.tolist() == list(range(len(rows)))


def test_rows_as_features() -> None:
    frame = corpus(40)
    features = features_of(frame)
    years = [None if pd.isna(year) else int(year) for year in frame["year"]]
    assert None in years
    assert [f.year for f in features] == years
    assert [f.text for f in features] == frame["text"].tolist()
    assert [f.kind for f in features] == frame["kind"].tolist()
    assert all(f.embedding is not None and f.embedding.dtype == np.float32 for f in features)
    assert all(f.embedding is None for f in features_of(frame.drop(columns="embedding")))
    as_floats = frame.assign(year=frame["year"].astype("float64"))
    assert [f.year for f in features_of(as_floats)] == years


def test_the_corpus_knows_what_it_should() -> None:
    assert known_genres(corpus()) == LEARNED
    assert datasets.MINIMUM_EXAMPLES == 5


@given(
    st.lists(st.one_of(st.none(), st.integers(1900, 2025)), min_size=30, max_size=80),
    st.floats(min_value=0.05, max_value=0.6),
)
def test_what_is_learned_from_was_released_before_what_judges(years: list[int | None], share: float) -> None:
    frame = corpus(len(years)).assign(year=pd.array(years, dtype="Int64"))
    train_years = [y for y, split in zip(years, frame["split"], strict=True) if split == "train" and y is not None]
    if not train_years:
        return
    later, first = released_later(frame, share)
    released = {split: rows_of(later, split)["year"] for split in ("train", "validation", "test")}
    assert (released["train"] < first).all()
    assert (released["validation"] >= first).all()
    assert (released["test"] >= first).all()
    assert sum(year >= first for year in train_years) <= share * len(train_years)
    assert sum(year >= first - 1 for year in train_years) > share * len(train_years)
    moved = later["split"] != frame["split"]
    assert (later["split"][moved] == "excluded").all()
    assert (later["split_reason"][moved] == "on the other side in time").all()


def test_without_a_year_there_is_no_order_of_time() -> None:
    frame = corpus(40).assign(year=pd.array([None] * 40, dtype="Int64"))
    with pytest.raises(ValueError, match="no train title has a year"):
        released_later(frame)
