"""The genre taxonomy: the only names a genre has anywhere in the project.

Each source maps its own labels to these slugs and states which slugs it can express. A slug that a
source cannot express is unknown for its titles: neither a positive nor a negative.
"""

from typing import Literal

GENRES: tuple[str, ...] = (
    "action",
    "adventure",
    "animation",
    "comedy",
    "crime",
    "documentary",
    "drama",
    "family",
    "fantasy",
    "history",
    "horror",
    "music",
    "mystery",
    "reality",
    "romance",
    "science-fiction",
    "sport",
    "thriller",
    "war",
    "western",
)

Kind = Literal["movie", "show"]
KINDS: tuple[Kind, ...] = ("movie", "show")
