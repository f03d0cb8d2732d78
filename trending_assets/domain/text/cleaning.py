"""Text cleaning: one function, used when records are parsed and again on text that callers send.

It is idempotent, so a title's cleaned plot sent back to the API gives the same features again.
"""

import re
import unicodedata

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b-\u200d\u2060\ufeff]")
_SPACE = re.compile(r"\s+")


def clean_text(text: str) -> str:
    """Text in NFC with control and zero-width characters removed and white space collapsed.

    Args:
        text: any text.

    Returns:
        The cleaned text; empty when nothing but white space was left.
    """
    return _SPACE.sub(" ", unicodedata.normalize("NFC", _CONTROL.sub("", text))).strip()
