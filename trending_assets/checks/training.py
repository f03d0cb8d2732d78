"""The training set is sound: splits are kept apart and nothing from after a row's own time was seen."""

from itertools import combinations

import dagster as dg

from trending_assets.domain.genres.datasets import (
    EXCLUDED,
    TEST,
    TRAIN,
    VALIDATION,
    normalised_plot,
    normalised_text,
)
from trending_assets.resources.home import HomeResource

_SPLITS = (TRAIN, VALIDATION, TEST)


@dg.asset_check(
    asset="genre_training_set",
    blocking=True,
    description="One row a title, known splits, and no title, text or plot that stands on both sides of a split.",
)
def training_set_is_sound(home: HomeResource) -> dg.AssetCheckResult:
    """Looks for what would make a score too good to be true."""
    columns = ["title_id", "current_title_id", "text", "plot", "split", "split_reason", "embedding"]
    frame = home.lake.read("genre_training_set", columns=columns).to_pandas()
    frame["normalised text"] = frame["text"].map(normalised_text)
    frame["normalised plot"] = frame["plot"].map(normalised_plot)
    excluded = frame["split"] == EXCLUDED
    problems = {
        "titles that stand twice": int(frame["title_id"].duplicated().sum()),
        "rows of no known split": int((~frame["split"].isin([*_SPLITS, EXCLUDED])).sum()),
        "exclusions without a reason": int((excluded & (frame["split_reason"] == "")).sum()),
        "embeddings of another size": int((frame["embedding"].map(len) != 384).sum()),
        "empty splits": sum(split not in set(frame["split"]) for split in (TRAIN, TEST)),
    }
    shared = {"titles": "current_title_id", "texts": "normalised text", "plots": "normalised plot"}
    for what, column in shared.items():
        values = {split: set(frame.loc[frame["split"] == split, column].dropna()) for split in _SPLITS}
        for one, other in combinations(_SPLITS, 2):
            problems[f"{what} in {one} and {other}"] = len(values[one] & values[other])
    return dg.AssetCheckResult(passed=not any(problems.values()), metadata=problems)
