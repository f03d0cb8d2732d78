"""What a prediction was made from, and what was made from a document: the answers of the API and the command line.

What is not known is null, and ``unknown`` beside it says why; nothing is guessed.
"""

import datetime as dt

from pydantic import BaseModel, ConfigDict, Field

_UNKNOWN = "Why something beside this is not known; null where all is."


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class PartitionLineage(_Part):
    """A table of the lake, or a day of one, and the run that wrote it."""

    table: str
    day: dt.date | None = Field(description="Null where the table is not partitioned.")
    sha256: str | None = Field(
        description="Hash of the file that was there when the prediction was made, as far as is known."
    )
    run_id: str | None = Field(description="The Dagster run that wrote it.")
    written_at: dt.datetime | None = Field(description="When that was.")
    current: bool | None = Field(description="Whether that file is there still, and no other since.")
    unknown: str | None = Field(default=None, description=_UNKNOWN)


class ModelLineage(_Part):
    """The model version that predicted, by its manifest."""

    name: str
    version: str
    trained_at: dt.datetime | None = None
    code_version: str | None = None
    run_ids: list[str] = Field(default=[], description="The Dagster runs that trained it.")
    data_partitions: list[dt.date] = Field(default=[], description="The days that it was trained on.")
    training_set: PartitionLineage | None = Field(default=None, description="The table that it was trained on.")
    feature_service: str | None = None
    feature_views: dict[str, str] = Field(default={}, description="Feature view: its version.")
    unknown: str | None = Field(default=None, description=_UNKNOWN)


class FeatureLineage(_Part):
    """A feature view that was read online, and where its row came from."""

    view: str
    event_timestamp: dt.datetime = Field(description="Event time of the row that was read.")
    partition: PartitionLineage | None = Field(description="What holds that row in the lake.")
    unknown: str | None = Field(default=None, description=_UNKNOWN)


class DocumentLineage(_Part):
    """A raw document: what names it, never what is in it."""

    sha256: str = Field(description="Hash of its payload.")
    source: str | None = Field(description="The source that landed it.")
    day: dt.date | None = Field(description="The day it landed on.")
    held: bool | None = Field(description="Whether it is kept still.")
    url: str | None = Field(description="Where it came from; null where it is not kept any more.")
    fetched_at: dt.datetime | None
    unknown: str | None = Field(default=None, description=_UNKNOWN)


class RecordLineage(_Part):
    """What one source said of the title, and the document that said so."""

    source: str
    source_id: str
    arrived_at: dt.datetime
    document: DocumentLineage


class PredictionLineage(_Part):
    """A prediction, back to the documents that it was made from."""

    prediction_id: str
    predicted_at: dt.datetime
    request_id: str | None
    title_id: str | None = Field(description="Null where the prediction was for text that a caller sent.")
    input_sha256: str = Field(description="Hash of the text and facts that the model read.")
    input_found: bool | None = Field(
        description="Whether the lake's row gives that hash; null where there is no row to compare."
    )
    model: ModelLineage
    feature_service: str
    features: list[FeatureLineage] = Field(description="Each view that was read online; none for text that was sent.")
    partitions: list[PartitionLineage] = Field(description="What the features' rows were computed from.")
    records: list[RecordLineage]
    unknown: list[str] = Field(description="What cannot be told, and why.")


class TouchedPrediction(_Part):
    """A prediction whose features were computed from a document."""

    prediction_id: str
    predicted_at: dt.datetime
    title_id: str
    model: str
    version: str


class DocumentUse(_Part):
    """A document, and all that it touched."""

    documents: list[DocumentLineage] = Field(description="Each day on which it landed.")
    titles: list[str] = Field(description="Titles whose features were computed from it.")
    models: list[str] = Field(description="Versions, as `model/version`, that learned from its day.")
    predictions: list[TouchedPrediction] = Field(description="Oldest first.")
    unknown: list[str] = Field(description="What cannot be told, and why.")
