"""Genre words: the names of genres in a text, which give a label away instead of letting it be understood.

"… is a 2015 American horror film" says the answer. Scores on masked text tell how well a model does without.

Words joined by hyphens are one compound, which is left out or stays as a whole. One that holds the name of a kind of
story ("comedy-drama", "computer-animated") names it whatever stands beside it; one that holds only what a story may
be about (action, crime, war, …) does so where nothing else is in it ("sports-war film", "war-themed"), and not in
"war-torn" or "live-action".
"""

import re
from collections.abc import Iterable
from itertools import chain

# ``word*`` stands for every word that begins with ``word``.
GENRE_WORDS: dict[str, str] = {
    "action": "action action-*",
    "adventure": "adventure adventures adventurous",
    "animation": "animation* animated anime cartoon* claymation stop-motion",
    "comedy": "comedy comedies comedic comedian* comedienne* tragicomed* sitcom* romcom* dramedy dramedies stand-up "
    "standup",
    "crime": "crime crimes",
    "documentary": "documentar* docu-* docuseries docudrama* docufilm* mockumentar* rockumentar*",
    "drama": "drama dramas dramatic melodrama*",
    "family": "family families family-*",
    "fantasy": "fantasy fantasies",
    "history": "history historic historical",
    "horror": "horror horrors",
    "music": "music musical musicals concert*",
    "mystery": "mystery mysteries whodunit*",
    "reality": "reality docusoap*",
    "romance": "romance romances romantic romantic-*",
    "science-fiction": "scifi",
    "sport": "sport sports",
    "thriller": "thriller* suspense",
    "war": "war wars wartime",
    "western": "western westerns",
}
# Their words may be joined by spaces or by hyphens.
_PHRASES = ("science fiction", "sci fi", "rom com*", "stop motion", "stand up comedy")
# Of these genres a word in a compound may speak of something else than the kind of story.
_SUBJECTS = frozenset({"action", "crime", "family", "history", "music", "reality", "sport", "war"})
_BEFORE = "semi quasi pseudo true"
_AFTER = "style styled themed like oriented tinged infused film films movie movies tv television"
_HYPHEN = r"[-\u2010\u2011\u2013]"


def _any_of(words: Iterable[str]) -> str:
    # The longest first, so that "action-packed" is not cut at "action".
    ordered = sorted(words, key=len, reverse=True)
    return "|".join(
        re.escape(word).replace(r"\*", r"\w*").replace(r"\-", _HYPHEN).replace(r"\ ", rf"(?:\s|{_HYPHEN})+")
        for word in ordered
    )


def _pattern() -> re.Pattern[str]:
    words = {genre: listed.split() for genre, listed in GENRE_WORDS.items()}
    named = _any_of([*_PHRASES, *chain.from_iterable(words.values())])
    story = _any_of([*_PHRASES, *chain.from_iterable(listed for g, listed in words.items() if g not in _SUBJECTS)])
    around_story = rf"(?:\w+{_HYPHEN})*(?:{story})(?:{_HYPHEN}\w+)*"
    before, after = (_any_of(listed.split()) for listed in (_BEFORE, _AFTER))
    of_names = rf"(?:(?:{before}){_HYPHEN})*(?:{named})(?:{_HYPHEN}(?:{named}|{after}))*"
    return re.compile(rf"(?<!\w)(?<!\w{_HYPHEN})(?:{around_story}|{of_names})(?!{_HYPHEN}?\w)", re.IGNORECASE)


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
