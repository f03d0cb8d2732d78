"""The command line: everything that the UI does, and the servers. A fault is one line and a non-zero exit."""

import contextlib
import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from pydantic import BaseModel

    from trending_assets.automation.pipeline import Pipeline
    from trending_assets.settings import Settings
    from trending_assets.storage.api_keys import ApiKeys
    from trending_assets.storage.experiments import Experiments
    from trending_assets.storage.lineage import LineageReader
    from trending_assets.storage.registry import ModelRef, ModelRegistry

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
models_app = typer.Typer(no_args_is_help=True, help="The model registry.")
app.add_typer(models_app, name="models")
identity_app = typer.Typer(no_args_is_help=True, help="Which records are one title.")
app.add_typer(identity_app, name="identity")
quarantine_app = typer.Typer(no_args_is_help=True, help="Documents that could not be used.")
app.add_typer(quarantine_app, name="quarantine")
wandb_app = typer.Typer(no_args_is_help=True, help="Experiment tracking.")
app.add_typer(wandb_app, name="wandb")
keys_app = typer.Typer(no_args_is_help=True, help="Keys of the API.")
app.add_typer(keys_app, name="keys")
experiments_app = typer.Typer(no_args_is_help=True, help="Champion and challenger on live requests.")
app.add_typer(experiments_app, name="experiments")

# Bound to the real stream: while a run goes on, what its steps print is sent to a log.
console = Console(file=sys.stdout, highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])]
# The demo is to be over in three minutes: of genre_bert it fits the linear layer alone.
_DEMO_BERT_MINUTES = 0.0
Told = TypeVar("Told", bound="BaseModel")
Host = Annotated[str, typer.Option(help="Address to listen on.")]


class CommandError(RuntimeError):
    """A fault that the caller can do something about; the message says what."""


def main() -> None:
    """Runs the command line."""
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    # A service manager ends a process with SIGTERM: servers are stopped in order then too. A shell starts
    # background processes with SIGINT ignored, which the servers would inherit.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        app(prog_name="trending")
    except KeyboardInterrupt:
        errors.print("stopped")
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        message = " ".join(str(error).split()) or type(error).__name__
        errors.print(f"error: {message}", style="red", markup=False)
        sys.exit(1)


def _settings() -> "Settings":
    from trending_assets.settings import Settings

    return Settings()


def _progress(step: str, state: str, seconds: float) -> None:
    if state == "start":
        console.print(f"  running {step}", style="dim")
    elif state == "success":
        console.print(f"  done    {step} [dim]{seconds:.1f} s[/dim]")
    else:
        console.print(f"  {state} {step}", style="red")


def _unseen(step: str, state: str, seconds: float) -> None:
    """Progress that is shown to nobody: a simulation tells of days, not of their hundreds of steps."""


def _place(settings: "Settings") -> dict[str, str]:
    """The environment of processes that work on the same home."""
    registry = {"TRENDING_REGISTRY": settings.registry} if settings.registry else {}
    return {"TRENDING_HOME": str(settings.home), **registry}


@contextlib.contextmanager
def _pipeline(settings: "Settings") -> "Iterator[Pipeline]":
    # Definitions read the environment; what was given as an option has to be there before they are built.
    os.environ |= _place(settings)
    os.environ["TRENDING_FULL_SAMPLE"] = str(settings.full_sample).lower()
    os.environ["TRENDING_BERT_MINUTES"] = str(settings.bert_minutes)
    os.environ.pop("TRENDING_BERT_PASSES", None)
    if settings.bert_passes is not None:
        os.environ["TRENDING_BERT_PASSES"] = str(settings.bert_passes)
    from trending_assets.automation.dead_runs import report_dead_runs
    from trending_assets.automation.pipeline import Pipeline
    from trending_assets.automation.running import open_instance
    from trending_assets.definitions import build_defs
    from trending_assets.storage.home import Home
    from trending_assets.storage.lake import Lake
    from trending_assets.storage.raw_documents import open_raw_store

    home = Home(settings.home)
    raw = open_raw_store(Lake(home.lake), settings.raw_store)
    with open_instance(home, settings.dagster_config) as instance:
        for run_id in report_dead_runs(instance, time.time()):
            console.print(f"run {run_id} was killed earlier and is now marked failed")
        yield Pipeline(build_defs(), instance, home.folder, raw, _progress)


