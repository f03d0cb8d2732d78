"""Great Expectations over the cleaned tables: what must hold before anything is computed from them.

A suite sees ids, numbers and what was measured of texts, never a text or an author: whatever it shows of a value
that fails can be shown to anybody.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from trending_assets.checks.days import checked_days
from trending_assets.domain.catalog.certificates import CERTIFICATES
from trending_assets.domain.catalog.taxonomy import GENRES, KINDS
from trending_assets.domain.text.personal import without_contacts
from trending_assets.resources.home import HomeResource
from trending_assets.storage.lake import Lake, MissingPartitionError

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationSuiteValidationResult
    from great_expectations.expectations.expectation import Expectation

_TITLE_ID = r"^(?:tt\d{7,8}|[a-z0-9_]+:.+)$"
_PSEUDONYM = "^[0-9a-f]{16}$"
_EXAMPLES = 3
_MOST = 1e15


@dataclass(frozen=True)
class Suite:
    """What must hold for a table.

    Attributes:
        table: the table.
        keys: the columns that name a row where its values fail.
        measure: a day's rows → the columns that the expectations are about, one row each.
        expectations: what must hold for those columns.
    """

    table: str
    keys: tuple[str, ...]
    measure: "Callable[[pa.Table], pd.DataFrame]"
    expectations: "Callable[[], Sequence[Expectation]]"

    def frame(self, lake: Lake, days: Sequence[str]) -> "pd.DataFrame":
        """What the suite is run over: the measured rows of the days.

        Raises:
            MissingPartitionError: a day has not landed, or ``days`` is empty.
        """
        import pandas as pd

        if not days:
            raise MissingPartitionError(f"{self.table}: no day to look at has landed")
        # Day by day: texts are large, and what is measured of them is not.
        frames = [self._of_day(lake, day) for day in days]
        return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)

    def _of_day(self, lake: Lake, day: str) -> "pd.DataFrame":
        return self.measure(lake.read(self.table, day)).assign(day=day)

    @property
    def result_format(self) -> dict[str, Any]:
        """How much Great Expectations says of what fails: counts, and the keys of a few rows."""
        return {
            "result_format": "SUMMARY",
            "unexpected_index_column_names": [*self.keys, "day"],
            "partial_unexpected_count": _EXAMPLES,
        }


def _measured_titles(rows: pa.Table) -> "pd.DataFrame":
    columns = ["title_id", "kind", "year", "runtime_minutes", "certificate", "imdb_id", "document_sha256"]
    frame: pd.DataFrame = rows.select(columns).to_pandas()
    genres, coverage = rows["genres"].to_pylist(), rows["label_coverage"].to_pylist()
    return frame.assign(
        title_length=pc.utf8_length(rows["title"]).to_pandas(),
        plot_length=pc.utf8_length(rows["plot"]).to_pandas(),
        unknown_genres=[len(set(given) - set(GENRES)) for given in genres],
        uncovered_genres=[len(set(given) - set(known)) for given, known in zip(genres, coverage, strict=True)],
        happened_after_arrival=_happened_after_arrival(rows),
    )


def titles_expectations() -> "Sequence[Expectation]":
    """What must hold for ``titles``."""
    from great_expectations import expectations as gxe

    return [
        gxe.ExpectColumnValuesToNotBeNull(column="title_id"),
        gxe.ExpectColumnValuesToMatchRegex(column="title_id", regex=_TITLE_ID),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["title_id", "day"]),
        gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=list(KINDS)),
        gxe.ExpectColumnValuesToBeBetween(column="title_length", min_value=1, max_value=500),
        gxe.ExpectColumnValuesToBeBetween(column="plot_length", min_value=1, max_value=50_000),
        gxe.ExpectColumnValuesToBeBetween(column="year", min_value=1870, max_value=2100),
        gxe.ExpectColumnValuesToBeBetween(column="runtime_minutes", min_value=1, max_value=100_000),
        gxe.ExpectColumnValuesToBeInSet(column="certificate", value_set=list(CERTIFICATES)),
        gxe.ExpectColumnValuesToMatchRegex(column="imdb_id", regex=r"^tt\d{7,8}$"),
        gxe.ExpectColumnValuesToMatchRegex(column="document_sha256", regex="^[0-9a-f]{64}$"),
        _never("unknown_genres", "Every genre is a slug of the taxonomy."),
        _never("uncovered_genres", "Every genre is one that the title's source can express."),
        _never("happened_after_arrival", "Nothing happened after it arrived."),
    ]


def _measured_reviews(rows: pa.Table) -> "pd.DataFrame":
    columns = ["review_id", "title_id", "language", "rating", "verdict", "document_sha256"]
    frame: pd.DataFrame = rows.select(columns).to_pandas()
    texts, flagged = rows["text"].fill_null("").to_pylist(), pc.list_value_length(rows["flags"]).to_pylist()
    ids, originals = {None, *frame["review_id"]}, rows["near_duplicate_of"].to_pylist()
    return frame.assign(
        text_length=pc.utf8_length(rows["text"]).to_pandas(),
        unflagged_and_empty=[int(not (text or flags)) for text, flags in zip(texts, flagged, strict=True)],
        contacts_in_text=[int(without_contacts(text) != text) for text in texts],
        author_without_pseudonym=_as_numbers(pc.invert(pc.match_substring_regex(rows["author_hash"], _PSEUDONYM))),
        original_is_missing=[int(original not in ids) for original in originals],
        happened_after_arrival=_happened_after_arrival(rows),
    )


def reviews_expectations() -> "Sequence[Expectation]":
    """What must hold for ``reviews``."""
    from great_expectations import expectations as gxe

    return [
        gxe.ExpectColumnValuesToNotBeNull(column="review_id"),
        gxe.ExpectColumnValuesToNotBeNull(column="title_id"),
        gxe.ExpectColumnValuesToMatchRegex(column="title_id", regex=_TITLE_ID),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["review_id", "day"]),
        gxe.ExpectColumnValuesToNotBeNull(column="text_length"),
        gxe.ExpectColumnValuesToBeBetween(column="text_length", min_value=0, max_value=100_000),
        gxe.ExpectColumnValuesToMatchRegex(column="language", regex="^[a-z]{2,3}$"),
        gxe.ExpectColumnValuesToBeBetween(column="rating", min_value=0, max_value=10),
        gxe.ExpectColumnValuesToBeInSet(column="verdict", value_set=["fresh", "rotten"]),
        gxe.ExpectColumnValuesToMatchRegex(column="document_sha256", regex="^[0-9a-f]{64}$"),
        _never("unflagged_and_empty", "Every empty text is flagged."),
        _never("contacts_in_text", "No text holds an address, a telephone number or a handle."),
        _never("author_without_pseudonym", "Authors are pseudonyms."),
        _never("original_is_missing", "Every near-duplicate names a review of the same day."),
        _never("happened_after_arrival", "Nothing happened after it arrived."),
    ]


def _measured_signals(rows: pa.Table) -> "pd.DataFrame":
    columns = ["title_id", "source", "source_title_id", "name", "value", "event_time", "document_sha256"]
    frame: pd.DataFrame = rows.select(columns).to_pandas()
    name, value = frame["name"], frame["value"]
    return frame.assign(
        rank_below_one=(name.str.endswith("rank") & (value < 1)).astype(int),
        rating_off_scale=(name.isin(["rating", "user_rating"]) & ~value.between(0, 10)).astype(int),
        happened_after_arrival=_happened_after_arrival(rows),
    )


def signals_expectations() -> "Sequence[Expectation]":
    """What must hold for ``stg_signals``."""
    from great_expectations import expectations as gxe

    named_once = ["source", "source_title_id", "name", "event_time", "document_sha256", "day"]
    return [
        gxe.ExpectColumnValuesToNotBeNull(column="title_id"),
        gxe.ExpectColumnValuesToMatchRegex(column="title_id", regex=_TITLE_ID),
        gxe.ExpectColumnValuesToNotBeNull(column="source"),
        gxe.ExpectColumnValuesToMatchRegex(column="source", regex="^[a-z0-9_]+$"),
        gxe.ExpectColumnValuesToNotBeNull(column="name"),
        gxe.ExpectColumnValuesToMatchRegex(column="name", regex="^[a-z][a-z0-9_]*$"),
        gxe.ExpectColumnValuesToNotBeNull(column="value"),
        gxe.ExpectColumnValuesToBeBetween(column="value", min_value=0, max_value=_MOST),
        gxe.ExpectColumnValuesToMatchRegex(column="document_sha256", regex="^[0-9a-f]{64}$"),
        # What is counted twice would count double in every trend.
        gxe.ExpectCompoundColumnsToBeUnique(column_list=named_once),
        _never("rank_below_one", "Ranks count from 1."),
        _never("rating_off_scale", "Ratings are from 0 to 10."),
        _never("happened_after_arrival", "Nothing was counted after it arrived."),
    ]


SUITES: Mapping[str, Suite] = {
    suite.table: suite
    for suite in (
        Suite("titles", ("title_id",), _measured_titles, titles_expectations),
        Suite("reviews", ("review_id",), _measured_reviews, reviews_expectations),
        Suite("stg_signals", ("title_id", "source", "name"), _measured_signals, signals_expectations),
    )
}


def _never(column: str, description: str) -> "Expectation":
    from great_expectations import expectations as gxe

    return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=[0], description=description)


def _happened_after_arrival(rows: pa.Table) -> "pd.Series[int]":
    return _as_numbers(pc.greater(rows["event_time"], rows["arrived_at"]))


def _as_numbers(column: pa.ChunkedArray) -> "pd.Series[int]":
    """A column of truths as 0 and 1; nothing is known of a null, which is 0."""
    numbers: pd.Series[int] = pc.fill_null(column, False).cast(pa.int8()).to_pandas()
    return numbers


def great_expectations_offline() -> Any:
    """The module, loaded so that nothing reports to its maker's server."""
    # Read at import.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    return great_expectations


