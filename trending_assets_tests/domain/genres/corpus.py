"""Made-up titles whose genres can be learned from their words and from their embeddings."""

import numpy as np
import pandas as pd

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.datasets import splits

LEARNED = ("comedy", "drama", "horror", "western")
EMBEDDED = 384
_TELLING = {
    "comedy": "hilarious giggle bumbling",
    "drama": "grief sorrowful tragic",
    "horror": "haunted gloom ghost",
    "western": "cowboy prairie saloon",
}
_PLAIN = [f"plain{i}" for i in range(60)]


def corpus(rows: int = 120, seed: int = 0, coverage: tuple[str, ...] = LEARNED) -> pd.DataFrame:
    """A training set of ``rows`` titles, with their splits."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(len(LEARNED), EMBEDDED))
    records = []
    for i in range(rows):
        has = rng.random(len(LEARNED)) < (0.45, 0.5, 0.3, 0.3)
        has[int(rng.integers(len(LEARNED)))] = True
        words = list(rng.choice(_PLAIN, size=int(rng.integers(8, 80))))
        for genre, present in zip(LEARNED, has, strict=True):
            # One title in ten says nothing of a genre it has, so that no model can be perfect.
            if present and rng.random() < 0.9:
                words.insert(int(rng.integers(len(words))), str(rng.choice(_TELLING[genre].split())))
        embedding = has @ directions + rng.normal(scale=2.0, size=EMBEDDED)
        records.append(
            {
                "title_id": f"tt{i:05d}",
                "event_timestamp": pd.Timestamp("2025-06-01", tz="UTC"),
                "text": f"Title {i}. " + " ".join(words),
                "plot": " ".join(words),
                "kind": "movie" if rng.random() < 0.8 else "show",
                "year": None if rng.random() < 0.1 else int(rng.integers(1930, 2025)),
                "word_count": len(words) + 2,
                "runtime_minutes": None if i % 7 == 0 else int(rng.integers(20, 180)),
                "certificate": (None, "PG-13", "R")[i % 3],
                "platforms": [[], ["hulu"], ["hulu", "netflix"]][i % 3],
                "embedding": (embedding / np.linalg.norm(embedding)).astype(np.float32),
                "language": str(rng.choice(["en", "fr"])) if i % 10 else None,
                "countries": ["FR"] if i % 3 == 0 else ["GB", "US"] if i % 3 == 1 else [],
                "sources": ["sample"],
                "genres": [g for g, present in zip(LEARNED, has, strict=True) if present and g in coverage],
                "label_coverage": list(coverage),
                "labels_complete": True,
            }
        )
    frame = pd.DataFrame(records).astype({"year": "Int64", "runtime_minutes": "Int64"})
    frame = frame.assign(current_title_id=frame["title_id"])
    # Nothing in the corpus names a genre.
    return splits(frame).assign(masked_text=frame["text"], masked_embedding=frame["embedding"])


def full_coverage() -> list[str]:
    """A source that can express every genre."""
    return list(GENRES)
