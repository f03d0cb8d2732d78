"""The time-ordered report: models of the past alone beside those of all years, on the same later titles."""

from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from trending_assets.assets.models.genres import OVER_TIME, TRAINING_SET
from trending_assets.assets.models.over_time import genre_evaluation_over_time
from trending_assets.domain.genres.datasets import released_later, rows_of
from trending_assets.domain.text.bert import UnsupportedCheckpointError
from trending_assets.resources.home import HomeResource
from trending_assets.resources.training import TrainingResource
from trending_assets.storage.registry import ModelRef
from trending_assets_tests.domain.genres.corpus import corpus
from trending_assets_tests.storage.registering import fields, save_files

_MODELS = ["genre_keyword", "genre_logreg", "genre_xgboost"]
_UNTRAINED = TrainingResource(retrained=[], bert_minutes=0.0, bert_new_rows=0)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> HomeResource:
    home = HomeResource(folder=str(tmp_path_factory.mktemp("home")))
    home.lake.write(TRAINING_SET, pa.Table.from_pandas(corpus(400), preserve_index=False))
    return home


def _report(
    home: HomeResource, training: TrainingResource = _UNTRAINED, **config: object
) -> tuple[pd.DataFrame, dict[str, Any]]:
    done = dg.materialize(
        [genre_evaluation_over_time],
        resources={"home": home, "training": training},
        run_config={"ops": {OVER_TIME: {"config": config}}} if config else None,
    )
    (event,) = done.get_asset_materialization_events()
    metadata = {name: entry.value for name, entry in event.materialization.metadata.items()}
    return home.lake.read(OVER_TIME).to_pandas(), metadata


def test_each_model_is_judged_twice_on_the_titles_of_the_last_years(home: HomeResource) -> None:
    table, told = _report(home)
    later, first = released_later(corpus(400))
    judged = len(rows_of(later, "test"))
    assert judged > 0
    assert set(table["first_year"]) == {first} == {told["judged by titles from"]}
    assert told["test titles"] == judged
    assert told["champion"] == "none"
    groups = table.groupby(["model", "learned_from", "text"])
    assert set(groups.groups) == {
        (model, learned, text)
        for model in _MODELS
        for learned in ("earlier", "all")
        for text in ("as written", "masked")
    }
    counts = table.set_index("learned_from")["train_titles"]
    assert set(counts["earlier"]) == {len(rows_of(later, "train"))}
    assert set(counts["all"]) == {len(rows_of(corpus(400), "train"))}
    for _, metrics in groups:
        found = metrics.set_index("metric")["value"]
        assert found["rows"] == judged
        assert 0 < found["macro_f1"] <= 1
    assert all(f"| {model} | earlier years |" in told["on titles of the last years"] for model in _MODELS)


def test_the_report_says_where_the_champion_is_not_in_it(home: HomeResource) -> None:
    for model, said in (("genre_keyword", "genre_keyword"), ("genre_blend", "genre_blend, which is not among these")):
        ref = ModelRef(model, "1")
        home.registry.register(ref, fields(), save_files)
        home.registry.promote(ref)
        _, told = _report(home, models=["keyword"])
        assert told["champion"] == said


def test_bert_begins_with_the_checkpoint_of_the_settings(home: HomeResource, tmp_path: Path) -> None:
    checkpoint = str(tmp_path / "another")
    named = TrainingResource(retrained=[], bert_minutes=0.0, bert_new_rows=0, bert_checkpoint=checkpoint)
    with pytest.raises(UnsupportedCheckpointError, match="another"):
        _report(home, named, models=["bert"])