def _registry(settings: "Settings") -> "ModelRegistry":
    from trending_assets.storage.home import Home
    from trending_assets.storage.registry import open_registry

    return open_registry(Home(settings.home), settings.registry)


@app.command()
def demo(
    serve: Annotated[bool, typer.Option(help="Start the Dagster UI and the API afterwards.")] = True,
    full: Annotated[bool, typer.Option(help="Take films that have a plot but no id too (3,700 more).")] = False,
    host: Host = "127.0.0.1",
    ui_port: Annotated[int, typer.Option(help="Port of the Dagster UI; another if it is taken.")] = 3000,
    api_port: Annotated[int, typer.Option(help="Port of the API; another if it is taken.")] = 8000,
) -> None:
    """Runs the main job on the sample: raw records to a served model and a drift report."""
    from trending_assets.demo import land_sample, say_what_next

    began = time.monotonic()
    settings = _settings()
    settings = settings.model_copy(update={"full_sample": full or settings.full_sample})
    if "bert_minutes" not in settings.model_fields_set:
        settings = settings.model_copy(update={"bert_minutes": _DEMO_BERT_MINUTES})
    with _pipeline(settings) as pipeline:
        land_sample(pipeline, console, full=settings.full_sample)
    console.print(f"the job took {time.monotonic() - began:.0f} s")
    with _servers(settings, host, ui_port, api_port) if serve else contextlib.nullcontext((None, None)) as urls:
        say_what_next(settings.home, _registry(settings), console, *urls)
        if serve:
            _wait()


@app.command()
def dev(host: Host = "127.0.0.1", port: Annotated[int, typer.Option(help="Another if it is taken.")] = 3000) -> None:
    """Serves the Dagster UI, with the sensors running."""
    from trending_assets.automation.running import prepare_dagster_home
    from trending_assets.automation.servers import dagster_command, free_port, server, wait_until_answers
    from trending_assets.storage.home import Home

    settings = _settings()
    home, port = Home(settings.home), free_port(host, port)
    log = home.folder / "logs" / "dagster.log"
    dagster_home = prepare_dagster_home(home, settings.dagster_config)
    environment = {"DAGSTER_HOME": str(dagster_home), **_place(settings)}
    with server(dagster_command(dagster_home / "workspace.yaml", host, port), log, environment) as process:
        wait_until_answers(f"http://{host}:{port}/server_info", process, log)
        console.print(f"Dagster UI: http://{host}:{port}  (log: {log}; Ctrl-C ends it)", soft_wrap=True)
        process.wait()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="TRENDING_HOST, 127.0.0.1 by default.")] = None,
    port: Annotated[int | None, typer.Option(help="TRENDING_PORT, 8000 by default.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Serves the API."""
    # Set where Feast was imported before, as in the demo. With it each metric would be kept in a file of that folder,
    # which takes longer, and here each process tells its own.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    import uvicorn

    from serving.server import uvicorn_options
    from serving.settings import ServingSettings

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = ServingSettings(**given)  # type: ignore[arg-type]
    os.environ |= _place(settings) | {"TRENDING_HOST": settings.host}
    uvicorn.run("serving.app:create_app", factory=True, workers=workers, **uvicorn_options(settings))


@contextlib.contextmanager
def _servers(settings: "Settings", host: str, ui_port: int, api_port: int) -> Iterator[tuple[str, str]]:
    from trending_assets.automation.running import prepare_dagster_home
    from trending_assets.automation.servers import api_command, dagster_command, free_port, server, wait_until_answers
    from trending_assets.storage.home import Home

    home = Home(settings.home)
    ui_port, api_port = free_port(host, ui_port), free_port(host, api_port)
    dagster_home = prepare_dagster_home(home, settings.dagster_config)
    environment = {
        "DAGSTER_HOME": str(dagster_home),
        **_place(settings),
        "TRENDING_FULL_SAMPLE": str(settings.full_sample).lower(),
        "TRENDING_HOST": host,
    }
    logs = {name: home.folder / "logs" / f"{name}.log" for name in ("dagster", "api")}
    ui, api = f"http://{host}:{ui_port}", f"http://{host}:{api_port}"
    console.print("starting the Dagster UI and the API")
    with (
        server(
            dagster_command(dagster_home / "workspace.yaml", host, ui_port), logs["dagster"], environment
        ) as ui_process,
        server(api_command(host, api_port, 1), logs["api"], environment) as api_process,
    ):
        wait_until_answers(f"{api}/readyz", api_process, logs["api"])
        wait_until_answers(f"{ui}/server_info", ui_process, logs["dagster"])
        yield ui, api


def _wait() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)
    console.print("stopping")


@app.command()
def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
    select: Annotated[str | None, typer.Option(help="One group of assets only.")] = None,
    again: Annotated[bool, typer.Option("--again", help="What is there too, in one run.")] = False,
) -> None:
    """Computes what days lack, or all of it again: raw documents to online features and drift."""
    from trending_assets.automation.backfills import BackfillFailedError, summary
    from trending_assets.ingest.registry import source_named
    from trending_assets.partitions import days_between

    settings = _settings()
    days = days_between(first.date(), last.date(), [source_named(name) for name in settings.source_names])
    with _pipeline(settings) as pipeline:
        number = "1 day" if len(days) == 1 else f"{len(days)} days"
        console.print(f"{number}, {days[0]} to {days[-1]}: {select or 'raw documents to online features'}")
        if again:
            console.print(f"done: run {pipeline.backfill(days, select)}")
            return
        outcome = pipeline.backfill_missing(days, select, lambda line: console.print(line, markup=False))
    if outcome.failed:
        raise BackfillFailedError(summary(outcome))
    if not outcome.runs:
        console.print("nothing is missing; --again computes it all the same")
    for run_id in outcome.runs:
        console.print(f"done: run {run_id}")


