"""Model cards: what a registered model is for, what it learned from, how well it does and for whom less well.

The parts are those of Mitchell et al., "Model cards for model reporting" (2019). Everything in it is read from the
manifest, the decisions of the gate and the training set; what none of them tells is said to be unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.datasets import TRAIN, rows_of
from trending_assets.domain.genres.metrics import TELLING_ROWS, widest_gap
from trending_assets.domain.genres.models import model_class
from trending_assets.storage.registry import Manifest

_KINDS: Mapping[str, str] = {
    "genre_keyword": "Words written by hand for each genre, counted.",
    "genre_logreg": "TF-IDF, keyword scores and facts of the title; one logistic regression a genre.",
    "genre_xgboost": "Boosted trees on the MiniLM embedding, reduced TF-IDF, keyword scores and facts of the title.",
    "genre_bert": "A BERT encoder fine-tuned end to end, with one linear layer, run by ONNX Runtime.",
    "genre_blend": "The weighted mean of the log odds of `genre_logreg` and `genre_bert`.",
}
_USE = (
    "It predicts the genres of films and TV shows from name and plot, and from kind, year, countries, running time, "
    "certificate and streaming platforms where they are known: to fill gaps in a catalogue, to sort what is new, to "
    "compare what sources say. It is not made to judge people or works, to rate what is fit for children, or to decide "
    "alone what someone has to live with."
)
_MEASURED = (
    "On {rows} test titles, which it has not seen and no threshold was chosen on: with 95 % bootstrap intervals, and "
    "once more with the names of genres taken out of the texts."
)
_LABELS = (
    "Labels are those of the sources, mapped to 20 genres. A genre that a title's source cannot express is unknown for "
    "that title: it is left out of the loss, the thresholds and the metrics. "
)
_LIMITS = (
    "Genres are opinions of catalogues, made for selling and searching: they follow the habits of the countries that "
    "the catalogues serve, and a model learns those habits. A plot tells what happens and rarely in which tone, so "
    "that comedy, drama and romance are confused most. A text that is not in English meets an encoder and words "
    "that were learned from English."
)
_COMPARED = {
    "country": "countries",
    "language": "languages",
    "kind": "kinds",
    "decade": "decades",
    "text_length": "lengths of the text",
}
_MOST_LISTED = 8
_INTERVALS = ("macro_f1", "micro_f1")
_PLAIN_METRICS = ("samples_f1", "ece", "excess_ece", "brier", "abstention_rate")
_GENRE_METRICS = ("precision", "recall", "f1", "average_precision", "ece", "excess_ece", "support")


def model_card(
    manifest: Manifest,
    size: int,
    decisions: Iterable[Mapping[str, Any]],
    training_set: pd.DataFrame | None,
    members: Sequence[Manifest] = (),
) -> str:
    """The card of a version, in Markdown.

    Args:
        manifest: the version's.
        size: of its files, in bytes.
        decisions: of the gate, oldest first; those on other versions are passed over.
        training_set: the one that it was trained on; None where that is there no more.
        members: of a blend, the manifests of the versions that it is made of.
    """
    parts = [
        f"# {manifest.ref}",
        *_what_it_is(manifest, size),
        *_use(),
        *_data(manifest, training_set),
        *_metrics(manifest),
        *_slices(manifest),
        *_limits(manifest, training_set),
        *_gate(manifest, decisions),
        *_reproduce(manifest, members),
    ]
    return "\n\n".join(parts) + "\n"


def _what_it_is(manifest: Manifest, size: int) -> list[str]:
    facts = {
        "trained": f"{manifest.trained_at:%Y-%m-%d %H:%M} UTC, in {_number(manifest.costs.get('training_seconds'))} s",
        "size": f"{size / 1e6:.1f} MB",
        "half of its answers to one title take": f"at most {_number(manifest.costs.get('latency_ms_p50'))} ms of a "
        "processor",
        "reads": f"`{manifest.feature_service}`",
        "answers": f"a probability for each of {len(manifest.genres)} genres; those at or above their threshold are "
        "selected, which may be none",
    }
    return [_KINDS.get(manifest.model, "A genre model."), _listed(facts)]


def _use() -> list[str]:
    return ["## Use", _USE]


def _data(manifest: Manifest, training_set: pd.DataFrame | None) -> list[str]:
    days = manifest.data_partitions
    span = f"{days[0]} to {days[-1]} ({len(days)} days)" if days else "unknown"
    lines = [
        f"- days of arrival: {span}",
        f"- training set: SHA-256 `{manifest.training_set_sha256}`",
        f"- {_number(manifest.parameters.get('train_rows'))} titles that it was trained or, of a blend, chosen on",
    ]
    if training_set is not None:
        rows = rows_of(training_set, TRAIN)
        complete = int(rows["labels_complete"].sum())
        lines += [
            f"- sources of the {len(rows)} train titles: {_shares(source for s in rows['sources'] for source in s)}",
            f"- {complete} of them have complete labels; the others are learned from, and not judged by",
        ]
    else:
        lines.append("- the training set has changed since; who is in it is unknown")
    missing = [genre for genre in GENRES if genre not in manifest.genres]
    return [
        "## Data and labels",
        "\n".join(lines),
        _LABELS + (f"Too few examples to learn: {', '.join(missing)}." if missing else "All 20 genres are learned."),
    ]


def _metrics(manifest: Manifest) -> list[str]:
    columns = (manifest.metrics, manifest.masked_metrics)
    rows = [(name, *(_with_interval(found, name) for found in columns)) for name in _INTERVALS] + [
        (name, *(_number(found.get(name)) for found in columns)) for name in _PLAIN_METRICS
    ]
    by_genre = [
        (genre, *(_number(manifest.per_genre.get(genre, {}).get(name)) for name in _GENRE_METRICS))
        for genre in manifest.genres
    ]
    return [
        "## Metrics",
        _MEASURED.format(rows=_number(manifest.metrics.get("rows"))),
        _table(("metric", "as written", "masked"), rows),
        _table(("genre", *_GENRE_METRICS), by_genre),
    ]


def _slices(manifest: Manifest) -> list[str]:
    rows, gaps = [], []
    for prefix, plural in _COMPARED.items():
        found = {
            name.partition("=")[2]: metrics
            for name, metrics in manifest.slices.items()
            if name.startswith(f"{prefix}=") and metrics.get("rows", 0) >= TELLING_ROWS and "micro_f1" in metrics
        }
        rows += [
            (f"{prefix} {value}", *(_number(metrics.get(m)) for m in ("rows", "macro_f1", "micro_f1")))
            for value, metrics in found.items()
        ]
        if gap := widest_gap(manifest.slices, prefix):
            gaps.append(f"- {plural}: {gap.width:.3f} of micro-F1 between {gap.best} and {gap.worst}")
    if not rows:
        return ["## For whom", f"No slice of the test titles holds {TELLING_ROWS} titles: how it differs is unknown."]
    return [
        "## For whom",
        f"Slices of at least {TELLING_ROWS} test titles. The widest gaps:",
        "\n".join(gaps) or "- unknown: no two slices of a kind are large enough",
        _table(("slice", "titles", "macro-F1", "micro-F1"), rows),
    ]


def _limits(manifest: Manifest, training_set: pd.DataFrame | None) -> list[str]:
    said = [_LIMITS]
    if training_set is not None:
        rows = rows_of(training_set, TRAIN)
        told = {
            "languages": _shares(rows["language"].fillna("not stated")),
            "countries": _shares(c for found in rows["countries"] for c in (found if len(found) else ["not stated"])),
            "kinds": _shares(rows["kind"]),
        }
        said.append("Who is in the train titles, the rest being hardly represented:\n\n" + _listed(told))
    rare = [
        genre for genre in manifest.genres if (manifest.per_genre.get(genre, {}).get("support") or 0) < TELLING_ROWS
    ]
    if rare:
        said.append(f"Measured on fewer than {TELLING_ROWS} test titles, and so hardly: {', '.join(rare)}.")
    return ["## Limits and ethics", *said]


def _gate(manifest: Manifest, decisions: Iterable[Mapping[str, Any]]) -> list[str]:
    mine = [decision for decision in decisions if decision["candidate"] == str(manifest.ref)]
    if not mine:
        return ["## Gate", "The gate has not decided on it."]
    lines = [
        f"- {'promoted' if decision['promoted'] else 'refused'}: {' '.join(decision['reasons'])}" for decision in mine
    ]
    return ["## Gate", "\n".join(lines)]


def _reproduce(manifest: Manifest, members: Sequence[Manifest]) -> list[str]:
    commands = ", then ".join(f"`{_command(each)}`" for each in (*members, manifest))
    facts = {
        "command": f"{commands}, which gives the same model for the same training set",
        "code version": f"`{manifest.code_version}`",
        "seed": str(manifest.seed),
        "parameters": ", ".join(f"{k} = {_exact(v)}" for k, v in manifest.parameters.items()) or "none",
        "libraries": ", ".join(f"{name} {version}" for name, version in manifest.library_versions.items()),
        "run": ", ".join(f"`{run}`" for run in manifest.run_ids),
    }
    if manifest.parameters.keys() & model_class(manifest.model).search_space.keys():
        facts["search"] = (
            "some of the parameters are those that `trending tune` found best: a home needs the same row of "
            "`genre_trials` to be the chosen one"
        )
    return ["## How to reproduce it", _listed(facts)]


def _command(manifest: Manifest) -> str:
    # A budget of minutes gives other passes on another machine.
    passes = manifest.parameters.get("passes")
    return f"trending train {manifest.model}" + ("" if passes is None else f" --passes {_exact(passes)}")


def _with_interval(metrics: Mapping[str, float], name: str) -> str:
    low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
    return _number(metrics.get(name)) + (f" ({low:.3f} to {high:.3f})" if low is not None and high is not None else "")


def _number(value: float | str | None) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.3f}"


def _exact(value: float | str) -> str:
    """A value to be given again: a learning rate of 0.00003 is no 0.000."""
    return value if isinstance(value, str) else f"{value:.15g}"


def _shares(values: Iterable[Any]) -> str:
    shares = pd.Series(list(values), dtype="object").value_counts(normalize=True)
    if shares.empty:
        return "none"
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.head(_MOST_LISTED).items())


def _listed(facts: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {said}" for name, said in facts.items())


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
