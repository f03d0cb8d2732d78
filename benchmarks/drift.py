"""Drift: how often it is called where there is none, how often it is found where there is, and how fast.

    python -m benchmarks.drift [--home .trending] [--weeks 100] [--planted 20] [--output docs/drift.md]

Weeks are drawn from the train titles of a home that has been trained, with the out-of-fold predictions of its newest
``genre_logreg``: a reference, and seven days of other titles. Then 100,000 made-up rows are compared with a cached
reference, beside Evidently's own preset on the same columns.
"""

import argparse
import json
import math
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.drift.alarms import AGAIN_IF_LARGE, AT_ONCE, alarms_on
from trending_assets.domain.drift.decisions import LEVEL, feature_drift, label_drift, prediction_drift
from trending_assets.domain.drift.distances import psi, rank_wasserstein
from trending_assets.domain.drift.embeddings import domain_auc
from trending_assets.domain.drift.reference import PredictionReference, Reference, stacked
from trending_assets.domain.drift.significance import holm, permutation_test, seeded
from trending_assets.domain.drift.sketches import CategoricalSketch, NumericSketch, Sketch
from trending_assets.domain.genres.datasets import TRAIN, label_matrix, rows_of
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.registry import ModelRef, open_registry

REFERENCE, DAY, DAYS = 600, 55, 7
ROWS, NUMERIC, CATEGORICAL, DIMENSIONS = 100_000, 12, 8, 384
_PSI_CUT = 0.2
_RESOLUTION = 2000

Floats = npt.NDArray[np.float64]
# A day's titles, numbers of a pool that a change may take titles from, and chance → the titles as they are changed.
Change = Callable[[pd.DataFrame, pd.DataFrame, np.random.Generator], pd.DataFrame]

_PAGE = """# Drift: how it is found, and how far to trust an alarm

Written by `python -m benchmarks.drift --weeks {weeks} --planted {planted} --output docs/drift.md`.

## The method

**What is compared.** Every model version keeps a sketch of the titles that it was trained on, in its folder of the
registry: counts of each column between its quantiles or by its values, the words of its texts, and 2,000 embeddings;
of what it said, the distribution of each genre's probability on titles that it had not learned from, and how often the
genre was selected. While it is champion, each day is compared with that; of what was predicted on a day, answers about
titles that it learned from are left out, since it is surer of those. Without a champion the 14 days before stand
in.

**How far.** Numbers by the Wasserstein distance on ranks (0 to 1, half a standard deviation is 0.14), categories,
selections and labels by the PSI, embeddings by how well a classifier tells the day's from the reference's (AUC). What
is missing has a place of its own in each distribution.

**How often by chance.** The day's rows are drawn anew from day and reference together, as many as there are, 500 to
40,000 times (of the classifier, the labels are shuffled 200 times). `expected` is what the distance is by chance alone
on as many rows, `p_value` how often it is as large. P-values of a family (features, predictions, labels) are adjusted
by Holm. A column has *drifted* where the adjusted one is at most {level} and the distance is above `expected` by 0.02
(AUC: 0.03): less is no reason to act, however sure it is.

**When to wake somebody.** An *alarm* is a column with an adjusted p-value of at most {at_once}, or one that had drifted
on two of the last three days on which it was measured, against one reference. Days with more than a tenth of its rows
are all alike where the reference is odd: they count as one of two up to a p-value of {again} only. Where nothing
changes, the chance of an alarm in a week is below 5 % by the sum of all of these where days are small beside the
reference, and about 5 % at most otherwise ([alarms.py](../trending_assets/domain/drift/alarms.py)). With fewer than 30
rows on either side a column is unknown.

**Data quality.** The share of a source's documents that are refused or come twice, and of its titles that lack a fact,
is compared with the 14 days before by Fisher's exact test, and adjusted by Holm over all measures of all sources of the
day. A *fault*, of which people are told as of an alarm, is an adjusted p-value of at most {at_once} and a share that
grew by 0.05 (of what is missing, 0.10): by chance in at most 1.1 % of weeks, whatever the number of sources, which the
sum counts in.

## Weeks in which nothing has changed

{weeks} weeks of {days} days with {day} titles each, drawn at random like the {reference} titles of their references, in
three families of columns: 13 features, two columns for each genre that the model knows, and 20 labels:

{false_alarms}

## Weeks in which something has

{planted} weeks for each change, which goes on from the first day; how often there was an alarm by the end of the first
day, of the second and of the week:

{detection}

## How fast

{rows:,} rows against a reference of as many, by 2 cores; the project's reference is cached, Evidently reads its rows:

{speed}

## Reading an alarm

- `feature_drift` and `prediction_drift` have a row for each column: `score` beside `expected` says how far it went, and
  `reference` what it was compared with. The table is one query away:
  `trending sql "select day, \\"column\\", score, expected, p_adjusted from feature_drift where drifted order by day"`.
- Evidently's report of the day's features, linked in its metadata, is JSON for every day, and a page where something
  moved and for a run's newest day; the page shows both distributions. Of predictions and labels counts are kept and no
  rows, of which Evidently makes no report: the table is all there is.
- **Numbers or categories alone**: look at what the sources gave first; `data_quality` says what is missing, by source.
- **Embedding or words, labels too**: the titles are about something else, and a retraining learns from them.
- **Predictions alone**: the model is asked about other titles than it was judged on; see which genres moved.
- A champion that is trained on the new titles has another reference, and the alarm ends with it.
- An archive that lands sorted, say by year, is a drift each day, and is called one.
"""


