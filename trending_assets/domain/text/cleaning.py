"""Text cleaning: two functions, used when records are parsed and again on text that callers send.

Both are idempotent, so a title's cleaned plot sent back to the API gives the same features again.
"""

import html
import re
import unicodedata

import ftfy
from selectolax.lexbor import LexborHTMLParser

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b-\u200d\u2060\ufeff]")

_INLINE = (
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr q rp rt ruby s samp small "
    "span strike strong sub sup time tt u var wbr"
)
_BLOCK = (
    "address area article aside audio base blockquote body br button canvas caption center col colgroup datalist dd "
    "details dialog dir div dl dt embed fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hgroup hr "
    "html img input legend li link main map math menu meta meter nav noscript object ol optgroup option output p param "
    "picture pre progress search section select source summary svg table tbody td template textarea tfoot th thead "
    "title tr track ul video"
)
_HIDDEN = "iframe script style"


def _any(names: str) -> str:
    return f"(?:{'|'.join(names.split())})"


# In the syntax that Python and Arrow (RE2) share, so that whole columns are read by the same rules.
INLINE_TAG = rf"</?(?i:{_any(_INLINE)})[ \t\r\n]*/?>"
BLOCK_TAG = rf"</?(?i:{_any(_BLOCK)})(?:[ \t\r\n/][^<>]*)?>"
# What may need cleaning, and a little more: characters with another normal form, which letters up to U+02FF and common
# punctuation have not; markup; white space; and what a broken encoding leaves, which is two such characters side by
# side, or one of four letters.
_STRANGE = "[^ -~\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u2030-\u203a\u20ac\u2122]"
_MARKUP = "<[A-Za-z/!]|&#?[A-Za-z0-9]{1,31};"
BROKEN = "[^\x00-\x7f]{2}|[ŒœÃÂ]"
UNSETTLED = f"{_STRANGE}|{_MARKUP}|  |^ | $|{BROKEN}"
# The entities that are most of them. One of these may resolve another, and comes last.
ENTITIES = {"&quot;": '"', "&#39;": "'", "&lt;": "<", "&gt;": ">", "&amp;": "&"}
# What stands for quotation marks, dashes and dots in a text of Windows that was read as Latin-1.
WINDOWS_PUNCTUATION = {chr(n): bytes([n]).decode("windows-1252") for n in (0x85, *range(0x91, 0x98))}

_INLINE_TAG = re.compile(INLINE_TAG)
_BLOCK_TAG = re.compile(BLOCK_TAG)
_ANY_STRANGE = re.compile(_STRANGE)
_ANY_MARKUP = re.compile(_MARKUP)
_MAY_BE_BROKEN = re.compile(r"[^\x00-\x7f](?:(?<=[ŒœÃÂ])|[^\x00-\x7f])")
_OPENING = re.compile(r"<(?=[A-Za-z/!])")
_NO_TAG = re.compile(rf"<(?!!--|/?(?i:{_any(f'{_INLINE} {_HIDDEN}')})(?:[ \t\r\n/][^<>]*)?>)")
_HIDDEN_TAG = {name: re.compile(rf"<(?=/?(?i:{name})[\s/>])") for name in _HIDDEN.split()}
_ENTITY = re.compile(r"&(?:amp;)*(#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,30};)")
_LONE_CONTROL = re.compile(r"[\x80-\x9f](?<![^\x00-\x7f][\x80-\x9f])(?![^\x00-\x7f])")
# Escapes within escapes: more than these are nobody's text.
_PASSES = 8


def clean_text(text: str) -> str:
    """Text in NFC with control and zero-width characters removed and white space collapsed.

    Args:
        text: any text.

    Returns:
        The cleaned text; empty when nothing but white space was left.
    """
    return " ".join(unicodedata.normalize("NFC", _CONTROL.sub("", text)).split())


def plain_text(text: str) -> str:
    """What a person reads of a text from the web: tags and entities resolved, broken encodings mended, then cleaned.

    Only names of HTML elements make a tag, and only a semicolon ends an entity: ``a < b``, ``<3``, ``<sigh>`` and
    ``AT&T`` stay. What was escaped twice is resolved twice, so that reading a read text changes nothing (but for
    texts escaped more than eight times over).

    Args:
        text: plain text or a fragment of HTML.
    """
    for _ in range(_PASSES):
        if _is_settled(text):
            return text
        read = text
        if "<" in read:
            read = _without_tags(read)
        if "&" in read:
            read = _ENTITY.sub(lambda found: html.unescape(f"&{found[1]}"), read)
        if not read.isascii():
            read = _mended(read)
        read = clean_text(read)
        if read == text:
            return text
        text = read
    return text


def _is_settled(text: str) -> bool:
    """Whether a text is plain at first sight: no match of ``UNSETTLED``, found faster."""
    if text.isascii():
        characters = text.isprintable()
    else:
        characters = not _ANY_STRANGE.search(text) and not _MAY_BE_BROKEN.search(text)
    return characters and "  " not in text and text == text.strip() and not _ANY_MARKUP.search(text)


def _without_tags(text: str) -> str:
    text = _BLOCK_TAG.sub(" ", _INLINE_TAG.sub("", text))
    if not _OPENING.search(text):
        return text
    # A comment or a script that never ends would take the rest of the text with it.
    if text.rfind("-->") < text.rfind("<!--"):
        text = text.replace("<!--", "&lt;!--")
    escaped = _NO_TAG.sub("&lt;", text.replace("&", "&amp;").replace("&amp;lt;!--", "&lt;!--"))
    for name, tag in _HIDDEN_TAG.items():
        if f"</{name}" not in escaped.lower():
            escaped = tag.sub("&lt;", escaped)
    if "<" not in escaped:
        return text
    page = LexborHTMLParser("<!DOCTYPE html><body>" + escaped)
    page.strip_tags(list(_HIDDEN_TAG))
    return page.body.text() if page.body else ""


def _mended(text: str) -> str:
    # A lone control character is punctuation of Windows; several side by side may be a letter in UTF-8.
    text = _LONE_CONTROL.sub(lambda found: found[0].encode("latin-1").decode("sloppy-windows-1252"), text)
    return ftfy.fix_encoding(text) if _MAY_BE_BROKEN.search(text) else text
