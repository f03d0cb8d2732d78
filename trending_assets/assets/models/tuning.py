"""``genre_trials``: the search for what a genre model is best trained with, by cross-validation on the train titles."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
from pydantic import Field

from trending_assets.assets.models.bert import bert_fit
from trending_assets.assets.models.genres import CODE, SEED, TRAINING_SET, TRIALS, fitting
from trending_assets.domain.genres.bert import BertModel
from trending_assets.domain.genres.datasets import TRAIN, masked, rows_of
from trending_assets.domain.genres.models import GenreModel, known_name, model_class
from trending_assets.domain.genres.parameters import Parameter
from trending_assets.domain.genres.training import FOLDS, cross_validation_scores
from trending_assets.resources.daily import OWNER, code_version_of, column_schema, write_metadata
from trending_assets.resources.home import HomeResource
from trending_assets.resources.pools import TRAINING
from trending_assets.resources.tracking import TrackingResource
from trending_assets.resources.training import TrainingResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake, fingerprint
from trending_assets.storage.tracking import Tracker

if TYPE_CHECKING:
    import optuna
    import pandas as pd

# Until so many trials are complete none is given up: there is nothing yet to be worse than.
_UNPRUNED_TRIALS = 5
_SHOWN_TRIALS = 10
# Enough to see how a pass went, at a small part of its time.
_MOST_JUDGED = 500
# One fold of the training set is held out for a trial that fits once.
_FITS_OF_A_TRIAL = 1 - 1 / FOLDS
_SCHEMA = pa.schema(
    [
        pa.field("model", pa.string(), False),
        pa.field("study", pa.string(), False),
        pa.field("trial", pa.int64(), False),
        pa.field("state", pa.string(), False),
        pa.field("score", pa.float64()),
        pa.field("seconds", pa.float64()),
        pa.field("parameters", pa.map_(pa.string(), pa.float64()), False),
        pa.field("chosen", pa.bool_(), False),
    ]
)


class NothingToSearchError(ValueError):
    """A model's training depends on nothing that could be searched for."""


class Tuning(dg.Config):
    """What to search for, and for how long."""

    model: str = Field(default="genre_logreg", description="The model: its name, with or without genre_.")
    trials: int = Field(default=0, ge=0, description="How many trials its study is to have in the end.")
    minutes: float = Field(default=10.0, gt=0, description="No trial begins after so many minutes.")


@dg.asset(
    key=TRIALS,
    deps=[dg.AssetKey(TRAINING_SET), dg.AssetKey("title_tfidf_fitted")],
    code_version=code_version(__name__, *CODE),
    group_name="models",
    owners=[OWNER],
    kinds={"optuna", "parquet"},
    pool=TRAINING,
    description=(
        "Trials of what a model may be trained with, by Optuna, judged by the macro-F1 of cross-validation on texts "
        "without the names of genres. From its next training on a model takes what its newest study found best."
    ),
    metadata=column_schema(_SCHEMA),
)
def genre_trials(
    context: dg.AssetExecutionContext,
    config: Tuning,
    home: HomeResource,
    training: TrainingResource,
    tracking: TrackingResource,
) -> dg.MaterializeResult[None]:
    """Goes on with the study of a model on the current training set, or begins it."""
    name = known_name(config.model)
    model_cls = model_class(name)
    if not model_cls.search_space:
        raise NothingToSearchError(f"{name} has no parameters to search for")
    settings = {key: str(value) for key, value in training.bert_budget.items()} if name == BertModel.name else {}
    inputs = {TRAINING_SET: home.lake.sha256(TRAINING_SET), **settings}
    study = _study(home.paths, name, fingerprint(code_version_of(context, TRIALS), inputs)[:12])
    waiting = config.trials - len(_ended(study))
    if waiting > 0:
        objective = _objective(context, home, training, tracking.tracker(context.log.warning), model_cls)
        study.optimize(objective, n_trials=waiting, timeout=config.minutes * 60)
    write = home.lake.write(TRIALS, _table(home.lake, home.paths))
    return dg.MaterializeResult(metadata=write_metadata(write, home.lake) | _told(study))


