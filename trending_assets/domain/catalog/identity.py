"""Identity: which records speak of the same title.

A title's id is its IMDb id where that is known when the title is first seen, else
``<source>:<source_id>``. Records that carry no external id are matched by normalised name.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

_NOT_WORD = re.compile(r"[^a-z0-9]+")
_LEADING_ARTICLE = re.compile(r"^(?:the|a|an) ")
_TRAILING_ARTICLE = re.compile(r" (?:the|a|an)$")
_IMDB_ID = re.compile(r"tt[0-9]{7,8}")


def normalise_title(title: str) -> str:
    """A title's name reduced to what different catalogues agree on.

    Lower case without accents, punctuation, spaces and a leading or trailing article ("The Hours" and
    "Hours, The" become ``hours``); ``&`` reads as ``and``. A name without any Latin letter or digit
    becomes the empty string, which matches nothing.
    """
    decomposed = unicodedata.normalize("NFKD", title.lower())
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    words = _NOT_WORD.sub(" ", plain.replace("&", " and ")).strip()
    without = _TRAILING_ARTICLE.sub("", _LEADING_ARTICLE.sub("", words))
    return without.replace(" ", "")


def is_imdb_id(value: str) -> bool:
    """Whether a value is a well-formed IMDb title id (``tt`` and seven or eight digits)."""
    return _IMDB_ID.fullmatch(value) is not None


def title_id(source: str, source_id: str, imdb_id: str | None) -> str:
    """The id of a title at first sight."""
    return imdb_id or f"{source}:{source_id}"


def identify(parsed: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The title that each parsed record speaks of: rows of ``records.IDENTITY``, sorted and unique.

    Args:
        parsed: rows of ``records.PARSED``. The answer depends on nothing else, so that days can be
            identified in any order and at the same time.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}

    def add(row: Mapping[str, Any], source_id: str, to: str, method: str, confidence: float) -> None:
        known = found.get((row["source"], source_id))
        if known is None or (row["arrived_at"], row["document_sha256"]) < (
            known["arrived_at"],
            known["document_sha256"],
        ):
            found[row["source"], source_id] = {
                "source": row["source"],
                "source_id": source_id,
                "title_id": to,
                "method": method,
                "confidence": confidence,
                "arrived_at": row["arrived_at"],
                "document_sha256": row["document_sha256"],
            }

    for document in parsed:
        for row in document["titles"]:
            to = title_id(row["source"], row["source_id"], row["imdb_id"])
            add(row, row["source_id"], to, "imdb id" if row["imdb_id"] else "first seen", 1.0)
            for match in row["matches"]:
                add(row, match["source_id"], to, match["method"], match["confidence"])
        for row in (*document["reviews"], *document["signals"]):
            to = title_id(row["source"], row["source_title_id"], row["imdb_id"])
            add(row, row["source_title_id"], to, "imdb id" if row["imdb_id"] else "first seen", 1.0)
    return [found[key] for key in sorted(found)]
