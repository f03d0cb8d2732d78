"""Flags of texts that are not worth reading: each is sure rather than complete, and none removes a text."""

import re
from collections import Counter

_LINKS = re.compile(r"(?:(?:https?://|www\.)\S+[\s,;]*)+", re.IGNORECASE)
# Phrases that sell something; people who write about films do not use them.
_OFFERS = (
    "full movie online", "full movie free", "full movie download", "movie online free", "movies online free",
    "film online free", "watch full movie", "watch the full movie here", "download full movie", "free movie download",
    "episodes online free", "click here to", "click this link", "click the link below", "buy viagra", "cheap viagra",
    "buy cialis", "buy followers", "online casino", "forex trading", "bitcoin investment", "crypto investment",
    "binary options", "make money online", "earn money online", "contact him on whatsapp", "contact her on whatsapp",
    "contact me on whatsapp", "on telegram for more", "spell caster", "loan offer",
)  # fmt: skip
# The start of a text says enough.
_HEARD = 400
_CAPITALS = 40
_SHARE_OF_CAPITALS = 0.9
_LETTERS_TO_REPEAT = 10
_WORDS_TO_REPEAT = 12
_SHARE_REPEATED = 0.5


def flags(text: str) -> list[str]:
    """What speaks against a text, in this order.

    - ``empty``: it has no letter, digit or symbol in it.
    - ``link_only``: nothing but links.
    - ``spam``: a phrase that sells: films to download, pills, followers, casinos, investments.
    - ``shouting``: at least 40 capitals in the first 400 characters, and nine of ten letters there are.
    - ``repeated``: half of the first 400 characters are one letter, or half of at least 12 words there are the same.

    Args:
        text: cleaned text.
    """
    if not any(character.isalnum() or ord(character) > 0x2100 for character in text):
        return ["empty"]
    found = []
    if _LINKS.fullmatch(text):
        found.append("link_only")
    lowered = text.lower()
    if any(offer in lowered for offer in _OFFERS):
        found.append("spam")
    start = text[:_HEARD]
    if _shouts(start):
        found.append("shouting")
    if _repeats(start.lower()):
        found.append("repeated")
    return found


def _shouts(text: str) -> bool:
    capitals = sum(map(str.isupper, text))
    return capitals >= _CAPITALS and capitals >= _SHARE_OF_CAPITALS * (capitals + sum(map(str.islower, text)))


def _repeats(text: str) -> bool:
    letter, times = Counter(text.replace(" ", "")).most_common(1)[0]
    if letter.isalpha() and times >= max(_LETTERS_TO_REPEAT, _SHARE_REPEATED * len(text)):
        return True
    words = text.split()
    return len(words) >= _WORDS_TO_REPEAT and max(Counter(words).values()) >= _SHARE_REPEATED * len(words)