def _storage(paths: Home) -> "optuna.storages.RDBStorage":
    import optuna

    paths.tuning.mkdir(parents=True, exist_ok=True)
    return optuna.storages.RDBStorage(f"sqlite:///{paths.tuning / 'optuna.db'}")


def _study(paths: Home, model: str, digest: str) -> "optuna.Study":
    """The study of a model on one training set; a new one begins with the defaults and what was best before."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = _storage(paths)
    earlier = [s for s in optuna.get_all_study_summaries(storage) if s.user_attrs.get("model") == model]
    study = optuna.create_study(
        storage=storage,
        study_name=f"{model}-{digest}",
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_UNPRUNED_TRIALS),
    )
    # A search that goes on would otherwise try its first random values again.
    study.sampler = optuna.samplers.TPESampler(seed=SEED + len(study.trials))
    if not study.user_attrs:
        study.set_user_attr("model", model)
        search_space = model_class(model).search_space
        study.enqueue_trial({name: parameter.default for name, parameter in search_space.items()})
        for summary in sorted(earlier, key=lambda s: s.datetime_start.timestamp() if s.datetime_start else 0.0)[-1:]:
            if summary.best_trial and summary.best_trial.params.keys() == search_space.keys():
                study.enqueue_trial(summary.best_trial.params, skip_if_exists=True)
    for trial in study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.RUNNING]):
        # Its process is gone, since only one searches at a time.
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial(trial.params)
    return study


def _ended(study: "optuna.Study") -> list["optuna.trial.FrozenTrial"]:
    import optuna

    states = [optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED]
    found: list[optuna.trial.FrozenTrial] = study.get_trials(deepcopy=False, states=states)
    return found


def _objective(
    context: dg.AssetExecutionContext,
    home: HomeResource,
    training: TrainingResource,
    tracker: Tracker,
    model_cls: type[GenreModel],
) -> "Callable[[optuna.Trial], float]":
    import optuna

    frame = home.lake.read(TRAINING_SET).to_pandas()
    bert = bert_fit(frame, training, _FITS_OF_A_TRIAL)[0] if model_cls is BertModel else None
    fit = None if bert else fitting(home, model_cls.name)

    def objective(trial: "optuna.Trial") -> float:
        study = trial.study.study_name
        parameters = {name: _suggested(trial, name, p) for name, p in model_cls.search_space.items()}
        begun = {"model": model_cls.name, "dagster_run_id": context.run.run_id, **parameters}
        score, pruned = None, False
        fit_one = _told_by_passes(bert, frame, trial) if bert else fit
        with tracker.run(kind="trial", name=f"{study}/{trial.number}", group=study, config=begun) as run:
            with contextlib.suppress(optuna.TrialPruned):
                pruned = True
                for fold, score in enumerate(cross_validation_scores(model_cls, frame, SEED, parameters, fit_one)):
                    run.log({"macro_f1": score}, step=fold)
                    # Passes have told already how the only fold goes.
                    if bert is None:
                        _report(trial, score, fold)
                pruned = False
            run.summary({"given_up": float(pruned), **({} if score is None else {"macro_f1": score})})
        outcome = "is given up" if pruned or score is None else f"has {score:.4f}"
        context.log.info("trial %d %s with %s", trial.number, outcome, parameters)
        if pruned or score is None:
            raise optuna.TrialPruned
        return score

    return objective


def _report(trial: "optuna.Trial", score: float, step: int) -> None:
    """Tells how a trial goes.

    Raises:
        TrialPruned: it is worse than the median of the earlier ones at that step.
    """
    import optuna

    trial.report(score, step)
    if trial.should_prune():
        raise optuna.TrialPruned


def _told_by_passes(
    fit: Callable[..., BertModel], frame: "pd.DataFrame", trial: "optuna.Trial"
) -> Callable[..., GenreModel]:
    """The fit, which tells a trial after each pass the average precision on held-out rows without genre names."""
    rows = masked(rows_of(frame, TRAIN))

    def told(fitted: "pd.DataFrame", *more: Any) -> GenreModel:
        held = rows[~rows["title_id"].isin(fitted["title_id"])]
        passes = count(1)

        def watch(_: float, found: Mapping[str, float]) -> None:
            if (precision := found.get("validation_average_precision")) is not None:
                _report(trial, precision, next(passes))

        judged = held.sample(min(len(held), _MOST_JUDGED), random_state=SEED).reset_index(drop=True)
        return fit(fitted, *more, validation=judged, watch=watch)

    return told


def _suggested(trial: "optuna.Trial", name: str, parameter: Parameter) -> float:
    if parameter.whole:
        return float(trial.suggest_int(name, int(parameter.low), int(parameter.high), log=parameter.log))
    return float(trial.suggest_float(name, parameter.low, parameter.high, log=parameter.log))


def _table(lake: Lake, paths: Home) -> pa.Table:
    """All trials of all studies, with those of studies that are only in the lake any more."""
    import optuna

    storage = _storage(paths)
    summaries = optuna.get_all_study_summaries(storage)
    studies = [optuna.load_study(study_name=s.study_name, storage=storage) for s in summaries]
    here = [row for study in studies for row in _rows(study)]
    known = {row["study"] for row in here}
    gone = [row for row in lake.read(TRIALS).to_pylist() if row["study"] not in known] if lake.exists(TRIALS) else []
    newest = {study.user_attrs["model"]: study.study_name for study in studies if _ended(study)}
    for row in gone:
        row["chosen"] = row["chosen"] and row["model"] not in newest
    for row in here:
        row["chosen"] = row["chosen"] and newest[row["model"]] == row["study"]
    rows = sorted(gone + here, key=lambda row: (row["model"], row["study"], row["trial"]))
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _rows(study: "optuna.Study") -> Iterator[dict[str, Any]]:
    best = _best(study)
    for trial in study.get_trials(deepcopy=False):
        if trial.state.is_finished():
            yield {
                "model": study.user_attrs["model"],
                "study": study.study_name,
                "trial": trial.number,
                "state": trial.state.name.lower(),
                # How a trial that was given up did until then is no score of all folds.
                "score": trial.value if trial.state.name == "COMPLETE" else None,
                "seconds": trial.duration.total_seconds() if trial.duration else None,
                "parameters": {name: float(value) for name, value in trial.params.items()},
                "chosen": best is not None and trial.number == best.number,
            }


def _best(study: "optuna.Study") -> "optuna.trial.FrozenTrial | None":
    complete = [trial for trial in _ended(study) if trial.state.name == "COMPLETE" and trial.value is not None]
    return max(complete, key=lambda trial: (trial.value, -trial.number), default=None)


def _told(study: "optuna.Study") -> dict[str, Any]:
    """What the UI shows of a study: its best trials, and how the defaults did."""
    best = _best(study)
    if best is None:
        return {"study": study.study_name, "trials": len(_ended(study))}
    complete = sorted((t for t in _ended(study) if t.state.name == "COMPLETE"), key=lambda t: -(t.value or 0.0))
    names = list(best.params)
    table = [f"| trial | macro-F1 | {' | '.join(names)} |", f"|{'---|' * (len(names) + 2)}"]
    table += [
        f"| {trial.number} | {trial.value:.4f} | {' | '.join(f'{trial.params[name]:.4g}' for name in names)} |"
        for trial in complete[:_SHOWN_TRIALS]
    ]
    return {
        "study": study.study_name,
        "trials": len(_ended(study)),
        "given up": sum(trial.state.name == "PRUNED" for trial in _ended(study)),
        "best macro-F1": dg.MetadataValue.float(best.value or 0.0),
        "best trials": dg.MetadataValue.md("\n".join(table)),
    }
