"""The training set is sound: splits are kept apart and nothing from after a row's own time was seen."""

import dagster as dg

from trending_assets.domain.genres.datasets import EXCLUDED, TEST, TRAIN, VALIDATION, normalised_text
from trending_assets.resources.home import HomeResource


@dg.asset_check(
    asset="genre_training_set",
    blocking=True,
    description="One row a title, known splits, and no text that stands on both sides of a split.",
)
def training_set_is_sound(home: HomeResource) -> dg.AssetCheckResult:
    """Looks for what would make a score too good to be true."""
    columns = ["title_id", "text", "split", "split_reason", "embedding"]
    frame = home.lake.read("genre_training_set", columns=columns).to_pandas()
    texts = {
        split: {normalised_text(text) for text in frame.loc[frame["split"] == split, "text"]}
        for split in (TRAIN, VALIDATION, TEST)
    }
    excluded = frame["split"] == EXCLUDED
    problems = {
        "titles that stand twice": int(frame["title_id"].duplicated().sum()),
        "rows of no known split": int((~frame["split"].isin([TRAIN, VALIDATION, TEST, EXCLUDED])).sum()),
        "texts in train and test": len(texts[TRAIN] & texts[TEST]),
        "texts in train and validation": len(texts[TRAIN] & texts[VALIDATION]),
        "texts in validation and test": len(texts[VALIDATION] & texts[TEST]),
        "exclusions without a reason": int((excluded & (frame["split_reason"] == "")).sum()),
        "embeddings of another size": int((frame["embedding"].map(len) != 384).sum()),
        "empty splits": sum(not texts[split] for split in (TRAIN, TEST)),
    }
    return dg.AssetCheckResult(passed=not any(problems.values()), metadata=problems)
