"""Shapes of requests and answers; OpenAPI is made from them."""

import datetime as dt
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.config import JsonDict

from serving.cursors import MAX_LENGTH as MAX_CURSOR_LENGTH
from trending_assets.domain.catalog.certificates import CERTIFICATES
from trending_assets.domain.catalog.codes import country_code
from trending_assets.domain.catalog.platforms import platforms
from trending_assets.domain.catalog.taxonomy import GENRES, Kind
from trending_assets.domain.ids import UUID7, moment_of
from trending_assets.domain.text.cleaning import clean_text
from trending_assets.domain.trend.score import Window

MAX_INSTANCES = 128
MAX_TITLE_LENGTH = 500
MAX_PLOT_LENGTH = 20_000
MAX_COUNTRIES, MAX_COUNTRY_LENGTH = 50, 60
MAX_PLATFORMS, MAX_PLATFORM_LENGTH = 50, 60
MAX_RUNTIME = 100_000
FIRST_YEAR, LAST_YEAR = 1800, 2200
_MAX_UNKNOWN = 20

# How far the clock of the machine that predicted may be ahead of this one's.
_CLOCKS_APART = dt.timedelta(hours=1)

_PREDICTION_EXAMPLE: JsonDict = {
    "prediction_id": "019e0c1b-7c3c-7cc3-8a55-2a4a1be3f4d5",
    "title_id": "tt0133093",
    "genres": [
        {"genre": "science-fiction", "probability": 0.91, "threshold": 0.42, "selected": True},
        {"genre": "romance", "probability": 0.06, "threshold": 0.38, "selected": False},
    ],
    "abstained": False,
    "model": {
        "name": "genre_logreg",
        "version": "20250627-3fa9c1d2",
        "trained_at": "2025-06-27T00:00:00Z",
        "variant": "champion",
    },
    "features": {"service": "genre_text_v4", "as_of": "2025-06-03T00:00:00Z", "stale": False, "missing": []},
    "degraded": False,
}


def _known_genre(slug: str) -> str:
    if slug not in GENRES:
        raise ValueError(f"no such genre; there are {', '.join(GENRES)}")
    return slug


def _known_certificate(name: str) -> str:
    if name not in CERTIFICATES:
        raise ValueError(f"no such certificate; there are {', '.join(CERTIFICATES)}")
    return name


def _made_by_now(prediction_id: str) -> str:
    try:
        told = moment_of(prediction_id) <= dt.datetime.now(dt.UTC) + _CLOCKS_APART
    except ValueError:
        told = False
    if not told:
        raise ValueError("it is the id of a time to come, and no prediction has it")
    return prediction_id.lower()


GenreSlug = Annotated[str, AfterValidator(_known_genre), Field(json_schema_extra={"enum": list(GENRES)})]
Certificate = Annotated[str, AfterValidator(_known_certificate), Field(json_schema_extra={"enum": list(CERTIFICATES)})]
PredictionId = Annotated[str, Field(pattern=f"^{UUID7}$"), AfterValidator(_made_by_now)]
Year = Annotated[int, Field(ge=FIRST_YEAR, le=LAST_YEAR)]