class NotTrainedError(LookupError):
    """The home has no training set or no version of ``genre_logreg``."""


def pool(home: Path) -> tuple[pd.DataFrame, Floats, tuple[str, ...], dict[str, float]]:
    """The train titles of a home, what ``genre_logreg`` said of each without having seen it, its genres and thresholds.

    Raises:
        NotTrainedError: it has not been trained.
    """
    lake, registry = Lake(Home(home).lake), open_registry(Home(home), None)
    versions = registry.versions("genre_logreg")
    if not lake.exists("genre_training_set") or not versions:
        raise NotTrainedError(f"{home} has not been trained: run `trending demo` first")
    ref = ModelRef("genre_logreg", versions[-1])
    manifest = registry.manifest(ref)
    with np.load(registry.verified(ref) / "out_of_fold.npz", allow_pickle=False) as stored:
        said = pd.DataFrame(stored["probabilities"], index=stored["title_ids"])
    frame = rows_of(lake.read("genre_training_set").to_pandas(), TRAIN)
    frame = frame[frame["title_id"].isin(said.index) & frame["labels_complete"]].reset_index(drop=True)
    return frame, said.loc[frame["title_id"]].to_numpy(), tuple(manifest.genres), dict(manifest.thresholds)


def week(
    titles: tuple[pd.DataFrame, Floats, tuple[str, ...], dict[str, float]], seed: int, change: Change | None = None
) -> dict[str, Any]:
    """One week: the days with an alarm, with a drift, and with a PSI above 0.2, by number.

    Args:
        titles: what :func:`pool` gives.
        seed: decides which titles come when.
        change: what becomes of each day's titles.
    """
    frame, probabilities, genres, thresholds = titles
    random = np.random.default_rng((seed, 7))
    order = random.permutation(len(frame))
    frame = frame.assign(said=list(probabilities))
    learned, rest = frame.iloc[order[:REFERENCE]], frame.iloc[order[REFERENCE:]]
    learned_labels = label_matrix(learned, GENRES)
    said = PredictionReference.of(np.stack(learned["said"]), thresholds, genres, learned_labels, learned["title_id"])
    reference = Reference.of(learned, said)
    days: dict[str, list[dict[str, Any]]] = {}
    found: dict[str, list[int]] = {"alarm": [], "drift": [], "psi": []}
    for number in range(DAYS):
        today, others = rest.iloc[number * DAY : (number + 1) * DAY], rest.iloc[DAYS * DAY :]
        today = change(today, others, random) if change else today
        day, name = f"2025-06-{number + 2:02d}", f"{seed} {number}"
        answers = np.stack(today["said"])
        cuts = np.array([thresholds[genre] for genre in genres])
        by_genre = {g: (answers[:, i], (answers[:, i] >= cuts[i]) * 1.0) for i, g in enumerate(genres)}
        findings = [
            *feature_drift(reference, today, stacked(today["embedding"]), name),
            *prediction_drift(said, by_genre, name),
            *label_drift(said, label_matrix(today, GENRES), name),
        ]
        days[day] = [asdict(finding) | {"reference": "the reference"} for finding in findings]
        alarms = alarms_on(days, day)
        found["alarm"] += [number] * bool(alarms.alarmed)
        found["drift"] += [number] * bool(alarms.drifted)
        found["psi"] += [number] * _above_the_cut(reference, today)
    return found