def validate(suite: Suite, frame: "pd.DataFrame") -> dict[str, str]:
    """Runs a suite over a frame that its table's rows were measured in.

    Returns:
        What failed: the expectation and its column → how many values, and which, or why it could not be asked.
    """
    gx = great_expectations_offline()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("lake").add_dataframe_asset(suite.table)
    batch = asset.add_batch_definition_whole_dataframe("days").get_batch({"dataframe": frame})
    expectations = gx.ExpectationSuite(name=suite.table, expectations=list(suite.expectations()))
    return _failed(batch.validate(expectations, result_format=suite.result_format))


def _failed(outcome: "ExpectationSuiteValidationResult") -> dict[str, str]:
    failed = {}
    for result in outcome.results:
        if not result.success and result.expectation_config is not None:
            asked = result.expectation_config.kwargs
            name = f"{result.expectation_config.type} {asked.get('column') or ', '.join(asked['column_list'])}"
            failed[name] = _said(result.result, result.exception_info)
    return failed


def _said(found: Mapping[str, Any], exceptions: Any) -> str:
    if "unexpected_count" not in found:
        return "; ".join(sorted({e["exception_message"] for e in exceptions.values()}))
    rows = [", ".join(f"{k} {v}" for k, v in row.items()) for row in found["partial_unexpected_index_list"]]
    return f"{found['unexpected_count']} of {found['element_count']} values, such as {'; '.join(rows)}"


def _check(context: dg.AssetCheckExecutionContext, home: HomeResource, table: str) -> dg.AssetCheckResult:
    suite = SUITES[table]
    days = checked_days(context, home.lake, table)
    frame = suite.frame(home.lake, days)
    failed = validate(suite, frame)
    metadata: dict[str, Any] = {
        "rows": len(frame),
        "days": len(days),
        "expectations": len(suite.expectations()),
        "failed": failed,
    }
    return dg.AssetCheckResult(passed=not failed, metadata=metadata)


@dg.asset_check(asset="titles", blocking=True, description="Great Expectations: what must hold for titles.")
def titles_meet_expectations(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
    """Validates the titles of every day of the run."""
    return _check(context, home, "titles")


@dg.asset_check(asset="reviews", blocking=True, description="Great Expectations: what must hold for reviews.")
def reviews_meet_expectations(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
    """Validates the reviews of every day of the run."""
    return _check(context, home, "reviews")


@dg.asset_check(asset="stg_signals", blocking=True, description="Great Expectations: what must hold for signals.")
def signals_meet_expectations(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
    """Validates the signals of every day of the run."""
    return _check(context, home, "stg_signals")
