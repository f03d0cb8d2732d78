"""Age certificates: those of films and of television in the United States, which most catalogues state.

The names are those of the Motion Picture Association's ratings and of the TV Parental Guidelines.
"""

import re

# From all ages on, films before television.
CERTIFICATES: tuple[str, ...] = (
    "G",
    "PG",
    "PG-13",
    "R",
    "NC-17",
    "TV-Y",
    "TV-Y7",
    "TV-G",
    "TV-PG",
    "TV-14",
    "TV-MA",
)

_KEYS = {certificate.replace("-", ""): certificate for certificate in CERTIFICATES}
# Fantasy violence is noted beside the certificate of older children.
_KEYS["TVY7FV"] = "TV-Y7"
_NOT_KEY = re.compile(r"[\W_]+")


def certificate(written: str | None) -> str | None:
    """One of :data:`CERTIFICATES`; None for anything else, such as ``NR`` or a certificate of another country.

    Args:
        written: as a source writes it, in any case, with or without its hyphens.
    """
    return _KEYS.get(_NOT_KEY.sub("", written or "").upper())
