"""Records: the exact columns, types, nullability and descriptions of what sources give.

This is the one place that states them; Parquet schemas, dbt's documentation of the sources and the column
schemas shown in the Dagster UI are made from it.
"""

from dataclasses import dataclass

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")
STRINGS = pa.list_(pa.string())


@dataclass(frozen=True)
class Column:
    """A column: its name, Arrow type, meaning, and whether it may be null."""

    name: str
    type: pa.DataType
    description: str
    nullable: bool = False


@dataclass(frozen=True)
class Record:
    """A kind of row."""

    name: str
    description: str
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns])

    @property
    def struct(self) -> pa.StructType:
        """The same columns as an Arrow struct, for a column that nests records."""
        return pa.struct([pa.field(c.name, c.type) for c in self.columns])


_ORIGIN = (
    Column("event_time", TIMESTAMP, "When it happened, by the source's own account."),
    Column("arrived_at", TIMESTAMP, "When it was received; its UTC day is its partition."),
    Column("document_sha256", pa.string(), "SHA-256 of the document's payload that it was read from."),
)

DOCUMENT = Record(
    "document",
    "A document exactly as a source gave it.",
    (
        Column("source", pa.string(), "Name of the source."),
        Column("document_type", pa.string(), "What the payload describes, in the source's terms."),
        Column("source_id", pa.string(), "The document's id at the source."),
        Column("url", pa.string(), "Where it came from."),
        Column("fetched_at", TIMESTAMP, "When it was fetched; for a replayed archive its seeded arrival."),
        Column("status", pa.int16(), "HTTP status; 200 for a record read out of an archive."),
        Column("headers", pa.string(), "JSON object of the response headers that matter."),
        Column("payload", pa.binary(), "The body, byte for byte."),
        Column("sha256", pa.string(), "SHA-256 of the payload."),
    ),
)

TITLE = Record(
    "title",
    "A film or show as one source describes it.",
    (
        Column("source", pa.string(), "Name of the source."),
        Column("source_id", pa.string(), "The title's id at the source."),
        Column("kind", pa.string(), "`movie` or `show`."),
        Column("title", pa.string(), "Name in its usual English form."),
        Column("original_title", pa.string(), "Name in the original language.", nullable=True),
        Column("year", pa.int32(), "Year of release or of the first broadcast.", nullable=True),
        Column("released", pa.date32(), "Day of release, where the source knows more than the year.", nullable=True),
        Column("language", pa.string(), "Original language, ISO 639.", nullable=True),
        Column("countries", STRINGS, "Countries of origin, ISO 3166-1; one that is no more by its name."),
        Column("genres", STRINGS, "Genres, as slugs of the taxonomy."),
        Column("label_coverage", STRINGS, "Slugs that the source can express; any other is unknown."),
        Column("labels_complete", pa.bool_(), "Whether the source means to name every genre that fits."),
        Column("plot", pa.string(), "What it is about; cleaned text.", nullable=True),
        Column("runtime_minutes", pa.int32(), "Running time in minutes.", nullable=True),
        Column("certificate", pa.string(), "Age certificate in the United States, such as `PG-13`.", nullable=True),
        Column("platforms", STRINGS, "Streaming platforms that have it; empty where the source names none."),
        Column("imdb_id", pa.string(), "IMDb id.", nullable=True),
        Column(
            "external_ids",
            pa.list_(pa.struct([("catalogue", pa.string()), ("id", pa.string())])),
            "Its ids in other catalogues.",
        ),
        Column(
            "matches",
            pa.list_(pa.struct([("source_id", pa.string()), ("method", pa.string()), ("confidence", pa.float64())])),
            "Other records of the source that were found to be this title, how, and how sure that is (0 to 1).",
        ),
        *_ORIGIN,
    ),
)

REVIEW = Record(
    "review",
    "What one person wrote about a title. Personal data does not get this far.",
    (
        Column("source", pa.string(), "Name of the source."),
        Column("review_id", pa.string(), "Stable id: a hash of source, title, pseudonym and text."),
        Column("source_title_id", pa.string(), "The reviewed title's id at the source."),
        Column("imdb_id", pa.string(), "The reviewed title's IMDb id.", nullable=True),
        Column("author_hash", pa.string(), "Pseudonym of the author.", nullable=True),
        Column("text", pa.string(), "What was written; cleaned text."),
        Column("language", pa.string(), "Language of the text, ISO 639-1.", nullable=True),
        Column("rating", pa.float64(), "Rating from 0 to 10.", nullable=True),
        Column("rating_raw", pa.string(), "The rating as the source writes it.", nullable=True),
        Column("verdict", pa.string(), "`fresh` or `rotten`, where the source says so.", nullable=True),
        Column("flags", STRINGS, "What speaks against it: `empty`, `spam`…; none for most."),
        Column("near_duplicate_of", pa.string(), "The day's first review that it nearly repeats.", nullable=True),
        *_ORIGIN,
    ),
)

SIGNAL = Record(
    "signal",
    "A number that says how much a title is noticed.",
    (
        Column("source", pa.string(), "Name of the source."),
        Column("source_title_id", pa.string(), "The title's id at the source."),
        Column("imdb_id", pa.string(), "The title's IMDb id.", nullable=True),
        Column("name", pa.string(), "What is counted."),
        Column("value", pa.float64(), "The count or rank."),
        *_ORIGIN,
    ),
)

