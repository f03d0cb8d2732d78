"""What a web page says in the words of schema.org: its objects, from JSON-LD and microdata alike."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trending_assets.ingest.documents import Document, MalformedRecordError

# No page that means something nests deeper.
_DEEPEST = 50
# Up to here a number is written without rounding.
_EXACT = 1e15

# What hid scripts from browsers and parsers of old, and is written around JSON still.
_WRAPPINGS = (
    ("//<![CDATA[", "//]]>"),
    ("/*<![CDATA[*/", "/*]]>*/"),
    ("<![CDATA[", "]]>"),
    ("<!--", "//-->"),
    ("", "-->"),
)

# An object: ``@type`` and ``@id`` as JSON-LD writes them, and its properties.
Node = Mapping[str, Any]


@dataclass(frozen=True)
class Markup:
    """The objects of a page.

    Attributes:
        nodes: the outermost objects, in the page's order, JSON-LD first.
        faults: why blocks of JSON-LD could not be read.
    """

    nodes: tuple[Node, ...]
    faults: tuple[str, ...]


def read_markup(document: Document) -> Markup:
    """The objects of a page.

    Every block of JSON-LD is read by itself, so that a broken one spoils no other.

    Raises:
        MalformedRecordError: the page holds text that no column takes.
    """
    from selectolax.lexbor import LexborHTMLParser

    html = _text(document)
    page = LexborHTMLParser(html)
    nodes: list[Node] = []
    faults = []
    for number, block in enumerate(page.css('script[type="application/ld+json" i]'), start=1):
        try:
            nodes += _json_ld(block.text())
        except (ValueError, RecursionError) as error:
            faults.append(f"JSON-LD block {number}: {error}")
    if page.css_first("[itemscope]") is not None:
        nodes += _microdata(html, document.url)
    try:
        # Lone surrogates, NaN and infinities are in what Python reads, but in no column.
        json.dumps(nodes, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise MalformedRecordError(f"markup cannot be kept: {error}") from None
    return Markup(tuple(nodes), tuple(faults))


def walk(value: object, depth: int = 0) -> Iterator[Node]:
    """Every object within a value, itself first: in lists, in ``@graph`` and in properties.

    Raises:
        MalformedRecordError: it nests too deep to mean anything.
    """
    if depth > _DEEPEST:
        raise MalformedRecordError(f"markup nests deeper than {_DEEPEST}")
    if isinstance(value, list):
        for inner in value:
            yield from walk(inner, depth + 1)
    elif isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner, depth + 1)


def types_of(node: Node) -> set[str]:
    """The types of an object without schema.org's address: ``Movie``."""
    return {name.rsplit("/", 1)[-1].removeprefix("schema:") for name in texts(node, "@type")}


def texts(node: Node, key: str) -> list[str]:
    """The texts of a property, whether it is one, a list, or objects that have a name."""
    value = node.get(key)
    found = []
    for one in value if isinstance(value, list) else [value]:
        text = one
        if isinstance(one, dict):
            text = one.get("@value", one.get("name", one.get("@id")))
        if isinstance(text, int | float) and not isinstance(text, bool):
            text = f"{text:.15g}" if abs(text) < _EXACT else str(text)
        if isinstance(text, str) and text.strip():
            found.append(text.strip())
    return found


def objects(node: Node, *keys: str) -> list[Node]:
    """The objects of some properties."""
    values = [node.get(key) for key in keys]
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return [one for one in flat if isinstance(one, dict)]


def _text(document: Document) -> str:
    from w3lib.encoding import html_to_unicode

    headers = json.loads(document.headers)
    return html_to_unicode(headers.get("content-type"), document.payload)[1]


def _json_ld(block: str) -> list[Node]:
    from extruct.jsonld import JsonLdExtractor

    text = block.strip()
    for opening, closing in _WRAPPINGS:
        if text.startswith(opening):
            text = text.removeprefix(opening).removesuffix(closing).strip()
    if not text:
        return []
    # It forgives comments within the JSON and raw line breaks in its texts.
    safe = text.replace("</", "<\\/")
    found = JsonLdExtractor().extract(f'<script type="application/ld+json">{safe}</script>')
    return [node for node in found if isinstance(node, dict)]


def _microdata(html: str, url: str) -> list[Node]:
    from extruct.w3cmicrodata import MicrodataExtractor
    from lxml.etree import LxmlError

    try:
        found = MicrodataExtractor().extract(html, base_url=url)
    except (LxmlError, ValueError, RecursionError) as error:
        raise MalformedRecordError(f"microdata: {error}") from None
    return [_as_json_ld(item) for item in found]


def _as_json_ld(item: Any) -> Any:
    if isinstance(item, list):
        return [_as_json_ld(one) for one in item]
    if not isinstance(item, dict):
        return item
    node = {key: _as_json_ld(value) for key, value in item.get("properties", {}).items()}
    named = {"@type": item.get("type"), "@id": item.get("id")}
    return node | {key: value for key, value in named.items() if value}
