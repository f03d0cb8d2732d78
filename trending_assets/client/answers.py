"""What the API answers, as far as a caller needs it.

These are the caller's own types, and not the server's: fields that a newer server adds are passed over, and words that
it may add to a list of them, such as a variant, are plain strings. A test holds the fields against the API's OpenAPI
document.
"""

import datetime as dt

from pydantic import BaseModel, ConfigDict, Field

from trending_assets.domain.catalog.taxonomy import Kind


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Health(_Answer):
    """The process is alive."""

    status: str


class ModelName(_Answer):
    """A model version by name."""

    name: str
    version: str


class Readiness(_Answer):
    """Everything that a prediction needs is there."""

    status: str
    model: ModelName
    feature_service: str
    catalog_as_of: dt.date
    titles: int


class TitleSource(_Answer):
    """A source that has the title."""

    source: str
    source_id: str


class TitleSummary(_Answer):
    """A title in a list."""

    title_id: str
    kind: str
    title: str
    original_title: str | None
    year: int | None
    released: dt.date | None
    language: str | None
    countries: list[str]
    genres: list[str]
    runtime_minutes: int | None
    certificate: str | None
    platforms: list[str]
    reviews_total: int
    rating_mean: float | None
    audience_rating: float | None
    audience_ratings: int


class Title(TitleSummary):
    """A title with its plot and its sources."""

    plot: str | None
    label_coverage: list[str]
    sources: list[TitleSource]
    aliases: list[str]
    arrived_at: dt.datetime
    as_of: dt.date


class TitlePage(_Answer):
    """A page of titles."""

    items: list[TitleSummary]
    next_cursor: str | None


class TrendingSignal(_Answer):
    """What one signal of one source says of a title; rates are in events a day."""

    source: str
    signal: str
    weight: float
    events: float
    score: float
    momentum_points: float
    volume_points: float
    recent_rate: float
    baseline_rate: float | None
    lift: float | None
    standard_error: float | None
    pace: float | None


class TrendingParts(_Answer):
    """What a score is made of: it is the sum of the two points."""

    momentum_points: float
    volume_points: float
    coverage: float
    reviews: int
    signals: list[TrendingSignal]


class TrendingTitle(_Answer):
    """A title in the ranking."""

    title: TitleSummary
    score: float
    parts: TrendingParts
    as_of: dt.date


class TrendingPage(_Answer):
    """A page of the ranking, highest score first."""

    items: list[TrendingTitle]
    next_cursor: str | None


class Instance(_Answer):
    """A title to predict that need not be in the catalogue; a title or a plot it must have."""

    title: str = ""
    plot: str | None = None
    kind: Kind
    year: int | None = None
    countries: list[str] = Field(default_factory=list)
    runtime_minutes: int | None = None
    certificate: str | None = None
    platforms: list[str] = Field(default_factory=list)


class GenreProbability(_Answer):
    """One genre of a prediction."""

    genre: str
    probability: float
    threshold: float
    selected: bool


class PredictionModel(_Answer):
    """The model that made a prediction."""

    name: str
    version: str
    trained_at: dt.datetime
    variant: str


class PredictionFeatures(_Answer):
    """The features that a prediction was made from."""

    service: str
    as_of: dt.datetime | None
    stale: bool
    missing: list[str]


class Contribution(_Answer):
    """How much a part of a title speaks for a genre, or below 0 against it."""

    kind: str
    name: str
    member: str | None
    log_odds: float


class GenreExplanation(_Answer):
    """What the answer for one genre is made of, in log odds before calibration."""

    genre: str
    log_odds: float
    base: float | None
    contributions: list[Contribution]
    rest: float | None


class PredictionExplanation(_Answer):
    """What spoke for the selected genres, and how that was found."""

    method: str
    genres: list[GenreExplanation]


class Prediction(_Answer):
    """Genres of one title, most probable first; ``explanation`` is None where it was not asked for."""

    prediction_id: str
    title_id: str | None
    genres: list[GenreProbability]
    abstained: bool
    model: PredictionModel
    features: PredictionFeatures
    degraded: bool
    explanation: PredictionExplanation | None = None

    @property
    def selected(self) -> list[str]:
        """The genres that reach their thresholds, most probable first."""
        return [each.genre for each in self.genres if each.selected]


class PredictResponse(_Answer):
    """Predictions in the order of the instances."""

    predictions: list[Prediction]


class ModelVersion(_Answer):
    """A model version in the registry."""

    name: str
    version: str
    trained_at: dt.datetime
    aliases: list[str]
    serving: bool
    feature_service: str
    feature_views: dict[str, str]
    genres: list[str]
    thresholds: dict[str, float]
    metrics: dict[str, float]
    data_partitions: int
    code_version: str


class ModelPage(_Answer):
    """A page of model versions, the newest first, and what serves now."""

    items: list[ModelVersion]
    next_cursor: str | None
    serving: ModelName | None
    aliases: dict[str, ModelName]
    unreadable: list[str]


class FeedbackAccepted(_Answer):
    """Feedback was taken."""

    status: str
    prediction_id: str
    received_at: dt.datetime
