"""The search for parameters: a study goes on where it was stopped, and its best is what a model takes."""

from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import optuna
import pyarrow as pa
import pytest

from trending_assets.assets.models.genres import TRAINING_SET, TRIALS, chosen_parameters
from trending_assets.assets.models.tuning import NothingToSearchError, genre_trials
from trending_assets.domain.genres.models import model_class
from trending_assets.resources.home import HomeResource
from trending_assets.resources.tracking import TrackingResource
from trending_assets.resources.training import TrainingResource
from trending_assets.storage.tracking import Mode
from trending_assets_tests.domain.genres.corpus import corpus
from trending_assets_tests.storage.test_tracking import read_records, values

_MODEL = "genre_logreg"
_DEFAULTS = {name: parameter.default for name, parameter in model_class(_MODEL).search_space.items()}


@pytest.fixture
def home(tmp_path: Path) -> HomeResource:
    home = HomeResource(folder=str(tmp_path))
    _land(home, 120)
    return home


def _land(home: HomeResource, rows: int) -> None:
    home.lake.write(TRAINING_SET, pa.Table.from_pandas(corpus(rows), preserve_index=False))


def _search(
    home: HomeResource,
    trials: int,
    model: str = _MODEL,
    tracked: Mode = "off",
    minutes: float = 5.0,
    passes: float | None = None,
) -> dict[str, Any]:
    """Searches, and returns the run's metadata."""
    done = dg.materialize(
        [genre_trials],
        resources={
            "home": home,
            "training": TrainingResource(retrained=[], bert_minutes=0.0, bert_new_rows=0, bert_passes=passes),
            "tracking": TrackingResource(folder=home.folder, mode=tracked),
        },
        run_config={"ops": {TRIALS: {"config": {"model": model, "trials": trials, "minutes": minutes}}}},
    )
    (event,) = done.get_asset_materialization_events()
    return {name: entry.value for name, entry in event.materialization.metadata.items()}


def _rows(home: HomeResource) -> list[dict[str, Any]]:
    return home.lake.read(TRIALS).to_pylist()


def test_a_study_begins_with_the_defaults_and_goes_on_to_the_number_asked_for(home: HomeResource) -> None:
    first = _search(home, 2)
    assert [row["trial"] for row in _rows(home)] == [0, 1]
    assert dict(_rows(home)[0]["parameters"]) == _DEFAULTS
    before = _rows(home)
    again = _search(home, 4)
    assert first["study"] == again["study"]
    rows = _rows(home)
    kept = [{**row, "chosen": None} for row in rows[:2]]
    assert kept == [{**row, "chosen": None} for row in before]
    assert len(rows) == 4
    # Each asks for something else, the first after a stop too.
    assert len({tuple(row["parameters"]) for row in rows}) == 4
    _search(home, 4)
    assert _rows(home) == rows


def test_the_best_trial_is_what_the_model_takes(home: HomeResource) -> None:
    assert chosen_parameters(home.lake, _MODEL) == {}
    _search(home, 4)
    complete = [row for row in _rows(home) if row["state"] == "complete"]
    best = max(complete, key=lambda row: (row["score"], -row["trial"]))
    assert [row["trial"] for row in _rows(home) if row["chosen"]] == [best["trial"]]
    assert chosen_parameters(home.lake, _MODEL) == dict(best["parameters"])
    assert chosen_parameters(home.lake, "genre_xgboost") == {}


def test_a_trial_that_was_killed_is_tried_again(home: HomeResource) -> None:
    study = _search(home, 1)["study"]
    storage = optuna.storages.RDBStorage(f"sqlite:///{home.paths.tuning / 'optuna.db'}")
    killed = optuna.load_study(study_name=study, storage=storage).ask()
    asked = {
        name: killed.suggest_float(name, parameter.low, parameter.high, log=parameter.log)
        if not parameter.whole
        else killed.suggest_int(name, int(parameter.low), int(parameter.high), log=parameter.log)
        for name, parameter in model_class(_MODEL).search_space.items()
    }
    _search(home, 2)
    states = Counter(row["state"] for row in _rows(home))
    assert states == {"complete": 2, "fail": 1}
    assert dict(_rows(home)[-1]["parameters"]) == asked


