"""Cursors of lists: opaque to callers, checked when they come back.

A cursor holds the sort key of the last item that was given and a digest of the query it belongs to. Pages
follow the key, not a position, so a catalogue that changes between two pages neither repeats nor skips
what it had before.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from serving.problems import InvalidField, ProblemError, invalid_request

MAX_LENGTH = 512

Key = TypeVar("Key", bound=tuple[Any, ...])


def encode_cursor(query: Mapping[str, object], key: tuple[Any, ...]) -> str:
    """The cursor after the item with this sort key.

    Args:
        query: the list and its filters, without limit and cursor.
        key: strings and numbers.
    """
    payload = json.dumps([_digest(query), *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(payload.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, query: Mapping[str, object], key_type: type[Key]) -> Key:
    """The sort key in a cursor.

    Args:
        cursor: what the caller sent.
        query: the list and its filters, without limit and cursor.
        key_type: the type of this list's keys.

    Raises:
        ProblemError: it is none of ours, or belongs to another query (422).
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        parts = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise _bad_cursor("is not a cursor of this API") from None
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], str):
        raise _bad_cursor("is not a cursor of this API")
    if parts[0] != _digest(query):
        raise _bad_cursor("belongs to another query: send the same filters with it, or start again without it")
    try:
        return TypeAdapter(key_type).validate_python(tuple(parts[1:]), strict=True)
    except ValidationError:
        raise _bad_cursor("is not a cursor of this API") from None


def _digest(query: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(query, sort_keys=True).encode()).hexdigest()[:16]


def _bad_cursor(message: str) -> ProblemError:
    return invalid_request([InvalidField(location="query.cursor", message=message)])
