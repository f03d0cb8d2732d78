"""Codes: languages and countries by their standard codes, whatever a source calls them."""

from functools import cache

# Names that catalogues use and the CLDR does not, or spells otherwise.
_MORE_LANGUAGES = {"mandarin": "zh", "standard chinese": "zh", "yue chinese": "yue", "modern greek": "el"}
_MORE_COUNTRIES = {
    "bosnia and herzegovina": "BA",
    "british hong kong": "HK",
    "czech republic": "CZ",
    "democratic republic of the congo": "CD",
    "hong kong": "HK",
    "ivory coast": "CI",
    "palestine": "PS",
    "people's republic of china": "CN",
    "the bahamas": "BS",
    "turkey": "TR",
}


@cache
def _codes(names: str) -> dict[str, str]:
    from babel import Locale

    found: dict[str, str] = getattr(Locale("en"), names)
    # Where two codes share a name the shorter one, which comes last, is the one in use.
    by_name = {
        name.casefold(): code
        for code, name in sorted(found.items(), key=lambda e: (-len(e[0]), e[0]))
        # Regions of the world have numbers.
        if code.isalpha()
    }
    return by_name | (_MORE_LANGUAGES if names == "languages" else _MORE_COUNTRIES)


def language_code(name: str) -> str | None:
    """ISO 639 code of a language by its English name or its code; None where it is neither."""
    codes = _codes("languages")
    return name.lower() if name.lower() in codes.values() else codes.get(name.casefold())


def country_code(name: str) -> str:
    """ISO 3166-1 code of a country by its English name or its code; a name that has none stays as it is."""
    codes = _codes("territories")
    return name.upper() if name.upper() in codes.values() else codes.get(name.casefold(), name)
