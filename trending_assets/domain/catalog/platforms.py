"""Streaming platforms: one name for each, whatever a source calls it."""

import re
from collections.abc import Iterable

# What is left of a name without case, spaces and signs → the platform.
_KNOWN = {
    "amazon": "prime-video",
    "amazonprime": "prime-video",
    "amazonprimevideo": "prime-video",
    "apple": "apple-tv",
    "appletv": "apple-tv",
    "appletvplus": "apple-tv",
    "disney": "disney-plus",
    "disneyplus": "disney-plus",
    "hbo": "hbo-max",
    "hbomax": "hbo-max",
    "max": "hbo-max",
    "paramount": "paramount-plus",
    "paramountplus": "paramount-plus",
    "primevideo": "prime-video",
}
_NOT_LETTER = re.compile(r"[\W_]+")


def platform(name: str) -> str | None:
    """A platform's name in lower case with hyphens, such as ``disney-plus``; None where the name has no letter.

    A platform that is not known by several names keeps its own.

    Args:
        name: as a source or a caller writes it.
    """
    words = _NOT_LETTER.sub("-", name.replace("+", " plus ").casefold()).strip("-")
    return _KNOWN.get(words.replace("-", ""), words) or None


def platforms(names: Iterable[str]) -> list[str]:
    """Each platform once, in alphabetical order.

    Args:
        names: as :func:`platform` takes them.
    """
    return sorted({found for name in names if (found := platform(name))})
