"""Label maps of TMDB: it has one list of genres for films and another one for shows.

Genres are known by their ids, so that a list in any language reads the same.
"""

from collections.abc import Mapping

from trending_assets.domain.catalog.labels import LabelMap
from trending_assets.domain.catalog.taxonomy import GENRES, Kind

_MOVIE_NAMES = {
    12: "Adventure",
    14: "Fantasy",
    16: "Animation",
    18: "Drama",
    27: "Horror",
    28: "Action",
    35: "Comedy",
    36: "History",
    37: "Western",
    53: "Thriller",
    80: "Crime",
    99: "Documentary",
    878: "Science Fiction",
    9648: "Mystery",
    10402: "Music",
    10749: "Romance",
    10751: "Family",
    10752: "War",
    10770: "TV Movie",
}
_SHOW_NAMES = {
    16: "Animation",
    18: "Drama",
    35: "Comedy",
    37: "Western",
    80: "Crime",
    99: "Documentary",
    9648: "Mystery",
    10751: "Family",
    10759: "Action & Adventure",
    10762: "Kids",
    10763: "News",
    10764: "Reality",
    10765: "Sci-Fi & Fantasy",
    10766: "Soap",
    10767: "Talk",
    10768: "War & Politics",
}
# Genre id → its English name, for each kind.
GENRE_NAMES: Mapping[Kind, Mapping[int, str]] = {"movie": _MOVIE_NAMES, "show": _SHOW_NAMES}

MOVIES = LabelMap(
    slugs={
        "Action": ("action",),
        "Adventure": ("adventure",),
        "Animation": ("animation",),
        "Comedy": ("comedy",),
        "Crime": ("crime",),
        "Documentary": ("documentary",),
        "Drama": ("drama",),
        "Family": ("family",),
        "Fantasy": ("fantasy",),
        "History": ("history",),
        "Horror": ("horror",),
        "Music": ("music",),
        "Mystery": ("mystery",),
        "Romance": ("romance",),
        "Science Fiction": ("science-fiction",),
        "TV Movie": (),
        "Thriller": ("thriller",),
        "War": ("war",),
        "Western": ("western",),
    },
    # TMDB has no genre for sport.
    coverage=frozenset(GENRES) - {"reality", "sport"},
)

# A genre of two names says that one of them holds, not which. Of Netflix's titles of such a genre three in
# four or more are action, or science fiction, in JustWatch's catalogue, but only one in three to six in ten
# are fantasy; so the first name is taken and the second one is left unknown. War and politics is left alone.
SHOWS = LabelMap(
    slugs={
        "Action & Adventure": ("action",),
        "Animation": ("animation",),
        "Comedy": ("comedy",),
        "Crime": ("crime",),
        "Documentary": ("documentary",),
        "Drama": ("drama",),
        "Family": ("family",),
        "Kids": ("family",),
        "Mystery": ("mystery",),
        "News": (),
        "Reality": ("reality",),
        "Sci-Fi & Fantasy": ("science-fiction",),
        "Soap": ("drama",),
        "Talk": (),
        "War & Politics": (),
        "Western": ("western",),
    },
    coverage=frozenset(
        {
            "action",
            "animation",
            "comedy",
            "crime",
            "documentary",
            "drama",
            "family",
            "mystery",
            "reality",
            "science-fiction",
            "western",
        }
    ),
)
LABEL_MAPS: Mapping[Kind, LabelMap] = {"movie": MOVIES, "show": SHOWS}