@app.command()
def ingest(
    source: Annotated[str, typer.Argument(help="A source, or the URL of one page.")],
    path: Annotated[Path | None, typer.Argument(help="For archive: a file, or a folder of files.")] = None,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")] = None,
    mapping: Annotated[str | None, typer.Option(help="For archive: a mapping's name, or its file.")] = None,
    kind: Annotated[Literal["titles", "reviews", "signals"] | None, typer.Option(help="For archive.")] = None,
) -> None:
    """Lands documents of a source: days of it, one page, or files that you have; today where no day is named."""
    from trending_assets.ingest.registry import source_named
    from trending_assets.landing import land_days, land_files, land_page
    from trending_assets.partitions import days_between

    today = datetime.now(UTC).replace(tzinfo=None)
    begin, end = first or last or today, last or first or today
    with _pipeline(_settings()) as pipeline:
        if "://" in source:
            land_page(pipeline, console, source)
        elif source == "archive":
            if path is None:
                raise CommandError("archive takes a file or a folder: trending ingest archive PATH")
            land_files(pipeline, console, path, mapping, kind, begin)
        else:
            days = days_between(begin.date(), end.date(), [source_named(source)])
            land_days(pipeline, console, source, days)


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="keyword, logreg, xgboost, bert or blend.")],
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Budget of bert; TRENDING_BERT_MINUTES where not given.")
    ] = None,
    passes: Annotated[
        float | None,
        typer.Option(min=0, help="How often bert sees each title, whatever that takes; TRENDING_BERT_PASSES else."),
    ] = None,
) -> None:
    """Trains one genre model on all landed days, and lets the gate decide whether it serves."""
    from trending_assets.demo import say_scores
    from trending_assets.domain.genres.models import known_name

    name, settings = known_name(model), _settings()
    if minutes is not None and passes is not None:
        raise CommandError("--minutes decides the passes where --passes does not: give one of the two")
    if minutes is not None:
        settings = settings.model_copy(update={"bert_minutes": minutes, "bert_passes": None})
    elif passes is not None:
        settings = settings.model_copy(update={"bert_passes": passes})
    with _pipeline(settings) as pipeline:
        pipeline.train(name)
        say_scores(pipeline.folder, _registry(settings), console)


