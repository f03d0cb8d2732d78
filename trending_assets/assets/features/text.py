"""``title_text``, ``title_embedding`` and ``title_masked``: stateless features of what a title is about."""

from functools import cache

import dagster as dg
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trending_assets.domain.catalog.records import STRINGS, TIMESTAMP
from trending_assets.domain.genres.masking import mask_genre_words
from trending_assets.domain.text.bert import MAX_TOKENS
from trending_assets.domain.text.encoder import EMBEDDING_SIZE, NAME, Encoder
from trending_assets.domain.text.features import title_features
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, column_schema, write_days
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version

_TIMES = [pa.field("event_timestamp", TIMESTAMP, False), pa.field("created", TIMESTAMP, False)]
_TEXT = pa.schema(
    [
        pa.field("title_id", pa.string(), False),
        *_TIMES,
        pa.field("text", pa.string(), False),
        pa.field("kind", pa.string(), False),
        pa.field("year", pa.int64()),
        pa.field("word_count", pa.int64(), False),
        pa.field("countries", STRINGS, False),
        pa.field("runtime_minutes", pa.int64()),
        pa.field("certificate", pa.string()),
        pa.field("platforms", STRINGS, False),
    ]
)
_FACTS = ("kind", "year", "countries", "runtime_minutes", "certificate", "platforms")
_READ = ["title_id", "title", "plot", *_FACTS, "arrived_at"]
_EMBEDDING = pa.schema(
    [pa.field("title_id", pa.string(), False), *_TIMES, pa.field("embedding", pa.list_(pa.float32()), False)]
)
_MASKED = pa.schema(
    [
        pa.field("title_id", pa.string(), False),
        *_TIMES,
        pa.field("masked_text", pa.string(), False),
        pa.field("masked_embedding", pa.list_(pa.float32()), False),
    ]
)


@dg.asset(
    key="title_text",
    deps=[dg.AssetKey("titles")],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=code_version(__name__, "trending_assets.domain.text.features", "trending_assets.domain.text.cleaning"),
    group_name="features",
    owners=[OWNER],
    kinds={"python", "parquet"},
    description="Title and plot as models read them, with its length and the facts that they read beside it.",
    metadata=column_schema(_TEXT),
)
def title_text(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """Text features of the titles that arrived on each day."""
    lake = home.lake

    def build(day: str) -> pa.Table:
        titles = lake.read("titles", day, _READ)
        rows = []
        for row in titles.to_pylist():
            # Nothing can be told from a name alone.
            if row["plot"] is None:
                continue
            features = title_features(row["title"], row["plot"], **{name: row[name] for name in _FACTS})
            rows.append(
                {
                    "title_id": row["title_id"],
                    "event_timestamp": row["arrived_at"],
                    "created": row["arrived_at"],
                    "text": features.text,
                    "kind": features.kind,
                    "year": features.year,
                    "word_count": features.word_count,
                    "countries": list(features.countries),
                    "runtime_minutes": features.runtime_minutes,
                    "certificate": features.certificate,
                    "platforms": list(features.platforms),
                }
            )
        return pa.Table.from_pylist(rows, schema=_TEXT)

    write_days(context, lake, "title_text", build, inputs=lambda day: lake.input_hashes("titles", [day]))


@dg.asset(
    key="title_embedding",
    deps=[dg.AssetKey("title_text")],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=code_version(__name__, "trending_assets.domain.text.encoder"),
    group_name="features",
    owners=[OWNER],
    kinds={"onnx", "parquet"},
    description=f"{NAME} embedding of the text's first {MAX_TOKENS} tokens: a unit vector of {EMBEDDING_SIZE} values.",
    metadata=column_schema(_EMBEDDING),
)
def title_embedding(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """Embeddings of the titles that arrived on each day; the encoder is loaded only if a day needs it."""
    lake = home.lake
    encoder = cache(Encoder)

    def build(day: str) -> pa.Table:
        text = lake.read("title_text", day, ["title_id", "event_timestamp", "created", "text"])
        vectors = encoder().encode(text["text"].to_pylist())
        columns = [text["title_id"], text["event_timestamp"], text["created"], _lists(vectors)]
        context.log.info("%s: %d titles embedded", day, len(vectors))
        return pa.Table.from_arrays(columns, schema=_EMBEDDING)

    write_days(context, lake, "title_embedding", build, inputs=lambda day: lake.input_hashes("title_text", [day]))


@dg.asset(
    key="title_masked",
    deps=[dg.AssetKey("title_text"), dg.AssetKey("title_embedding")],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=code_version(__name__, "trending_assets.domain.text.encoder", "trending_assets.domain.genres.masking"),
    group_name="features",
    owners=[OWNER],
    kinds={"onnx", "parquet"},
    description="Text and embedding without the names of genres, which models learn and are judged by; never online.",
    metadata=column_schema(_MASKED),
)
def title_masked(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """The masked texts of each day; only those that name a genre are encoded anew."""
    lake = home.lake
    encoder = cache(Encoder)

    def build(day: str) -> pa.Table:
        text = lake.read("title_text", day, ["title_id", "event_timestamp", "created", "text"])
        embeddings = lake.read("title_embedding", day, ["title_id", "embedding"])
        if text["title_id"] != embeddings["title_id"]:
            raise dg.Failure(f"{day}: title_text and title_embedding hold other titles")
        written = text["text"].to_pylist()
        texts = [mask_genre_words(each) for each in written]
        vectors = np.array(embeddings["embedding"].to_pylist(), dtype=np.float32).reshape(-1, EMBEDDING_SIZE)
        changed = [i for i, each in enumerate(texts) if each != written[i]]
        if changed:
            vectors[changed] = encoder().encode([texts[i] for i in changed])
        columns = [text["title_id"], text["event_timestamp"], text["created"], pa.array(texts, pa.string())]
        return pa.Table.from_arrays([*columns, _lists(vectors)], schema=_MASKED)

    inputs = ("title_text", "title_embedding")
    write_days(context, lake, "title_masked", build, inputs=lambda day: lake.input_hashes(inputs, [day]))


def _lists(vectors: npt.NDArray[np.float32]) -> pa.ListArray:
    offsets = pa.array(range(0, vectors.size + 1, EMBEDDING_SIZE), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(vectors.ravel(), pa.float32()))
