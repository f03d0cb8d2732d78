"""Feature views: what is known of a title, each with the table it comes from."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Array, Float32, Float64, Int64, String

from feature_repo.entities import title
from feature_repo.sources import lake_source
from trending_assets.storage.lake import Lake

# What a title is about does not expire; how much it is talked about does.
_NEVER = timedelta(0)
_ACTIVITY_TTL = timedelta(days=7)


def feature_views(lake: Lake) -> list[FeatureView]:
    """All feature views over a lake.

    Args:
        lake: where the feature tables are.
    """
    # Feast knows a source by its name, and two of one name only where they are one object.
    tfidf = lake_source(lake, "title_tfidf")
    return [
        FeatureView(
            name="title_text",
            description="Text of a title, and what else a genre model may know of it.",
            entities=[title],
            ttl=_NEVER,
            schema=[
                Field(name="text", dtype=String, description="Title and plot, cleaned."),
                Field(name="kind", dtype=String, description="movie or show."),
                Field(name="year", dtype=Int64, description="Year of release; null where unknown."),
                Field(name="word_count", dtype=Int64, description="Words in the text."),
                Field(name="countries", dtype=Array(String), description="Countries of origin; empty where unknown."),
                Field(name="runtime_minutes", dtype=Int64, description="Running time; null where unknown."),
                Field(name="certificate", dtype=String, description="Age certificate; null where unknown."),
                Field(name="platforms", dtype=Array(String), description="Streaming platforms; empty where unknown."),
            ],
            source=lake_source(lake, "title_text"),
        ),
        FeatureView(
            name="title_embedding",
            description="all-MiniLM-L6-v2 embedding of the text: a unit vector of 384 values.",
            entities=[title],
            ttl=_NEVER,
            schema=[Field(name="embedding", dtype=Array(Float32), description="Unit vector.")],
            source=lake_source(lake, "title_embedding"),
        ),
        FeatureView(
            name="title_tfidf__v1",
            description="TF-IDF of the text's words on 32 axes, fitted once on train titles.",
            entities=[title],
            ttl=_NEVER,
            schema=[
                Field(name="tfidf", dtype=Array(Float32), description="Unit vector of 32 values; 0 for no known word."),
                Field(name="tfidf_version", dtype=String, description="Which fitted transformation made it."),
            ],
            source=tfidf,
        ),
        FeatureView(
            name="title_tfidf_masked__v1",
            description="The same of the text without the names of genres: for training, not for serving.",
            entities=[title],
            ttl=_NEVER,
            online=False,
            schema=[Field(name="masked_tfidf", dtype=Array(Float32), description="Unit vector of 32 values, or 0.")],
            source=tfidf,
        ),
        FeatureView(
            name="title_masked",
            description="The text without the names of genres, and its embedding: for training, not for serving.",
            entities=[title],
            ttl=_NEVER,
            online=False,
            schema=[
                Field(name="masked_text", dtype=String, description="The text; may be empty."),
                Field(name="masked_embedding", dtype=Array(Float32), description="Its unit vector."),
            ],
            source=lake_source(lake, "title_masked"),
        ),
        FeatureView(
            name="title_activity",
            description="How much was said of a title up to the end of a day, and its trend score.",
            entities=[title],
            ttl=_ACTIVITY_TTL,
            schema=[
                Field(name="reviews_1d", dtype=Int64, description="Reviews of the day, one an author."),
                Field(name="reviews_7d", dtype=Int64, description="Of the seven days up to it, one an author and day."),
                *(
                    Field(name=f"{name}_{window}", dtype=Float64, description=f"{meaning}, {window} window.")
                    for window in ("day", "week")
                    for name, meaning in (
                        ("score", "Trend score, from 0 to 100"),
                        ("momentum_points", "Its part for a pace above the usual, from 0 to 65"),
                        ("volume_points", "Its part for how much is said at all, from 0 to 35"),
                    )
                ),
                Field(name="coverage", dtype=Float64, description="Weight of the signals that know the title."),
            ],
            source=lake_source(lake, "title_activity"),
        ),
    ]
