"""A training row holds what was known at its own time: not what became true later, nor what was told later."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from feature_repo.repository import apply
from trending_assets.automation.running import RunFailedError
from trending_assets.domain.genres.datasets import EXCLUDED, TEST, TRAIN, assign_split
from trending_assets_tests.integration.homes import SmallHome
from trending_assets_tests.integration.small_source import DAYS

_START = datetime(2025, 6, 2, tzinfo=UTC)
_LAST_HOUR = 24 * len(DAYS) - 1
_WORDS = ("harbour", "window", "orchard", "station", "letter", "bridge", "garden", "lantern")


def _moment(hours: float) -> datetime:
    return _START + timedelta(hours=hours)


class Corpus:
    """Titles with several versions of their text, and the version that a training row may hold.

    Attributes:
        labels: one row a title: id, and when its label arrived.
        versions: title → rows of its text, each with when it became true and when it was received.
    """

    def __init__(self, seed: int, titles: int = 60) -> None:
        rng = random.Random(seed)
        self.labels = {f"tt{9_100_000 + i}": _moment(rng.uniform(30, 80)) for i in range(titles)}
        self.versions = {title: self._make(rng, title, label) for title, label in self.labels.items()}

    @staticmethod
    def _make(rng: random.Random, title: str, label: datetime) -> list[dict[str, Any]]:
        times = [(label - timedelta(hours=rng.uniform(1, 29)), timedelta(minutes=5))]
        # A correction that was known in time, the very text of the label, one told too late, one true too late.
        kinds = rng.sample(["in time", "with the label", "told later", "true later"], rng.randint(1, 4))
        for kind in kinds:
            before = label - timedelta(minutes=rng.uniform(10, 50))
            times += {
                "in time": [(before, timedelta(minutes=1))],
                "with the label": [(label, timedelta(0))],
                "told later": [(before, timedelta(hours=rng.uniform(2, 20)))],
                "true later": [(label + timedelta(hours=rng.uniform(1, 20)), timedelta(0))],
            }[kind]
        rng.shuffle(times)
        return [
            {"title_id": title, "event_timestamp": when, "created": when + delay, "version": i}
            for i, (when, delay) in enumerate(times)
        ]

    def known(self, title: str) -> int:
        """The version that was the newest of those both true and told by the time of the label."""
        label = self.labels[title]
        seen = [v for v in self.versions[title] if v["event_timestamp"] <= label and v["created"] <= label]
        return int(max(seen, key=lambda v: (v["event_timestamp"], v["created"]))["version"])


def _text(title: str, version: int) -> str:
    return f"{title} version {version} {' '.join(random.Random(f'{title}{version}').sample(_WORDS, 4))}"


def _write(home: SmallHome, corpus: Corpus) -> None:
    """The tables that the training set is made from, a row in the partition of the day it was told."""
    lake = home.lake
    for day in DAYS:
        titles = [t for t, label in corpus.labels.items() if label.date().isoformat() == day]
        rows = [v for vs in corpus.versions.values() for v in vs if v["created"].date().isoformat() == day]
        _write_titles(home, day, corpus, titles)
        columns = {name: [row[name] for row in rows] for name in ("title_id", "event_timestamp", "created")}
        stamp = pa.timestamp("us", tz="UTC")
        times = {
            "title_id": pa.array(columns["title_id"], pa.string()),
            "event_timestamp": pa.array(columns["event_timestamp"], stamp),
            "created": pa.array(columns["created"], stamp),
        }
        texts = [_text(row["title_id"], row["version"]) for row in rows]
        text = {
            "text": pa.array(texts, pa.string()),
            "kind": pa.array(["movie"] * len(rows), pa.string()),
            "year": pa.array([2000 + row["version"] for row in rows], pa.int64()),
            "word_count": pa.array([len(t.split()) for t in texts], pa.int64()),
            "countries": pa.array([["FR", "US"]] * len(rows), pa.list_(pa.string())),
            "runtime_minutes": pa.array([90 + row["version"] for row in rows], pa.int64()),
            "certificate": pa.array([(None, "PG", "R")[row["version"] % 3] for row in rows], pa.string()),
            "platforms": pa.array([["hulu"]] * len(rows), pa.list_(pa.string())),
        }
        vectors = [[float(row["version"])] + [1.0] * 383 for row in rows]
        lake.write("title_text", pa.table({**times, **text}), day=day)
        embedding = pa.array(vectors, pa.list_(pa.float32()))
        lake.write("title_embedding", pa.table({**times, "embedding": embedding}), day=day)
        tfidf = {
            "tfidf": pa.array([[float(row["version"])] for row in rows], pa.list_(pa.float32())),
            "masked_tfidf": pa.array([[-float(row["version"])] for row in rows], pa.list_(pa.float32())),
            "tfidf_version": pa.array(["a"] * len(rows), pa.string()),
        }
        lake.write("title_tfidf", pa.table({**times, **tfidf}), day=day)
        masked = {"masked_text": text["text"], "masked_embedding": embedding}
        lake.write("title_masked", pa.table({**times, **masked}), day=day)


def _write_titles(home: SmallHome, day: str, corpus: Corpus, titles: list[str]) -> None:
    strings = pa.list_(pa.string())
    table = {
        "title_id": pa.array(titles, pa.string()),
        "source": pa.array(["sample"] * len(titles), pa.string()),
        "source_id": pa.array(titles, pa.string()),
        "language": pa.array(["en"] * len(titles), pa.string()),
        "plot": pa.array(["What it is about."] * len(titles), pa.string()),
        "arrived_at": pa.array([corpus.labels[t] for t in titles], pa.timestamp("us", tz="UTC")),
        "genres": pa.array([["drama"] if int(t[-1]) % 2 else ["comedy"] for t in titles], strings),
        "label_coverage": pa.array([["comedy", "drama"]] * len(titles), strings),
        "labels_complete": pa.array([True] * len(titles), pa.bool_()),
        "document_sha256": pa.array(["0" * 64] * len(titles), pa.string()),
    }
    home.lake.write("stg_titles", pa.table(table), day=day)
    _write_identity(home, day, [("sample", title, title) for title in titles])


def _write_identity(home: SmallHome, day: str, rows: list[tuple[str, str, str]]) -> None:
    columns = {name: [row[i] for row in rows] for i, name in enumerate(("source", "source_id", "title_id"))}
    schema = pa.schema([(name, pa.string()) for name in columns])
    home.lake.write("title_identity", pa.table(columns, schema=schema), day=day)


def _training_set(folder: Path, corpus: Corpus) -> list[dict[str, Any]]:
    home = SmallHome(folder)
    _write(home, corpus)
    apply(folder)
    home.run("retrain", selection=["genre_training_set"])
    return list(home.lake.read("genre_training_set").to_pylist())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_row_holds_the_version_that_was_known_at_its_time(seed: int, tmp_path: Path) -> None:
    corpus = Corpus(seed)
    rows = _training_set(tmp_path / "home", corpus)
    assert [row["title_id"] for row in rows] == sorted(corpus.labels)
    wrong = {}
    for row in rows:
        text = _text(row["title_id"], v := corpus.known(row["title_id"]))
        held = [row["text"], row["year"] - 2000, row["embedding"][0], row["tfidf"][0]]
        held += [row["masked_text"], row["masked_tfidf"][0]]
        if held != [text, v, float(v), float(v), text, -float(v)]:
            wrong[row["title_id"]] = held
    assert wrong == {}
    # The corpus would show a leak: most titles have a version that must not be seen.
    tempting = [t for t, vs in corpus.versions.items() if max(v["event_timestamp"] for v in vs) > corpus.labels[t]]
    late = [t for t, vs in corpus.versions.items() if any(v["created"] > corpus.labels[t] for v in vs)]
    assert len(tempting) > len(rows) / 4
    assert len(late) > len(rows) / 2


def test_a_later_record_without_a_plot_takes_none_away(tmp_path: Path) -> None:
    corpus = Corpus(4)
    home = SmallHome(tmp_path / "home")
    _write(home, corpus)
    day = max(label.date() for label in corpus.labels.values()).isoformat()
    table = home.lake.read("stg_titles", day)
    rows, schema = table.to_pylist(), table.schema
    again = rows[0] | {"plot": None, "arrived_at": rows[0]["arrived_at"] + timedelta(minutes=1)}
    home.lake.write("stg_titles", pa.Table.from_pylist([*rows, again], schema=schema), day=day)
    apply(home.folder)
    home.run("retrain", selection=["genre_training_set"])
    stored = home.lake.read("genre_training_set", columns=["title_id", "plot"]).to_pylist()
    assert [row["title_id"] for row in stored] == sorted(corpus.labels)
    assert {row["plot"] for row in stored} == {"What it is about."}


def test_titles_that_are_found_to_be_one_later_never_stand_on_both_sides(tmp_path: Path) -> None:
    corpus = Corpus(4)
    home = SmallHome(tmp_path / "home")
    _write(home, corpus)
    apply(home.folder)
    ids = {split: [t for t in sorted(corpus.labels) if assign_split(t) == split] for split in (TRAIN, TEST)}
    (one, other, freed), held = ids[TRAIN][:3], ids[TEST][0]

    def taken_out() -> dict[str, str]:
        home.run("retrain", selection=["genre_training_set"])
        rows = home.lake.read("genre_training_set").to_pylist()
        return {row["title_id"]: row["split_reason"] for row in rows if row["split"] == EXCLUDED}

    assert taken_out() == {}
    # One leads to a title of test, another to one that does; a third did until that was undone.
    _write_identity(home, "2025-06-08", [("imdb", other, one), ("imdb", freed, held)])
    _write_identity(home, "2025-06-09", [("imdb", one, held), ("imdb", freed, freed)])
    reason = "the same title as one in test"
    assert taken_out() == {one: reason, other: reason}


@pytest.mark.parametrize(
    ("event", "created"), [(timedelta(hours=1), timedelta(hours=1)), (-timedelta(hours=1), timedelta(hours=1))]
)
def test_a_title_of_which_nothing_was_known_yet_stops_the_training(
    event: timedelta, created: timedelta, tmp_path: Path
) -> None:
    corpus = Corpus(4)
    title, label = next(iter(corpus.labels.items()))
    later = {"title_id": title, "event_timestamp": label + event, "created": label + created, "version": 0}
    corpus.versions[title] = [later]
    with pytest.raises(RunFailedError, match=rf"1 labelled titles have no features, such as \['{title}'\]"):
        _training_set(tmp_path / "home", corpus)


def test_a_title_that_is_told_anew_later_is_learned_as_it_was_told_with_its_newest_label(finished: SmallHome) -> None:
    from trending_assets_tests.integration.small_source import UPDATED_ID, UPDATED_LATER

    (row,) = [row for row in finished.lake.read("genre_training_set").to_pylist() if row["title_id"] == UPDATED_ID]
    assert row["event_timestamp"].date().isoformat() == UPDATED_LATER
    assert row["genres"] == ["comedy"]
    assert "dentists" in row["text"]
    assert "coffin" not in row["text"]
