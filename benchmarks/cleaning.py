"""Cleaning reviews: the project beside polars and pandas that do the same and give the same output.

    python -m benchmarks.cleaning [--rows 1000000] [--engines project,polars,pandas]

Each engine reads one Parquet file of raw reviews, cleans and rates them, drops exact duplicates, sorts and writes
another file, in a process of its own. Seconds, CPU seconds (both without imports) and peak memory are printed;
different outputs are an error. The slow repairs follow one by one, in rows a second and one thread.

Rows are made of the reviews in the folder named by TRENDING_BENCH_DATA, ``../shared/data`` where that is not set,
or of made-up words where that is absent.
"""

import argparse
import csv
import gzip
import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd  # noqa: F401 - imports are not what is measured
import pyarrow as pa
import pyarrow.parquet as pq

from trending_assets.domain.catalog.ratings import rating_of
from trending_assets.domain.catalog.reviews import normalise_reviews
from trending_assets.domain.text.cleaning import BLOCK_TAG, INLINE_TAG, plain_text
from trending_assets.domain.text.personal import CONTACT, without_contacts

RAW = pa.schema(
    [
        ("source", pa.string()),
        ("source_title_id", pa.string()),
        ("author", pa.string()),
        ("text", pa.string()),
        ("rating_raw", pa.string()),
        ("rating_scale", pa.float64()),
        ("event_time", pa.timestamp("us", tz="UTC")),
    ]
)
CLEAN = RAW.remove(RAW.get_field_index("rating_scale")).append(pa.field("rating", pa.float64()))

_KEY = ["source", "source_title_id", "author", "text"]
_ORDER = ["source", "source_title_id", "event_time", "author", "text"]
_ENTITIES = {"&quot;": '"', "&amp;": "&", "&#39;": "'", "&lt;": "<", "&gt;": ">"}
# What the peers' string methods do not do: broken encodings and what cannot be seen; markup left over, and contacts.
_ODD = "[\\x00-\\x08\\x0e-\\x1f\\x7f-\\x9f\\u200b-\\u200d\\u2060\\ufeff]|[^\\x00-\\x7f]{2}|[ŒœÃÂ]"
_LEFT = f"&#?[A-Za-z0-9]+;|<[A-Za-z/!]|{CONTACT}"

# Shares of rows: nine of ten are critics' snippets, one is a viewer's long review as its site serves it. What is wrong
# with them is as frequent as in the data, or more so (there broken encodings are 7 of 10,000).
_LONG = 0.1
_DIRT: tuple[tuple[float, Callable[[str], str]], ...] = (
    (0.03, lambda text: f"{text} &quot;Bravo&quot; &amp; more: it&#39;s <i>the</i> film"),
    (0.02, lambda text: f"<p>{text}</p><p>Seen twice.</p>"),
    (0.06, lambda text: f"\u201c{text}\u201d \u2013 an idée fixe of Buñuel\u2019s"),
    (0.01, lambda text: f"{text} Cafe\u0301 noir"),
    (0.001, lambda text: f"{text} Donâ€™t miss it, says AmÃ©lie"),
    (0.03, lambda text: f"  {text}\r\n\r\nRecommended.\t"),
    (0.001, lambda text: f"{text} Write to joe.{len(text)}@example.com or 212-555-0{len(text) % 1000:03}"),
)
_RATINGS = ("", "", "3/5", "4/5", "2.5/4", "B-", "A", "C+", "85/100", "7.5/10", "★★★½", "3 1/2 / 5", "fresh", "7/5")
_REPEATED = 0.03
_SIGNED = 0.8


def write_reviews(raw: Path, rows: int) -> None:
    """Writes raw reviews, the same for the same number of rows and data."""
    made = reviews(rows)
    with pq.ParquetWriter(raw, RAW, compression="zstd", use_dictionary=False) as writer:
        while batch := list(itertools.islice(made, 100_000)):
            writer.write_table(pa.Table.from_pylist(batch, schema=RAW))