def test_another_training_set_has_its_own_study_which_tries_the_last_best_early(home: HomeResource) -> None:
    _search(home, 4)
    best = chosen_parameters(home.lake, _MODEL)
    _land(home, 140)
    _search(home, 2)
    rows = _rows(home)
    tried: dict[str, list[dict[str, float]]] = {}
    for row in rows:
        tried.setdefault(row["study"], []).append(dict(row["parameters"]))
    newest = next(study for study, found in tried.items() if len(found) == 2)
    assert len(tried) == 2
    assert tried[newest][0] == _DEFAULTS
    assert best in tried[newest] or best == _DEFAULTS
    assert [row["study"] for row in rows if row["chosen"]] == [newest]


def test_what_a_lost_study_found_best_stays(home: HomeResource) -> None:
    _search(home, 3)
    best, rows = chosen_parameters(home.lake, _MODEL), _rows(home)
    (home.paths.tuning / "optuna.db").unlink()
    _search(home, 1, "genre_xgboost")
    assert [row for row in _rows(home) if row["model"] == _MODEL] == rows
    assert chosen_parameters(home.lake, _MODEL) == best


def _better_ones_before(home: HomeResource, study: str, model: str, step: int, times: int) -> None:
    """Complete trials of a study that nothing can come near to."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{home.paths.tuning / 'optuna.db'}")
    known = optuna.load_study(study_name=study, storage=storage)
    space = model_class(model).search_space
    for _ in range(times):
        known.add_trial(
            optuna.trial.create_trial(
                params={name: parameter.default for name, parameter in space.items()},
                distributions={
                    name: optuna.distributions.IntDistribution(int(p.low), int(p.high), log=p.log)
                    if p.whole
                    else optuna.distributions.FloatDistribution(p.low, p.high, log=p.log)
                    for name, p in space.items()
                },
                value=2.0,
                intermediate_values={step: 2.0},
            )
        )


@pytest.mark.parametrize(("before", "state"), [(4, "complete"), (5, "pruned")])
def test_a_trial_that_is_worse_than_the_median_after_a_fold_is_given_up(
    before: int, state: str, home: HomeResource
) -> None:
    study = _search(home, 0)["study"]
    _better_ones_before(home, study, _MODEL, 0, before)
    _search(home, before + 1)
    # It was the first to be asked for.
    row = _rows(home)[0]
    assert (row["state"], row["score"] is None) == (state, state == "pruned")


@pytest.mark.parametrize(("step", "state"), [(1, "pruned"), (9, "complete")])
def test_a_trial_of_bert_is_given_up_after_a_pass(step: int, state: str, home: HomeResource) -> None:
    study = _search(home, 0, "genre_bert", passes=2.0)["study"]
    _better_ones_before(home, study, "genre_bert", step, 5)
    _search(home, 6, "genre_bert", tracked="offline", passes=2.0)
    # It was the first to be asked for.
    row = _rows(home)[0]
    assert (row["state"], row["score"] is None) == (state, state == "pruned")
    told = values(read_records(Path(home.folder)), "summary", "update")
    assert told["given_up"] == (state == "pruned")
    # Its only fold was not finished, so that it has no score.
    assert ("macro_f1" in told) == (state == "complete")


def test_no_trial_begins_after_the_minutes_are_over(home: HomeResource) -> None:
    _search(home, 3, minutes=1e-9)
    assert len(_rows(home)) < 3
    _search(home, 3)
    assert len(_rows(home)) == 3


def test_a_model_without_parameters_is_refused(home: HomeResource) -> None:
    with pytest.raises(NothingToSearchError, match="genre_keyword"):
        _search(home, 1, "keyword")
    assert not home.lake.exists(TRIALS)


def test_a_trial_is_a_run_of_its_own(home: HomeResource) -> None:
    study = _search(home, 1, tracked="offline")["study"]
    records = read_records(Path(home.folder))
    (begun,) = (record["run"] for record in records if "run" in record)
    assert (begun["job_type"], begun["run_group"], begun["display_name"]) == ("trial", study, f"{study}/0")
    config = values([{"run": begun["config"]}], "run", "update") | values(records, "config", "update")
    assert {name: config[name] for name in _DEFAULTS} == _DEFAULTS
    assert values(records, "summary", "update")["macro_f1"] == _rows(home)[0]["score"]
