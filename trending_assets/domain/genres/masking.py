"""Genre words: the names of genres in a text, which give a label away instead of letting it be understood.

"… is a 2015 American horror film" says the answer. Scores on masked text tell how well a model does without.
"""

import re

# ``word*`` stands for every word that begins with ``word``.
GENRE_WORDS: dict[str, str] = {
    "action": "action action-*",
    "adventure": "adventure adventures adventurous",
    "animation": "animation* animated anime cartoon* claymation stop-motion",
    "comedy": "comedy comedies comedic comedian* sitcom* romcom* rom-com* dramedy dramedies stand-up standup",
    "crime": "crime crimes",
    "documentary": "documentar* docuseries docu-series docudrama* docu-drama* mockumentar* rockumentar* docufilm*",
    "drama": "drama dramas dramatic melodrama* k-drama*",
    "family": "family families family-*",
    "fantasy": "fantasy fantasies",
    "history": "history historic historical",
    "horror": "horror horrors",
    "music": "music musical musicals concert*",
    "mystery": "mystery mysteries whodunit*",
    "reality": "reality docusoap*",
    "romance": "romance romances romantic romantic-*",
    "science-fiction": "sci-fi scifi science-fiction",
    "sport": "sport sports",
    "thriller": "thriller* suspense",
    "war": "war wars wartime",
    "western": "western westerns",
}
_PHRASES = ("science fiction", "stop motion", "stand up comedy")


def _pattern() -> re.Pattern[str]:
    written = [*_PHRASES, *(word for words in GENRE_WORDS.values() for word in words.split())]
    # The longest first, so that "action-packed" is not cut at "action".
    ordered = sorted(written, key=len, reverse=True)
    alternatives = "|".join(re.escape(word).replace(r"\*", r"\w*").replace(r"\ ", r"[\s-]+") for word in ordered)
    return re.compile(rf"(?<![\w-])(?:{alternatives})(?![\w-])", re.IGNORECASE)


_GENRE_WORD = _pattern()
_SPACES = re.compile(r"\s{2,}")
_BEFORE_MARK = re.compile(r"\s+(?=[,.;:!?)])")


def mask_genre_words(text: str) -> str:
    """The text without the names of genres, of its own and of any other.

    Each is left out, and the space around it closed; a text without any comes back as it is.
    """
    # What closes up may name a genre in turn: "science horror fiction".
    while names_a_genre(text):
        text = _BEFORE_MARK.sub("", _SPACES.sub(" ", _GENRE_WORD.sub("", text))).strip()
    return text


def names_a_genre(text: str) -> bool:
    """Whether the text holds the name of a genre."""
    return _GENRE_WORD.search(text) is not None
