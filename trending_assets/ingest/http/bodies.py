"""Bodies: read as they come, decompressed piece by piece, and never larger than allowed."""

import zlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

import httpx

from trending_assets.ingest.http.errors import ContentTypeError, FaultError, ResponseTooLargeError

# What is asked for; one format with one well-tested decoder keeps the ways to hide a bomb few.
ENCODING = "gzip"
_PIECE = 1 << 16


def check_content_type(response: httpx.Response, allowed: frozenset[str], name: str) -> None:
    """Refuses a body of another media type than those allowed.

    Parameters such as the charset do not matter. Where ``application/json`` is allowed, so is every
    ``application/…+json``.

    Raises:
        ContentTypeError: the type is another one, or none is given.
    """
    given = response.headers.get("content-type", "")
    media_type = given.partition(";")[0].strip().lower()
    if media_type in allowed:
        return
    if "application/json" in allowed and media_type.startswith("application/") and media_type.endswith("+json"):
        return
    raise ContentTypeError(f"{name}: content type is {given[:100]!r}, wanted {', '.join(sorted(allowed))}")


async def read_body(response: httpx.Response, most: int, name: str) -> bytes:
    """A whole body, decompressed.

    Args:
        response: a response whose body was not read yet.
        most: most bytes, as sent and after decompression.
        name: of the URL, for errors.

    Raises:
        ResponseTooLargeError: there are more; reading stopped there, at most one piece later.
        ContentTypeError: its encoding was not asked for.
        FaultError: it ends too early, or its compression is broken.
    """
    declared = response.headers.get("content-length", "")
    if declared.isdigit() and len(declared) < 20 and int(declared) > most:
        raise ResponseTooLargeError(f"{name}: {declared} bytes are announced, {most} are allowed")
    body = bytearray()
    async with aclosing(_decoded(response, most, name)) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > most:
                raise ResponseTooLargeError(f"{name}: more than {most} bytes after decompression")
    return bytes(body)


async def read_start(response: httpx.Response, most: int, name: str) -> bytes:
    """The first bytes of a body, decompressed; the rest is left unread. Errors are those of :func:`read_body`."""
    body = bytearray()
    async with aclosing(_decoded(response, 2 * most, name)) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) >= most:
                break
    return bytes(body[:most])


async def skim(response: httpx.Response) -> None:
    """Reads a body that nobody wants, so that its connection can be used again; a long one is left unread."""
    sent = 0
    async for chunk in response.aiter_raw():
        sent += len(chunk)
        if sent > _PIECE:
            break


async def _decoded(response: httpx.Response, most_sent: int, name: str) -> AsyncGenerator[bytes, None]:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise ContentTypeError(f"{name}: content encoding is {encoding[:100]!r}, wanted {ENCODING}")
    gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
    sent = 0
    async for chunk in response.aiter_raw():
        sent += len(chunk)
        if sent > most_sent:
            raise ResponseTooLargeError(f"{name}: more than {most_sent} bytes as sent")
        if encoding == "identity":
            yield chunk
            continue
        for piece in _inflated(gzip, chunk):
            yield piece
    if encoding != "identity" and not gzip.eof:
        raise FaultError("the body ends before its compression does")


def _inflated(gzip: Any, sent: bytes) -> Iterator[bytes]:
    """What the next bytes of a gzip stream hold, in pieces of a bounded size."""
    try:
        while not gzip.eof:
            piece = gzip.decompress(sent, _PIECE)
            sent = gzip.unconsumed_tail
            yield piece
            # A full piece may have left some output behind, even where no input is left.
            if not sent and len(piece) < _PIECE:
                break
    except zlib.error as error:
        raise FaultError(f"the body's compression is broken: {error}") from error
    if gzip.eof and (gzip.unused_data or sent):
        raise FaultError("the body goes on after the end of its compression")