class _PageQuery(BaseModel):
    """Parameters of every list; a parameter that the list does not know is an error, an empty one is left out."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=20, ge=1, le=200, description="Items a page.")
    cursor: str | None = Field(
        default=None, max_length=MAX_CURSOR_LENGTH, description="`next_cursor` of the page before."
    )

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {name: value for name, value in data.items() if value != "" or name not in cls.model_fields}

    def filters(self) -> dict[str, object]:
        """What a cursor belongs to: every parameter but limit and cursor."""
        return self.model_dump(exclude={"limit", "cursor"})


class TitlesQuery(_PageQuery):
    """Filters of the list of titles."""

    q: str | None = Field(
        default=None,
        max_length=200,
        description="Words that all occur in the title; accents and case do not matter.",
        examples=["matrix"],
    )
    kind: Kind | None = Field(default=None, examples=["movie"])
    genre: GenreSlug | None = Field(default=None, description="A label that the sources give.", examples=["comedy"])
    year_from: Year | None = Field(default=None, examples=[1990])
    year_to: Year | None = Field(default=None, examples=[1999])

    @model_validator(mode="after")
    def _ordered_years(self) -> Self:
        if self.year_from is not None and self.year_to is not None and self.year_from > self.year_to:
            raise ValueError("year_from is after year_to")
        return self


class TrendingQuery(_PageQuery):
    """Window and filters of the ranking."""

    window: Window = Field(
        default="week", description="How fast what was said is forgotten: by half in a day, or in a week."
    )
    kind: Kind | None = Field(default=None, examples=["movie"])
    genre: GenreSlug | None = Field(default=None, description="A label that the sources give.", examples=["drama"])


class ModelsQuery(_PageQuery):
    """Parameters of the list of models."""


class TitleSource(BaseModel):
    """A source that has the title."""

    source: str
    source_id: str


class TitleSummary(BaseModel):
    """A title in a list."""

    model_config = ConfigDict(from_attributes=True)

    title_id: str
    kind: Kind
    title: str
    original_title: str | None
    year: int | None
    released: dt.date | None
    language: str | None
    countries: list[str]
    genres: list[str] = Field(description="Labels that the sources give; predictions are asked for by id.")
    runtime_minutes: int | None
    certificate: str | None
    platforms: list[str] = Field(description="Streaming platforms that have it.")
    reviews_total: int
    rating_mean: float | None = Field(description="Mean of the reviews' ratings, 0 to 10; null where none has one.")
    audience_rating: float | None = Field(
        description="Bayesian mean of all ratings, 0 to 10: few ratings say little. No part of the trend score."
    )
    audience_ratings: int = Field(description="How many ratings that is made from.")


class Title(TitleSummary):
    """A title with its plot and its sources."""

    plot: str | None = Field(description="What it is about; null where no source says.")
    label_coverage: list[str] = Field(
        description="Genres that the sources can express; any other is unknown, not absent."
    )
    sources: list[TitleSource]
    aliases: list[str] = Field(description="Other ids that lead to this title.")
    arrived_at: dt.datetime
    as_of: dt.date = Field(description="The newest partition that the counts include.")


class TitlePage(BaseModel):
    """A page of titles."""

    items: list[TitleSummary]
    next_cursor: str | None


class TrendingSignal(BaseModel):
    """What one signal of one source says of a title; rates are in events a day."""

    model_config = ConfigDict(from_attributes=True)

    source: str
    signal: str = Field(description="What is counted.", examples=["reviews"])
    weight: float = Field(description="How much it weighs beside the other signals.")
    events: float = Field(description="Events of the day, or of its seven days.")
    score: float = Field(ge=0, le=100)
    momentum_points: float = Field(ge=0, le=65)
    volume_points: float = Field(ge=0, le=35)
    recent_rate: float = Field(description="Events a day, the newest of most weight.")
    baseline_rate: float | None = Field(description="Events a day that are usual; null where nothing is usual yet.")
    lift: float | None = Field(description="Natural logarithm of the recent rate over the usual one.")
    standard_error: float | None = Field(description="Of the lift.")
    pace: float | None = Field(description="At least so many times its usual pace, with a confidence of 90 %.")


class TrendingParts(BaseModel):
    """What a score is made of: it is the sum of the two points."""

    model_config = ConfigDict(from_attributes=True)

    momentum_points: float = Field(ge=0, le=65, description="For a pace above the title's usual one.")
    volume_points: float = Field(ge=0, le=35, description="For how much is said of it at all.")
    coverage: float = Field(gt=0, le=1, description="The weight of the signals that know it, of all that there are.")
    reviews: int = Field(description="Reviews in the window, one an author and day.")
    signals: list[TrendingSignal]


class TrendingTitle(BaseModel):
    """A title in the ranking."""

    title: TitleSummary
    score: float = Field(ge=0, le=100)
    parts: TrendingParts
    as_of: dt.date = Field(description="The day at the end of which it has that score.")


class TrendingPage(BaseModel):
    """A page of the ranking, highest score first."""

    items: list[TrendingTitle]
    next_cursor: str | None


class _Sent(BaseModel):
    """What callers send; a field that it does not know is an error."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _no_more_than_there_are(cls, data: Any) -> Any:
        # Each is an error of its own, and a body of unknown fields would take a gigabyte of them.
        if isinstance(data, dict) and len(data) > len(cls.model_fields) + _MAX_UNKNOWN:
            raise ValueError(f"far more fields than there are: {', '.join(cls.model_fields)}")
        return data


