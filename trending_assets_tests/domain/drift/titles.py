"""Made-up titles whose columns can be made to drift one by one."""

import numpy as np
import pandas as pd

_SYLLABLES = ("ka", "lo", "mi", "ter", "san", "vo", "ne", "ri")
DIMENSIONS = 24


def titles(
    random: np.random.Generator,
    number: int,
    *,
    first: int = 0,
    years: float = 0.0,
    shows: float = 0.3,
    direction: float = 0.0,
    texts: str = "plain",
) -> pd.DataFrame:
    """Titles by chance.

    Args:
        random: decides them.
        number: how many.
        first: number of the first one, from which ids are made.
        years: by how many standard deviations of 15 years they are later.
        shows: the share of shows.
        direction: by how many standard deviations all embeddings are moved along one axis.
        texts: ``plain``, or ``cyrillic`` for texts in another script.
    """
    words = np.array([a + b for a in _SYLLABLES for b in _SYLLABLES])
    chosen = [random.choice(words, size=random.integers(20, 60)) for _ in range(number)]
    plain = [" ".join(found).capitalize() + ("." if random.random() < 0.7 else "!") for found in chosen]
    vectors = random.normal(size=(number, DIMENSIONS))
    vectors[:, 0] += direction
    return pd.DataFrame(
        {
            "title_id": [f"t{first + i}" for i in range(number)],
            "text": ["Привет мир " * 15 for _ in plain] if texts == "cyrillic" else plain,
            "kind": np.where(random.random(number) < shows, "show", "movie"),
            "year": pd.array(np.rint(random.normal(1990 + 15 * years, 15, number)), dtype="Int64"),
            "word_count": [len(found) for found in chosen],
            "countries": [["FR"] if random.random() < 0.4 else ["US", "GB"] for _ in plain],
            "runtime_minutes": pd.array(
                [int(v) if random.random() < 0.8 else None for v in random.normal(100, 20, number)], dtype="Int64"
            ),
            "certificate": [None if random.random() < 0.5 else "12" for _ in plain],
            "embedding": list((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)),
        }
    )