@app.command()
def simulate(
    data: Annotated[
        Path, typer.Option(envvar="TRENDING_BENCH_DATA", help="Folder of the catalogues and ratings to replay.")
    ] = Path("../shared/data"),
    days: Annotated[int, typer.Option(min=12, help="How many days; each is a week of the data.")] = 60,
) -> None:
    """Replays dated catalogues on an empty home, with a surge, a drift and a spoilt catalogue among them."""
    # Set before the definitions are built, unless the caller says otherwise: only a whole catalogue is worth a
    # retraining, the quick models show what the gate does, and a simulated day has no quiet seconds.
    os.environ.setdefault("TRENDING_RETRAIN_MODELS", "genre_keyword,genre_logreg")
    os.environ.setdefault("TRENDING_RETRAIN_NEW_TITLES", "2500")
    os.environ.setdefault("TRENDING_RETRAIN_QUIET_SECONDS", "0")
    settings = _settings()
    from trending_assets.simulation.replay import replay
    from trending_assets.simulation.script import Data, Plan
    from trending_assets.simulation.timeline import Timeline
    from trending_assets.storage.home import Home

    plan, replayed = Plan.of(days), Data.read(data)
    watched = replayed.imdb_id(replayed.most_rated(days))
    home = Home(settings.home)
    timeline = Timeline(home, _registry(settings), watched)
    with _pipeline(settings) as pipeline:
        quiet = dataclasses.replace(pipeline, progress=_unseen)
        for simulated in replay(quiet, replayed, plan):
            row = timeline.add(simulated)
            console.print(f"{row.day}  {row.titles:5} titles  {row.events:5.0f} events")
            for line in row.told():
                console.print(f"            {line}", markup=False)
    for path in timeline.save(home.reports / "simulation"):
        console.print(f"timeline: {path}")


@app.command()
def tune(
    model: Annotated[str, typer.Argument(help="logreg, xgboost or bert.")],
    trials: Annotated[int, typer.Option(min=1, help="How many trials the study is to have in the end.")] = 20,
    minutes: Annotated[float, typer.Option(min=0.1, help="No trial begins after so many minutes.")] = 30.0,
) -> None:
    """Searches for what a genre model is best trained with; goes on where it was stopped."""
    from trending_assets.demo import say_trials
    from trending_assets.domain.genres.models import known_name

    name = known_name(model)
    with _pipeline(_settings()) as pipeline:
        pipeline.tune(name, trials, minutes)
        say_trials(pipeline.folder, name, console)


@app.command()
def predict(
    source: Annotated[
        Path,
        typer.Option(
            "--input",
            exists=True,
            dir_okay=False,
            help="JSON lines of title_id and what the API takes of a title; or a file that the archive source reads, "
            "known by its name or its columns.",
        ),
    ],
    target: Annotated[Path, typer.Option("--output", help="JSON lines: one prediction a line, in order.")],
    mapping: Annotated[str | None, typer.Option(help="How to read the file: a mapping's name, or its file.")] = None,
) -> None:
    """Predicts the genres of the titles in a file with the champion."""
    from serving.batch import predict_rows
    from trending_assets.predictions import titles_in

    left_out: list[str] = []
    count, model = predict_rows(_registry(_settings()), titles_in(source, mapping, left_out), target)
    console.print(f"{count} predictions by {model} written to {target}")
    if left_out:
        console.print(f"of {len(left_out)} titles something was taken for unknown, such as {left_out[0]}", markup=False)


@app.command()
def sql(
    select: Annotated[str, typer.Argument(help="One SELECT over the lake's tables and gate_decisions.")],
    output: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help="json is one object a line.")
    ] = "table",
) -> None:
    """Queries the lake: `raw/sample` is the view `raw_sample`."""
    from trending_assets.storage.home import Home
    from trending_assets.storage.query import connect, query

    settings = _settings()
    with connect(Home(settings.home), _registry(settings)) as connection:
        result = query(connection, select)
        if output == "table":
            sys.stdout.write(f"{result}\n")
        else:
            frame = result.df()
            lines = frame.to_json(orient="records", lines=True, date_format="iso")
            sys.stdout.write(frame.to_csv(index=False) if output == "csv" else lines)