def _above_the_cut(reference: Reference, today: pd.DataFrame) -> bool:
    """What a rule of thumb says, without regard to the number of rows."""
    described = reference.describe(today)
    return any(
        float(psi(sketch.counts, sketch.count(described[c]))) > _PSI_CUT for c, sketch in reference.columns.items()
    )


def _later(deviations: float) -> Change:
    def change(today: pd.DataFrame, others: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
        spread = float(others["year"].astype("float64").std())
        return today.assign(year=(today["year"].astype("float64") + round(deviations * spread)))

    return change


def _missing(share: float) -> Change:
    def change(today: pd.DataFrame, _: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
        return today.assign(runtime_minutes=today["runtime_minutes"].mask(random.random(len(today)) < share))

    return change


def _horror(share: float) -> Change:
    def change(today: pd.DataFrame, others: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
        # Of the day's own titles too: others are few.
        dark = pd.concat([others, today])
        dark = dark[["horror" in genres for genres in dark["genres"]]]
        wanted = round(share * len(today))
        drawn = dark.iloc[random.choice(len(dark), wanted, replace=wanted > len(dark))]
        return pd.concat([drawn, today.iloc[wanted:]], ignore_index=True)

    return change


CHANGES: Mapping[str, Mapping[str, Change]] = {
    "years later, by so many standard deviations": {"0.25": _later(0.25), "0.5": _later(0.5), "1": _later(1.0)},
    "running time gone, in so many titles": {"10 %": _missing(0.1), "25 %": _missing(0.25), "50 %": _missing(0.5)},
    "horror instead of so many titles": {"10 %": _horror(0.1), "25 %": _horror(0.25), "50 %": _horror(0.5)},
}


def _table(columns: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *rows))


def false_alarms(titles: Any, weeks: int) -> str:
    """How often there is something in a week in which nothing has changed."""
    found = [week(titles, seed) for seed in range(weeks)]
    names = {
        "alarm": "a week with an alarm",
        "drift": "a week with a column that had drifted on some day",
        "psi": "a week with a PSI above 0.2 on some day, without regard to the number of rows",
    }
    rows = []
    for what, name in names.items():
        count = sum(bool(each[what]) for each in found)
        rows.append(
            [name, f"{count} of {weeks}", f"{100 * count / weeks:.1f} %", f"{100 * _upper(count, weeks):.1f} %"]
        )
    return _table(["", "weeks", "share", "at most, by 95 %"], rows)


def _upper(count: int, number: int) -> float:
    """The upper end of the one-sided Clopper-Pearson interval."""
    shares = np.linspace(0, 1, _RESOLUTION + 1)
    chances = [sum(math.comb(number, k) * p**k * (1 - p) ** (number - k) for k in range(count + 1)) for p in shares]
    return float(shares[np.array(chances) >= 0.05].max())


def detection(titles: Any, weeks: int) -> str:
    """How often a change is found."""
    rows = []
    for kind, sizes in CHANGES.items():
        for size, change in sizes.items():
            found = [week(titles, 10_000 + seed, change) for seed in range(weeks)]
            firsts = [min(each["alarm"], default=DAYS) for each in found]
            rows.append([kind, size, *(f"{100 * np.mean([f < n for f in firsts]):.0f} %" for n in (1, 2, DAYS))])
    return _table(["what changes", "size", "first day", "second", "week"], rows)


def _made_up(random: np.random.Generator) -> tuple[pd.DataFrame, npt.NDArray[np.float32]]:
    values = np.array([f"value {n}" for n in range(12)])
    columns: dict[str, Any] = {f"n{i}": random.lognormal(size=ROWS) for i in range(NUMERIC)}
    columns |= {f"c{i}": random.choice(values, size=ROWS) for i in range(CATEGORICAL)}
    vectors = random.normal(size=(ROWS, DIMENSIONS)).astype(np.float32)
    return pd.DataFrame(columns), vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _project(cached: Path, frame: pd.DataFrame, vectors: npt.NDArray[np.float32]) -> int:
    content = json.loads(cached.read_text(encoding="utf-8"))
    p_values = []
    for name, stored in content.items():
        sketch: Sketch = NumericSketch.from_json(stored) if "edges" in stored else CategoricalSketch.from_json(stored)
        counts = sketch.count(frame[name])
        distance = rank_wasserstein if "edges" in stored else psi
        p_values.append(permutation_test(sketch.counts, counts, distance, seeded(name)).p_value)
    p_values.append(domain_auc(np.load(cached.with_suffix(".npy")), vectors, seeded("embedding")).p_value)
    return sum(p <= LEVEL for p in holm(p_values))


def _evidently(frame: pd.DataFrame, reference: pd.DataFrame) -> None:
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    columns = DataDefinition(
        numerical_columns=[c for c in frame if c.startswith("n")],
        categorical_columns=[c for c in frame if c.startswith("c")],
    )
    Report([DataDriftPreset()]).run(Dataset.from_pandas(frame, columns), Dataset.from_pandas(reference, columns)).dict()


def speed(folder: Path) -> str:
    """Seconds for 100,000 rows."""
    random = np.random.default_rng(3)
    (before, old), (now, new) = _made_up(random), _made_up(random)
    # Half of the columns have drifted: those take the most draws.
    changed = now.assign(**{name: now[name] * 1.2 for name in list(now)[: NUMERIC // 2]})
    sketches = {
        c: NumericSketch.of(before[c]) if c.startswith("n") else CategoricalSketch.of(before[c]) for c in before
    }
    cached = folder / "reference.json"
    cached.write_text(json.dumps({name: sketch.as_json() for name, sketch in sketches.items()}), encoding="utf-8")
    np.save(cached.with_suffix(".npy"), old[:2000])
    seconds: dict[str, list[float]] = defaultdict(list)
    # Loading Evidently takes seconds, once a process.
    _evidently(now.head(500), before.head(500))
    for _ in range(3):
        for name, run in {
            "project, with the embedding": lambda: _project(cached, changed, new),
            "Evidently's `DataDriftPreset`, without it": lambda: _evidently(changed, before),
        }.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    rows = [[name, f"{np.median(found):.1f}"] for name, found in seconds.items()]
    return _table([f"{NUMERIC + CATEGORICAL} columns", "seconds"], rows)


def main() -> None:
    """Runs the benchmark and writes its page."""
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("TRENDING_HOME", ".trending")))
    parser.add_argument("--weeks", type=int, default=100)
    parser.add_argument("--planted", type=int, default=20)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    titles = pool(options.home)
    with tempfile.TemporaryDirectory() as folder:
        fast = speed(Path(folder))
    sys.stderr.write(fast + "\n")
    nothing = false_alarms(titles, options.weeks)
    sys.stderr.write(nothing + "\n")
    text = _PAGE.format(
        weeks=options.weeks,
        planted=options.planted,
        level=LEVEL,
        at_once=AT_ONCE,
        again=AGAIN_IF_LARGE,
        days=DAYS,
        day=DAY,
        reference=REFERENCE,
        rows=ROWS,
        false_alarms=nothing,
        detection=detection(titles, options.planted),
        speed=fast,
    )
    sys.stdout.write(text)
    if options.output:
        options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