class Instance(_Sent):
    """A title to predict that need not be in the catalogue."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "string", "minLength": 1}}}
                for name in ("title", "plot")
            ],
            "examples": [
                {
                    "title": "The Last Harvest",
                    "plot": "A farmer on a colony on Mars finds a signal under the ice.",
                    "kind": "movie",
                    "year": 2031,
                }
            ],
        },
    )

    title: str = Field(default="", max_length=MAX_TITLE_LENGTH)
    plot: str | None = Field(default=None, max_length=MAX_PLOT_LENGTH)
    kind: Kind
    year: Year | None = None
    countries: list[Annotated[str, Field(min_length=1, max_length=MAX_COUNTRY_LENGTH)]] = Field(
        default=[], max_length=MAX_COUNTRIES, description="Where it was made, ISO 3166-1.", examples=[["US", "GB"]]
    )
    runtime_minutes: int | None = Field(
        default=None, ge=1, le=MAX_RUNTIME, description="Running time, of a show that of an episode.", examples=[136]
    )
    certificate: Certificate | None = Field(
        default=None, description="Age certificate in the United States.", examples=["PG-13"]
    )
    platforms: list[Annotated[str, Field(min_length=1, max_length=MAX_PLATFORM_LENGTH)]] = Field(
        default=[],
        max_length=MAX_PLATFORMS,
        description="Streaming platforms that have it.",
        examples=[["netflix", "prime-video"]],
    )

    @field_validator("countries")
    @classmethod
    def _each_code_once(cls, countries: list[str]) -> list[str]:
        return list(dict.fromkeys(map(country_code, countries)))

    @field_validator("platforms")
    @classmethod
    def _each_platform_once(cls, names: list[str]) -> list[str]:
        return platforms(names)

    @model_validator(mode="after")
    def _some_text(self) -> Self:
        if not clean_text(self.title) and not clean_text(self.plot or ""):
            raise ValueError("title and plot are both empty: there is nothing to predict from")
        return self


class PredictRequest(_Sent):
    """Titles to predict."""

    instances: list[Instance] = Field(min_length=1, max_length=MAX_INSTANCES)


class GenreProbability(BaseModel):
    """One genre of a prediction."""

    model_config = ConfigDict(from_attributes=True)

    genre: str
    probability: float = Field(ge=0, le=1)
    threshold: float = Field(description="The genre is selected from this probability on.")
    selected: bool


class PredictionModel(BaseModel):
    """The model that made a prediction."""

    name: str
    version: str
    trained_at: dt.datetime
    variant: Literal["champion", "challenger"] = Field(
        description="The challenger answers a share of the keys or titles while an experiment runs."
    )


class PredictionFeatures(BaseModel):
    """The features that a prediction was made from."""

    service: str = Field(description="Feast feature service that names them.")
    as_of: dt.datetime | None = Field(
        description="Event time of the oldest of them; null where they were computed from the request."
    )
    stale: bool = Field(
        description="One is older than its feature view allows, judged at the end of the newest partition."
    )
    missing: list[str] = Field(
        description="Those that the online store should hold and does not, as `view:feature`.",
        examples=[["title_embedding:embedding"]],
    )


class Prediction(BaseModel):
    """Genres of one title: an entry a genre that the model knows, most probable first."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PREDICTION_EXAMPLE]})

    prediction_id: str = Field(description="UUID version 7: sorts by time.")
    title_id: str | None = Field(description="Null where the prediction is for text that a caller sent.")
    genres: list[GenreProbability]
    abstained: bool = Field(description="No genre reached its threshold.")
    model: PredictionModel
    features: PredictionFeatures
    degraded: bool = Field(
        description="A feature was missing or stale, or the features are those last known: the store did not answer."
    )


class PredictResponse(BaseModel):
    """Predictions in the order of the instances."""

    predictions: list[Prediction]


class ModelName(BaseModel):
    """A model version by name."""

    name: str
    version: str


class ModelVersion(BaseModel):
    """A model version in the registry."""

    name: str
    version: str
    trained_at: dt.datetime
    aliases: list[str]
    serving: bool = Field(description="Loaded in the process that answers.")
    feature_service: str
    feature_views: dict[str, str]
    genres: list[str]
    thresholds: dict[str, float]
    metrics: dict[str, float] = Field(description="On the test split; an unknown metric is left out.")
    data_partitions: int = Field(description="Number of partitions that it was trained on.")
    code_version: str


class ModelPage(BaseModel):
    """A page of model versions, the newest first, and what serves now."""

    items: list[ModelVersion]
    next_cursor: str | None
    serving: ModelName | None = Field(description="Loaded in the process that answers; null before there is one.")
    aliases: dict[str, ModelName]
    unreadable: list[str] = Field(
        description="Models whose manifests cannot be read, whose versions are not listed; `aliases` if those cannot."
    )


class Health(BaseModel):
    """The process is alive."""

    status: Literal["alive"]


class Readiness(BaseModel):
    """Everything that a prediction needs is there."""

    status: Literal["ready"]
    model: ModelName
    feature_service: str
    catalog_as_of: dt.date
    titles: int


class FeedbackRequest(_Sent):
    """What the genres of a predicted title are, by whoever knows."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prediction_id": "019e0c1b-7c3c-7cc3-8a55-2a4a1be3f4d5", "genres": ["science-fiction", "action"]}
            ]
        },
    )

    prediction_id: PredictionId = Field(description="The id that came with the prediction.")
    genres: list[GenreSlug] = Field(
        min_length=1,
        max_length=len(GENRES),
        description="All genres of the title; one that is left out is taken not to fit.",
        json_schema_extra={"uniqueItems": True},
    )

    @field_validator("genres")
    @classmethod
    def _each_once(cls, genres: list[str]) -> list[str]:
        if len(set(genres)) != len(genres):
            raise ValueError("a genre is named twice")
        return genres


class FeedbackAccepted(BaseModel):
    """Feedback was taken; whether there was such a prediction is found out when the log is compacted."""

    status: Literal["accepted"]
    prediction_id: str
    received_at: dt.datetime
