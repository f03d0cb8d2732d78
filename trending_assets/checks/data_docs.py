"""Data docs: what Great Expectations found, as pages for people, on demand."""

import html
import re
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from trending_assets.checks.expectations import SUITES, great_expectations_offline
from trending_assets.storage.atomic import exclusively
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake

# What the pages load, nearly all of it from elsewhere, and the scripts that are of no use without it.
_LOADED = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*>|@font-face\s*{[^}]*}|url\([^)]*\)|<footer\b.*?</footer>",
    re.DOTALL,
)
_HEAD_END = "</head>"
_STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1100px; padding: 1rem; color: #222; }
table { border-collapse: collapse; margin: .5rem 0; } td, th { border: 1px solid #ddd; padding: .3rem .6rem; }
th { text-align: left; background: #f4f4f4; } a { color: #0a58ca; } .passed { color: #18794e; } .failed { color: #c22; }
.fa-check-circle::before { content: "passed"; color: #18794e; } .fa-times::before { content: "failed"; color: #c22; }
.fa-exclamation-triangle::before { content: "could not be asked"; color: #c22; }
.breadcrumb { list-style: none; padding: 0; }
.cooltip .top, .navbar-brand, .sticky > .card:not(.d-md-block), [data-toggle="collapse"] { display: none; }
</style>
"""


def publish_data_docs(home: Home, days: Sequence[str]) -> Path:
    """Validates titles, reviews and signals and publishes what was found under ``reports/data-docs``.

    The pages hold no text and no author, load nothing from anywhere and replace those that were there.

    Args:
        home: the home.
        days: ISO dates; of each table those that have landed are validated, all together.

    Returns:
        The path of ``index.html``.

    Raises:
        MissingPartitionError: of a table none of the days has landed.
    """
    staged = home.folder / ".staging" / uuid.uuid4().hex
    try:
        staged.mkdir(parents=True)
        _build(Lake(home.lake), sorted(set(days)), staged)
        return _replace(staged, home.reports / "data-docs", home.folder / ".staging") / "index.html"
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _build(lake: Lake, days: Sequence[str], folder: Path) -> None:
    gx = great_expectations_offline()
    from great_expectations.core.run_identifier import RunIdentifier

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)}
    site = {"class_name": "SiteBuilder", "store_backend": backend, "show_how_to_buttons": False}
    context.add_data_docs_site("lake", site)
    source = context.data_sources.add_pandas("lake")
    outcomes = {}
    for suite in SUITES.values():
        landed = set(lake.days(suite.table))
        frame = suite.frame(lake, chosen := [day for day in days if day in landed])
        asset = source.add_dataframe_asset(suite.table)
        expectations = gx.ExpectationSuite(name=suite.table, expectations=list(suite.expectations()))
        definition = gx.ValidationDefinition(
            name=suite.table,
            data=asset.add_batch_definition_whole_dataframe("days"),
            suite=context.suites.add(expectations),
        )
        validation = context.validation_definitions.add(definition)
        outcome = validation.run(
            batch_parameters={"dataframe": frame},
            result_format=suite.result_format,
            run_id=RunIdentifier(run_name=f"{chosen[0]} to {chosen[-1]}"),
        )
        outcomes[suite.table] = (outcome, len(frame), chosen)
    context.build_data_docs(["lake"], build_index=False)
    shutil.rmtree(folder / "static", ignore_errors=True)
    for page in folder.rglob("*.html"):
        cut = _LOADED.sub("", page.read_text())
        page.write_text(cut.replace(_HEAD_END, _STYLE + _HEAD_END, 1))
    (folder / "index.html").write_text(_index(folder, outcomes))


def _index(folder: Path, outcomes: dict[str, tuple[Any, int, list[str]]]) -> str:
    rows = []
    for table, (outcome, number, days) in outcomes.items():
        page = next((folder / "validations" / table).rglob("*.html")).relative_to(folder).as_posix()
        statistics = outcome.statistics
        met, asked = statistics["successful_expectations"], statistics["evaluated_expectations"]
        verdict = "passed" if outcome.success else "failed"
        cells = (
            f'<a href="{quote(page)}">{html.escape(table)}</a>',
            f'<span class="{verdict}">{verdict}</span>',
            f'<a href="expectations/{quote(table)}.html">{met} of {asked}</a>',
            f"{number:,}",
            f"{len(days)}: {days[0]} to {days[-1]}",
        )
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    header = "".join(f"<th>{name}</th>" for name in ("table", "verdict", "expectations met", "rows", "days"))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="UTF-8"><title>Data docs</title>{_STYLE}{_HEAD_END}\n'
        f"<body><h1>Data docs</h1>\n<p>What must hold for the cleaned tables, and whether it does.</p>\n"
        f"<table><tr>{header}</tr>\n{chr(10).join(rows)}\n</table></body></html>\n"
    )


def _replace(staged: Path, target: Path, staging: Path) -> Path:
    """Puts a folder in the place of another; a crash in between leaves none, and it is published again."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusively(staging / "data-docs.lock"):
        old = staging / uuid.uuid4().hex
        if target.exists():
            target.rename(old)
        staged.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target