def reviews(rows: int) -> Iterator[dict[str, Any]]:
    """Raw reviews: three of a hundred are written twice, and a few thousand texts stand behind all."""
    chance = random.Random(7)  # noqa: S311 - made-up rows, not secrets
    short, long = texts()
    start = datetime(2015, 1, 1, tzinfo=UTC)
    recent: deque[dict[str, Any]] = deque(maxlen=100)
    for number in range(rows):
        if recent and chance.random() < _REPEATED:
            row = {**chance.choice(recent), "event_time": start + timedelta(minutes=number)}
        else:
            text = chance.choice(long) if chance.random() < _LONG else chance.choice(short)
            for share, spoil in _DIRT:
                text = spoil(text) if text and chance.random() < share else text
            row = {
                "source": chance.choice(("critics", "viewers")),
                "source_title_id": str(chance.randrange(max(rows // 50, 1))),
                "author": f"critic {chance.randrange(max(rows // 20, 1))}" if chance.random() < _SIGNED else None,
                "text": text,
                "rating_raw": chance.choice(_RATINGS) or None,
                "rating_scale": None,
                "event_time": start + timedelta(minutes=number),
            }
        recent.append(row)
        yield row


def texts() -> tuple[list[str], list[str]]:
    """Short texts and long ones: critics' snippets and viewers' reviews, where they are at hand."""
    folder = Path(os.environ.get("TRENDING_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data")) / "bench"
    if folder.exists():
        with gzip.open(folder / "rt_reviews.csv.gz", "rt", encoding="utf-8", newline="") as file:
            short = [row["review"] for row in csv.DictReader(file)]
        with gzip.open(folder / "imdb_reviews_labelled.jsonl.gz", "rt", encoding="utf-8") as file:
            return short, [json.loads(line)["text"] for line in itertools.islice(file, 20_000)]
    chance = random.Random(7)  # noqa: S311 - made-up texts, not secrets
    words = [a + b for a in ("act", "plot", "shot", "scen", "dark", "bright") for b in ("", "s", "ly", "er", "ing")]
    short = [" ".join(chance.choices(words, k=18)) for _ in range(5000)]
    return short, ["<br /><br />".join(" ".join(chance.choices(words, k=70)) for _ in range(3)) for _ in range(2000)]


def project(raw: Path, clean: Path) -> None:
    """The product's own code."""
    _write(clean, normalise_reviews(pq.read_table(raw)))


def with_polars(raw: Path, clean: Path) -> None:
    """Polars expressions; what no expression does is done row by row on the rows that need it."""
    import polars as pl

    frame = pl.read_parquet(raw)
    tidy = (
        frame["text"]
        .str.replace_all(INLINE_TAG, "")
        .str.replace_all(BLOCK_TAG, " ")
        .str.replace_many(list(_ENTITIES), list(_ENTITIES.values()))
        .str.normalize("NFC")
        .str.replace_all(r"\s+", " ")
        .str.strip_chars()
    )
    rows = (frame["text"].str.contains(_ODD) | tidy.str.contains(_LEFT)).arg_true()
    tidy = tidy.scatter(rows, [without_contacts(plain_text(text)) for text in frame["text"].gather(rows)])
    rated = {raw: rating_of(raw) for raw in frame["rating_raw"].unique().drop_nulls()}
    frame = (
        frame.with_columns(tidy, rating=pl.col("rating_raw").replace_strict(rated, return_dtype=pl.Float64))
        .sort("event_time", maintain_order=True)
        .unique(_KEY, keep="first")
        .sort(_ORDER)
    )
    _write(clean, [frame.to_arrow()])


def with_pandas(raw: Path, clean: Path) -> None:
    """Pandas' own string methods; what they do not do is done row by row on the rows that need it."""
    frame = pq.read_table(raw).to_pandas()
    texts = frame["text"]
    tidy = texts.str.replace(INLINE_TAG, "", regex=True).str.replace(BLOCK_TAG, " ", regex=True)
    for entity, character in _ENTITIES.items():
        tidy = tidy.str.replace(entity, character, regex=False)
    tidy = tidy.str.normalize("NFC").str.replace(r"\s+", " ", regex=True).str.strip()
    rows = texts.str.contains(_ODD) | tidy.str.contains(_LEFT)
    tidy[rows] = [without_contacts(plain_text(text)) for text in texts[rows]]
    rated = {raw: rating_of(raw) for raw in frame["rating_raw"].dropna().unique()}
    frame = frame.assign(text=tidy, rating=frame["rating_raw"].map(rated).astype("float64"))
    frame = frame.sort_values("event_time", kind="stable").drop_duplicates(_KEY, keep="first")
    frame = frame.sort_values(_ORDER, na_position="first")
    _write(clean, [pa.Table.from_pandas(frame, preserve_index=False)])


ENGINES = {"project": project, "polars": with_polars, "pandas": with_pandas}


def _write(clean: Path, tables: Iterable[pa.Table]) -> None:
    dictionaries = [name for name in CLEAN.names if name not in {"text", "event_time"}]
    with pq.ParquetWriter(clean, CLEAN, compression="zstd", compression_level=1, use_dictionary=dictionaries) as writer:
        for table in tables:
            writer.write_table(table.select(CLEAN.names).cast(CLEAN))


def measure(engine: str, raw: Path, clean: Path) -> dict[str, Any]:
    """Seconds, CPU seconds and peak memory of one engine in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.cleaning", "--run", engine, str(raw), str(clean)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return {"engine": engine, **json.loads(done.stdout)}


def parts(rows: int) -> dict[str, float]:
    """Rows a second of each slow repair, in one thread, on texts as the sources write them."""
    from trending_assets.domain.text.duplicates import near_duplicates
    from trending_assets.domain.text.language import detect_languages
    from trending_assets.domain.text.spam import flags

    short, long = texts()
    snippets, pages = (list(itertools.islice(itertools.cycle(some), rows)) for some in (short, long))
    broken = [f"{text} Donâ€™t miss AmÃ©lie" for text in snippets]
    marked = [f"<a href='/title'>Title</a> {text}" for text in snippets]
    detect_languages(["Une phrase qui charge les modèles de lingua une fois pour toutes."])
    work: dict[str, tuple[Callable[[list[str]], object], list[str]]] = {
        "ftfy (snippets with a broken encoding)": (_each(plain_text), broken),
        "HTML to text (snippets with a link)": (_each(plain_text), marked),
        "HTML to text (long reviews as served)": (_each(plain_text), pages),
        "contacts (long reviews)": (_each(without_contacts), pages),
        "language (snippets)": (detect_languages, snippets),
        "language (long reviews)": (detect_languages, pages),
        "near-duplicates (snippets)": (near_duplicates, snippets),
        "near-duplicates (long reviews)": (near_duplicates, pages),
        "flags (snippets)": (_each(flags), snippets),
    }
    speeds = {}
    for name, (function, given) in work.items():
        start = time.perf_counter()
        function(given)
        speeds[name] = len(given) / (time.perf_counter() - start)
    return speeds


def _each(function: Callable[[str], object]) -> Callable[[list[str]], object]:
    return lambda given: [function(text) for text in given]


def main() -> None:
    """Runs the benchmark and prints its tables.

    Raises:
        SystemExit: two engines gave different output.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--run", nargs=3, metavar=("ENGINE", "RAW", "CLEAN"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        engine, raw, clean = arguments.run
        if engine == "polars":
            import polars as _  # noqa: F401 - imports are not what is measured
        start, cpu = time.perf_counter(), time.process_time()
        ENGINES[engine](Path(raw), Path(clean))
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        sys.stdout.write(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_gib": peak}))
        return
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.parquet"
        write_reviews(raw, arguments.rows)
        expected = None
        for engine in arguments.engines.split(","):
            clean = Path(folder) / f"{engine}.parquet"
            row = measure(engine, raw, clean)
            output = pq.read_table(clean)
            if expected is not None and not output.equals(expected):
                raise SystemExit(f"{engine}: its output differs from the first engine's")
            expected = output
            sys.stdout.write(
                f"{engine:10} {row['seconds']:8.2f} s {row['cpu_seconds']:8.2f} CPU s {row['peak_gib']:6.2f} GiB  "
                f"{arguments.rows:,} rows read, {len(output):,} kept\n"
            )
            sys.stdout.flush()
    for name, speed in parts(min(arguments.rows, 10_000)).items():
        sys.stdout.write(f"{name:42} {speed:10,.0f} rows/s\n")


if __name__ == "__main__":
    main()
