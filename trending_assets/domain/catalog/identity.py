"""Identity: which records speak of the same title.

A title's id is its IMDb id where that is known when the title is first seen, else
``<source>:<source_id>``, and never changes. :mod:`resolution` finds the title of each record of a day among
the titles that earlier days know (:mod:`known`), by ids and by names (:mod:`names`).
"""

from trending_assets.domain.catalog.known import RESERVED, KnownTitles, Undone, alias_of, current_titles
from trending_assets.domain.catalog.names import is_imdb_id, name_key, normalise_title, title_id
from trending_assets.domain.catalog.resolution import keys_of, resolve

__all__ = [
    "RESERVED",
    "KnownTitles",
    "Undone",
    "alias_of",
    "current_titles",
    "is_imdb_id",
    "keys_of",
    "name_key",
    "normalise_title",
    "resolve",
    "title_id",
]