@app.command()
def lineage(
    prediction: Annotated[str | None, typer.Argument(help="A prediction's id.")] = None,
    document: Annotated[str | None, typer.Option(help="The hash of a raw document: what it touched instead.")] = None,
    api: Annotated[str | None, typer.Option(help="Ask the API at a URL, of whose home nothing is here.")] = None,
    api_key: Annotated[
        str | None, typer.Option(envvar="TRENDING_API_KEY", show_envvar=True, help="A key of that API.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Says what a prediction was made from, back to raw documents; or which predictions a document touched."""
    from trending_assets.client import TrendingClient
    from trending_assets.lineage import show_document, show_prediction

    if (prediction is None) == (document is None):
        raise CommandError("give a prediction's id, or --document and a document's hash")
    if prediction is None:
        if api is not None:
            raise CommandError("the API tells of predictions alone: --document is asked where the home is")
        used = _lineage_reader().of_document(document or "")
        _say(used, as_json=as_json, show=show_document)
        return
    if api is None:
        found = _lineage_reader().of_prediction(prediction)
    else:
        with TrendingClient(api, api_key) as client:
            found = client.lineage(prediction)
    _say(found, as_json=as_json, show=show_prediction)


def _lineage_reader() -> "LineageReader":
    from trending_assets.storage.home import Home
    from trending_assets.storage.lake import Lake
    from trending_assets.storage.lineage import LineageReader
    from trending_assets.storage.raw_documents import open_raw_store

    settings = _settings()
    home = Home(settings.home)
    return LineageReader(home, _registry(settings), open_raw_store(Lake(home.lake), settings.raw_store))


def _say(found: Told, *, as_json: bool, show: Callable[[Console, Told], None]) -> None:
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
    else:
        show(console, found)


@app.command("data-docs")
def data_docs(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
) -> None:
    """Publishes what Great Expectations finds of the days as pages."""
    from trending_assets.checks.data_docs import publish_data_docs
    from trending_assets.partitions import days_between
    from trending_assets.storage.home import Home

    console.print(publish_data_docs(Home(_settings().home), days_between(first.date(), last.date())))


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Says which versions are installed, and of each integration whether it is live, local or off, and why."""
    from trending_assets.doctor import examine

    report = examine(_settings())
    if as_json:
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
        return
    for title, rows in (("versions", report["versions"].items()), ("integrations", None)):
        table = Table(title=title, title_justify="left")
        if rows is not None:
            table.add_column("package")
            table.add_column("version")
            for name, version in rows:
                table.add_row(name, version)
        else:
            for column in ("integration", "state", "why"):
                table.add_column(column)
            for entry in report["integrations"]:
                table.add_row(entry["name"], entry["state"], entry["why"])
        console.print(table)


@app.command()
def erase(
    author: Annotated[str, typer.Option(help="The name, as the source writes it.")],
    source: Annotated[list[str] | None, typer.Option(help="One source only; may be repeated.")] = None,
) -> None:
    """Erases what a person wrote: raw documents, and all that was made of them; the table `erasures` says what went."""
    from trending_assets.erasure import erase_author

    with _pipeline(_settings()) as pipeline:
        erase_author(pipeline, console, author, source or ())


@identity_app.command("show")
def identity_show(title: Annotated[str, typer.Argument(help="A title's id, or one that leads to it.")]) -> None:
    """Lists the records that speak of a title, how each was matched, and how sure that is."""
    from trending_assets.identities import show_identity
    from trending_assets.storage.home import Home

    show_identity(Home(_settings().home), console, title)


@identity_app.command("undo")
def identity_undo(
    record: Annotated[str, typer.Argument(help="source:id of the record, or a title's id that leads to the title.")],
    title: Annotated[str, typer.Argument(help="The title that it is not.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the table undone_matches.")],
) -> None:
    """Parts a record from a title from today on; identities of earlier days stay as they were."""
    from trending_assets.identities import show_identity, undo_match
    from trending_assets.storage.home import Home

    with _pipeline(_settings()) as pipeline:
        undo_match(pipeline, record, title, reason)
        show_identity(Home(pipeline.folder), console, title)


@quarantine_app.command("list")
def quarantine_list(
    catalogue: Annotated[str | None, typer.Option(help="One catalogue only.")] = None,
) -> None:
    """Lists what is in quarantine, by reason."""
    from trending_assets.quarantine import show_reasons
    from trending_assets.storage.home import Home

    show_reasons(Home(_settings().home), console, catalogue)


@quarantine_app.command("show")
def quarantine_show(sha256: Annotated[str, typer.Argument(help="The document's hash, or how it begins.")]) -> None:
    """Says why a document is in quarantine, where it came from, and how it begins."""
    from trending_assets.quarantine import explain
    from trending_assets.storage.home import Home

    explain(Home(_settings().home), console, sha256)


@quarantine_app.command("replay")
def quarantine_replay(
    sources: Annotated[list[str] | None, typer.Argument(help="Sources; all where none is named.")] = None,
) -> None:
    """Reads quarantined documents again, after a parser was mended; nothing is fetched."""
    from trending_assets.quarantine import replay

    with _pipeline(_settings()) as pipeline:
        done = replay(pipeline, sources or ())
    for one in done:
        days = f"{len(one.days)} days read again"
        console.print(f"{one.source}: {days}, {one.before} in quarantine before, {one.after} now")
    if not done:
        console.print("nothing is in quarantine")


@models_app.command("list")
def models_list() -> None:
    """Lists every version, its aliases and its scores on the test titles."""
    registry = _registry(_settings())
    aliases = registry.aliases()
    table = Table()
    for column in ("model", "version", "alias", "macro-F1", "micro-F1", "trained at"):
        table.add_column(column)
    for model in registry.models():
        for manifest in registry.manifests(model):
            scores = [
                f"{manifest.metrics[m]:.4f}" if m in manifest.metrics else "unknown" for m in ("macro_f1", "micro_f1")
            ]
            held = ", ".join(alias for alias, held in aliases.items() if held == manifest.ref)
            table.add_row(model, manifest.version, held, *scores, f"{manifest.trained_at:%Y-%m-%d %H:%M:%S}")
    console.print(table)


@models_app.command("show")
def models_show(ref: Annotated[str, typer.Argument(help="model/version, or an alias.")]) -> None:
    """Prints the manifest of a version after verifying its files."""
    registry = _registry(_settings())
    found = registry.aliases().get(ref) or _ref(ref)
    registry.verified(found)
    sys.stdout.write(registry.manifest(found).model_dump_json(indent=2) + "\n")


@models_app.command("promote")
def models_promote(ref: Annotated[str, typer.Argument(help="model/version, or challenger.")]) -> None:
    """Makes a version the champion, where it passes its self-test; the API follows within a second."""
    from serving.predictors import ModelLoader

    settings = _settings()
    registry = _registry(settings)
    found = registry.aliases().get(ref) or _ref(ref)
    # As the API does before it swaps it in: what that would refuse is not promoted.
    ModelLoader(registry).load(found)
    registry.promote_by_hand(found)
    _write_card(settings, registry)
    console.print(f"champion: {found}")


def _write_card(settings: "Settings", registry: "ModelRegistry") -> None:
    from trending_assets.storage.card_files import write_model_card
    from trending_assets.storage.home import Home

    write_model_card(Home(settings.home), registry)


@models_app.command("rollback")
def models_rollback() -> None:
    """Makes the previous champion the champion again; the API follows within a second."""
    settings = _settings()
    registry = _registry(settings)
    champion = registry.roll_back_by_hand()
    _write_card(settings, registry)
    console.print(f"champion: {champion}")


@wandb_app.command("sync")
def wandb_sync() -> None:
    """Uploads the runs that were tracked offline, or that were cut off, to Weights & Biases."""
    from trending_assets.storage.tracking_upload import upload_runs

    done = upload_runs(_settings().home, os.environ)
    console.print(f"{done.uploaded} runs uploaded")
    if done.being_written:
        console.print(f"{done.being_written} are still being written")
    if done.cut_off:
        console.print(f"{done.cut_off} were cut off when their process was killed, and are left as they are")


@keys_app.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="Who gets it.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read, predict, feedback, lineage or metrics; may be repeated. The first three otherwise."),
    ] = None,
) -> None:
    """Makes a key and prints it, this once; the API knows it within a second."""
    from trending_assets.storage.api_keys import SCOPES

    scopes = [known for known in SCOPES if known in (scope or ("read", "predict", "feedback"))]
    if unknown := sorted(set(scope or ()) - set(scopes)):
        raise CommandError(f"no such scope: {', '.join(unknown)}; there are {', '.join(SCOPES)}")
    key, text = _keys().add(name, scopes, datetime.now(UTC))
    errors.print(f"key {key.key_id} may {', '.join(scopes)}; it is shown this once")
    sys.stdout.write(f"{text}\n")


@keys_app.command("list")
def keys_list() -> None:
    """Lists the keys, without their secrets."""
    table = Table()
    for column in ("id", "name", "scopes", "created", "revoked"):
        table.add_column(column)
    for key in _keys().all():
        times = [f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "" for moment in (key.created_at, key.revoked_at)]
        table.add_row(key.key_id, key.name, ", ".join(sorted(key.scopes)), *times)
    console.print(table)


@keys_app.command("revoke")
def keys_revoke(key_id: Annotated[str, typer.Argument(help="The key's id.")]) -> None:
    """Has a key refused; the API follows within a second."""
    key = _keys().revoke(key_id, datetime.now(UTC))
    console.print(f"revoked: {key.key_id} ({key.name})", markup=False)


def _keys() -> "ApiKeys":
    from trending_assets.storage.api_keys import ApiKeys
    from trending_assets.storage.home import Home

    return ApiKeys(Home(_settings().home).api_keys)


@experiments_app.command("start")
def experiments_start(
    unit: Annotated[Literal["key", "title"], typer.Option(help="What gets one variant for good.")] = "title",
    share: Annotated[float, typer.Option(help="Of the units that the challenger answers: 0 or more, below 1.")] = 0.5,
    shadow: Annotated[
        float, typer.Option(help="Of the champion's answers that the challenger gives too, unseen: 0 to 1.")
    ] = 0.1,
) -> None:
    """Compares the challenger with the champion on live requests; the API follows within a second."""
    from trending_assets.experiments import start_experiment

    settings = _settings()
    if not 0 <= share < 1 or not 0 <= shadow <= 1 or not share + shadow:
        raise CommandError("--share is 0 or more and below 1, --shadow from 0 to 1, and one of them is not 0")
    made = start_experiment(
        _experiments(settings), _registry(settings), unit=unit, share=share, shadow=shadow, now=datetime.now(UTC)
    )
    console.print(f"experiment {made.experiment_id}: {made.challenger} against {made.champion}", markup=False)


@experiments_app.command("stop")
def experiments_stop(experiment_id: Annotated[str, typer.Argument(help="The experiment's id.")]) -> None:
    """Ends an experiment: the champion answers everything again, within a second."""
    stopped = _experiments(_settings()).stop(experiment_id, datetime.now(UTC))
    console.print(f"stopped: {stopped.experiment_id}")


@experiments_app.command("list")
def experiments_list() -> None:
    """Lists the experiments."""
    from trending_assets.experiments import show_experiments

    show_experiments(console, _experiments(_settings()).all())


@experiments_app.command("report")
def experiments_report(experiment_id: Annotated[str, typer.Argument(help="The experiment's id.")]) -> None:
    """Says how often both models agree, and which is better, as far as feedback and later labels tell."""
    from trending_assets.experiments import show_comparison
    from trending_assets.storage.experiments import compared
    from trending_assets.storage.home import Home
    from trending_assets.storage.lake import Lake

    home = Home(_settings().home)
    found = _experiments(_settings()).find(experiment_id)
    show_comparison(console, found, compared(found, Lake(home.lake), home.prediction_log, datetime.now(UTC)))


def _experiments(settings: "Settings") -> "Experiments":
    from trending_assets.storage.experiments import Experiments
    from trending_assets.storage.home import Home

    return Experiments(Home(settings.home).experiments)


def _ref(text: str) -> "ModelRef":
    from trending_assets.storage.registry import ModelRef

    return ModelRef.parse(text)
