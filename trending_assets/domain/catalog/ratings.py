"""Ratings: every way of writing one, on one scale from 0 to 10.

Letter grades are read as Metacritic reads critics' ("How We Create the Metascore Magic"): twelve equal steps from F
to A, so that B+ is 83 and B- 67 of 100; A+ is an A and F- an F, since nothing is better or worse.
"""

import re
import unicodedata

_STEPS = ("F", "F+", "D-", "D", "D+", "C-", "C", "C+", "B-", "B", "B+", "A-", "A")
_LETTERS = {letter: round(step / 12 * 10, 4) for step, letter in enumerate(_STEPS)} | {"A+": 10.0, "F-": 0.0}
_SIGNS = str.maketrans(
    {"½": " 1/2", "¼": " 1/4", "¾": " 3/4", "⅓": " 1/3", "⅔": " 2/3", "\u2044": "/", "\u2212": "-", "\u2013": "-"}
)

_NUMBER = r"[+-]?[0-9]{1,4}(?:[.,][0-9]{1,4})?"
_PART = r"(?:1/[2-4]|2/3|3/4)"
_AMOUNT = rf"{_NUMBER}(?:[ -]{_PART})?|{_PART}"
_OF = r" ?(?:/|out of|of) ?"
_FRACTION = re.compile(rf"({_AMOUNT})(?: stars?)?{_OF}({_NUMBER})(?: ?stars?)?")
_RANGE = re.compile(rf"({_AMOUNT}){_OF}({_NUMBER}) ?(?:\.{{2,3}}|to) ?({_NUMBER})")
_PERCENT = re.compile(rf"({_NUMBER}) ?%")
_COUNTED = re.compile(rf"({_AMOUNT}) ?stars?")
_BARE = re.compile(rf"({_AMOUNT})")
_PART_AT_END = re.compile(r"[ -]?([1-3])/([2-4])$")
_DRAWN = re.compile(r"(★{0,10})(1/2)?(☆{0,10})")
_STARS = 5


def rating_of(raw: str, scale: float | None = None) -> float | None:
    """A rating from 0 (worst) to 10 (best), or None where the text does not say one for sure.

    Read are fractions (``3.5/5``, ``3 1/2 / 5``, ``3 out of 5``), percentages, letter grades, stars drawn or
    counted (of five where nothing says of how many), ranges (``+2 out of -4..+4``) and, with a scale, bare numbers.
    Words and the impossible (``7/5``, ``5/0``) are no rating.

    Args:
        raw: the rating as a source writes it.
        scale: the best possible rating for a bare number or a count of stars; the worst is 0.
    """
    text = " ".join(unicodedata.normalize("NFKC", raw.translate(_SIGNS)).split())
    if text.upper() in _LETTERS:
        return _LETTERS[text.upper()]
    text = text.lower()
    if match := _FRACTION.fullmatch(text):
        return _scaled(_value(match[1]), _value(match[2]))
    if match := _RANGE.fullmatch(text):
        return _scaled(_value(match[1]), _value(match[3]), _value(match[2]))
    if match := _PERCENT.fullmatch(text):
        return _scaled(_value(match[1]), 100)
    if match := _COUNTED.fullmatch(text):
        return _scaled(_value(match[1]), scale or _STARS)
    if match := _BARE.fullmatch(text):
        return _scaled(_value(match[1]), scale) if scale else None
    if text and (match := _DRAWN.fullmatch(text.replace(" ", ""))):
        stars = len(match[1]) + (0.5 if match[2] else 0)
        drawn = len(match[1]) + len(match[3]) + (1 if match[2] else 0)
        return _scaled(stars, scale or (drawn if match[3] else _STARS))
    return None


def _scaled(value: float, best: float, worst: float = 0) -> float | None:
    return round((value - worst) / (best - worst) * 10, 4) if worst <= value <= best and worst < best else None


def _value(amount: str) -> float:
    whole = _PART_AT_END.sub("", amount).replace(",", ".")
    part = _PART_AT_END.search(amount)
    return float(whole or 0) + (int(part[1]) / int(part[2]) if part else 0)
