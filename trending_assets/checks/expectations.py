"""Great Expectations over the cleaned tables: what must hold before anything is computed from them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from trending_assets.checks.days import checked_days
from trending_assets.domain.catalog.taxonomy import GENRES, KINDS
from trending_assets.resources.home import HomeResource

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.expectations.expectation import Expectation


def titles_expectations() -> "Sequence[Expectation]":
    """What must hold for ``titles``."""
    from great_expectations import expectations as gxe

    return [
        gxe.ExpectColumnValuesToNotBeNull(column="title_id"),
        gxe.ExpectColumnValuesToMatchRegex(column="title_id", regex=r"^(tt\d{7,8}|[a-z_]+:.+)$"),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["title_id", "day"]),
        gxe.ExpectColumnValuesToBeInSet(column="kind", value_set=list(KINDS)),
        gxe.ExpectColumnValueLengthsToBeBetween(column="title", min_value=1, max_value=500),
        gxe.ExpectColumnValueLengthsToBeBetween(column="plot", min_value=20, max_value=50_000),
        gxe.ExpectColumnValuesToBeBetween(column="year", min_value=1870, max_value=2100),
        gxe.ExpectColumnValuesToMatchRegex(column="document_sha256", regex="^[0-9a-f]{64}$"),
        gxe.ExpectColumnValuesToBeInSet(column="unknown_genres", value_set=[0]),
        gxe.ExpectColumnValuesToBeInSet(column="uncovered_genres", value_set=[0]),
    ]


def reviews_expectations() -> "Sequence[Expectation]":
    """What must hold for ``reviews``."""
    from great_expectations import expectations as gxe

    return [
        gxe.ExpectColumnValuesToNotBeNull(column="review_id"),
        gxe.ExpectColumnValuesToNotBeNull(column="title_id"),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["review_id", "day"]),
        gxe.ExpectColumnValueLengthsToBeBetween(column="text", min_value=1, max_value=100_000),
        gxe.ExpectColumnValuesToBeBetween(column="rating", min_value=0, max_value=10),
        gxe.ExpectColumnValuesToBeInSet(column="verdict", value_set=["fresh", "rotten"]),
        gxe.ExpectColumnValuesToMatchRegex(column="document_sha256", regex="^[0-9a-f]{64}$"),
    ]


def validate(frame: "pd.DataFrame", expectations: "Sequence[Expectation]") -> dict[str, str]:
    """Runs expectations over a frame.

    Returns:
        What failed: the expectation → how many values, or the error, with examples.
    """
    import os

    # Read at import: without it, every validation reports to its maker's server.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    batch = (
        context.data_sources.add_pandas("frame")
        .add_dataframe_asset("frame")
        .add_batch_definition_whole_dataframe("all")
    )
    suite = gx.ExpectationSuite(name="suite", expectations=list(expectations))
    outcome = batch.get_batch({"dataframe": frame}).validate(suite, result_format="SUMMARY")
    failed = {}
    for result in outcome.results:
        if not result.success and result.expectation_config is not None:
            column = result.expectation_config.kwargs.get("column", "")
            said = result.result.get("partial_unexpected_list") or result.exception_info
            name = f"{result.expectation_config.type} {column}".strip()
            failed[name] = f"{result.result.get('unexpected_count', 'all')} values, such as {str(said)[:200]}"
    return failed


def _check(context: dg.AssetCheckExecutionContext, home: HomeResource, table: str) -> dg.AssetCheckResult:
    import pandas as pd

    lake = home.lake
    days = checked_days(context, lake, table)
    frame = pd.concat([lake.read(table, day).to_pandas().assign(day=day) for day in days], ignore_index=True)
    if table == "titles":
        frame["unknown_genres"] = [len(set(genres) - set(GENRES)) for genres in frame["genres"]]
        frame["uncovered_genres"] = [
            len(set(genres) - set(coverage))
            for genres, coverage in zip(frame["genres"], frame["label_coverage"], strict=True)
        ]
    expectations = titles_expectations() if table == "titles" else reviews_expectations()
    failed = validate(frame, expectations)
    metadata: dict[str, Any] = {
        "rows": len(frame),
        "days": len(days),
        "expectations": len(expectations),
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