PARSED = Record(
    "parsed",
    "What became of one document: one row a document, so that what came in can be accounted for.",
    (
        Column("source", pa.string(), "Name of the source."),
        Column("document_type", pa.string(), "What the payload describes."),
        Column("source_id", pa.string(), "The document's id at the source."),
        Column("document_sha256", pa.string(), "SHA-256 of the document's payload."),
        Column("outcome", pa.string(), "`kept`, `duplicate` or `quarantined`."),
        Column("reason", pa.string(), "Why it was quarantined or what it duplicates.", nullable=True),
        Column("titles", pa.list_(TITLE.struct), "Titles read from it."),
        Column("reviews", pa.list_(REVIEW.struct), "Reviews read from it."),
        Column("signals", pa.list_(SIGNAL.struct), "Signals read from it."),
    ),
)

IDENTITY = Record(
    "identity",
    "Which title a source's record speaks of, and how that is known.",
    (
        Column("source", pa.string(), "Name of the source."),
        Column("source_id", pa.string(), "The record's id at the source."),
        Column("title_id", pa.string(), "The title."),
        Column(
            "method", pa.string(), "`imdb id`, `external id`, `first seen`, `undone`, or how a match by name was made."
        ),
        Column("confidence", pa.float64(), "How sure it is, from 0 to 1."),
        Column("kind", pa.string(), "`movie` or `show`, where the record describes the title.", nullable=True),
        Column("year", pa.int32(), "Year of release or of the first broadcast, as described.", nullable=True),
        Column("runtime_minutes", pa.int32(), "Running time in minutes, as described.", nullable=True),
        Column("keys", STRINGS, "What the title can be found by: its ids and, with its kind, its names."),
        Column("arrived_at", TIMESTAMP, "When the record that says so was received."),
        Column("document_sha256", pa.string(), "SHA-256 of the payload that says so."),
    ),
)

QUARANTINE = Record(
    "quarantine",
    "A document that could not be used, kept whole, so that it can be looked at and replayed.",
    (
        Column("source", pa.string(), "Name of the source."),
        Column("document_type", pa.string(), "What the payload claims to describe."),
        Column("source_id", pa.string(), "The document's id at the source."),
        Column("url", pa.string(), "Where it came from."),
        Column("arrived_at", TIMESTAMP, "When it was received."),
        Column("reason", pa.string(), "Why it could not be used."),
        Column("document_sha256", pa.string(), "SHA-256 of its payload."),
        Column("payload", pa.binary(), "Its payload, byte for byte."),
    ),
)

UNDONE_MATCH = Record(
    "undone_match",
    "A match that a person found wrong: from its day on the record and the title are two.",
    (
        Column("undone_at", TIMESTAMP, "When it was undone; identities of earlier days stay as they were."),
        Column("source", pa.string(), "Name of the record's source; `imdb` or `title` where two titles were matched."),
        Column("source_id", pa.string(), "The record's id at the source, or the title's own id."),
        Column("title_id", pa.string(), "The title that it is not."),
        Column("reason", pa.string(), "Why, in the words of whoever undid it."),
    ),
)

IDENTITY_QUALITY = Record(
    "identity_quality",
    "How well records of a source whose IMDb id is known find their titles by name among other sources' titles.",
    (
        Column("source", pa.string(), "Name of the source."),
        Column("rule", pa.string(), "The rule that matched; null for all together.", nullable=True),
        Column("labelled", pa.int64(), "Records with an IMDb id; of a rule, those that it matched."),
        Column("in_catalogue", pa.int64(), "Those whose title another source describes with that id."),
        Column("matched", pa.int64(), "Those that were matched by name."),
        Column("right", pa.int64(), "Those that were matched with a title of that id."),
        Column("precision", pa.float64(), "The share of the matched that are right.", nullable=True),
        Column("recall", pa.float64(), "The share of those in the catalogue that are right.", nullable=True),
    ),
)

ERASURE = Record(
    "erasure",
    "A document that was erased because of its author, or an erasure that found none: who is known by pseudonym only.",
    (
        Column("erased_at", TIMESTAMP, "When it was erased."),
        Column("source", pa.string(), "The source that landed it."),
        Column("author_hash", pa.string(), "The author's pseudonym at the catalogue."),
        Column("day", pa.date32(), "Its arrival day.", nullable=True),
        Column("document_sha256", pa.string(), "SHA-256 of its payload.", nullable=True),
    ),
)

# What is said of a record of one source, and not of a title.
_RECORDS_OWN = {"imdb_id", "external_ids", "matches", "labels_complete", *(column.name for column in _ORIGIN)}
CATALOG = Record(
    "catalog",
    "A title as it stands at the newest landed day.",
    (
        Column("title_id", pa.string(), "The title."),
        *(column for column in TITLE.columns if column.name not in _RECORDS_OWN),
        Column("sources", pa.list_(pa.struct([("source", pa.string()), ("source_id", pa.string())])), "Its records."),
        Column("aliases", STRINGS, "Other ids that lead to this title."),
        Column("arrived_at", TIMESTAMP, "When its newest record was received."),
        Column("reviews_total", pa.int64(), "All its reviews."),
        Column("rating_mean", pa.float64(), "Mean rating of the reviews, from 0 to 10.", nullable=True),
        Column(
            "audience_rating",
            pa.float64(),
            "Bayesian mean of all ratings, from 0 to 10: 25 more count that are as good as the mean title.",
            nullable=True,
        ),
        Column("audience_ratings", pa.int64(), "How many ratings that is made from."),
        Column("as_of", pa.date32(), "The newest landed day; the same in every row."),
    ),
)
