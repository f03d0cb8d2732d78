"""Names and ids: the forms in which different catalogues' names of a title agree, and the ids of titles."""

import re
import unicodedata

# Letters that no decomposition reduces to plain ones.
_LETTERS = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i"})
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_LEADING_ARTICLE = re.compile(r"^(?:the|a|an) ")
_TRAILING_ARTICLE = re.compile(r" (?:the|a|an)$")
_IMDB_ID = re.compile(r"tt[0-9]{7,8}")

_COUNTED = (
    ("one", "i"), ("two", "ii"), ("three", "iii"), ("four", "iv"), ("five", "v"), ("six", "vi"), ("seven", "vii"),
    ("eight", "viii"), ("nine", "ix"), ("ten", "x"), ("eleven", "xi"), ("twelve", "xii"), ("thirteen", "xiii"),
)  # fmt: skip
_NUMBERS = {word: str(number) for number, (word, _) in enumerate(_COUNTED, 1)}
_NUMERALS = {numeral: str(number) for number, (_, numeral) in enumerate(_COUNTED, 1)}
_ABBREVIATIONS = {"dr": "doctor", "mr": "mister", "pt": "part", "vol": "volume", "vs": "versus"}


def normalise_title(title: str) -> str:
    """A title's name as it is spelled, reduced to what catalogues agree on.

    Lower case without accents, punctuation, spaces and a leading or trailing article ("The Hours" and
    "Hours, The" become ``hours``); ``&`` reads as ``and``. Letters of every script are kept. A name without
    any letter or digit becomes the empty string, which matches nothing.
    """
    return "".join(_words(title))


def name_key(title: str) -> str:
    """A title's name reduced further than :func:`normalise_title`, so that ways of writing it agree.

    Numbers are digits, however they are written ("Part II", "Part Two", "Part 2"), but for a numeral that
    begins a name ("V for Vendetta") and a name of one word ("Nine" and "9" are two films of 2009). Common
    abbreviations are written out ("Dr." and "Doctor").
    """
    words = _words(title)
    if len(words) == 1:
        return words[0]
    spelled = [_ABBREVIATIONS.get(word) or _NUMBERS.get(word, word) for word in words]
    return "".join([*spelled[:1], *(_NUMERALS.get(word, word) for word in spelled[1:])])


def is_imdb_id(value: str) -> bool:
    """Whether a value is a well-formed IMDb title id (``tt`` and seven or eight digits)."""
    return _IMDB_ID.fullmatch(value) is not None


def title_id(source: str, source_id: str, imdb_id: str | None) -> str:
    """The id of a title at first sight."""
    return imdb_id or f"{source}:{source_id}"


def _words(title: str) -> list[str]:
    # Some capitals come out of the decomposition, and some marks out of the lower case.
    folded = unicodedata.normalize("NFKD", title).casefold()
    decomposed = unicodedata.normalize("NFKD", folded)
    plain = "".join(c for c in decomposed if not unicodedata.combining(c)).translate(_LETTERS).replace("&", " and ")
    if plain.isascii():
        spaced = _NOT_WORD.sub(" ", plain)
    else:
        # Vowel signs of Indic scripts are marks, not letters.
        spaced = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in plain)
    words = " ".join(spaced.split())
    return _TRAILING_ARTICLE.sub("", _LEADING_ARTICLE.sub("", words)).split()
