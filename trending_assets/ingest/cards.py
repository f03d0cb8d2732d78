"""Data cards: what people should know of a source, in Markdown, written wholly from its entry in the registry.

What a card says of labels, coverage, fields and politeness is read off the objects and the code that the
pipeline runs, so that it cannot say otherwise.
"""

import ast
import importlib.util
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from trending_assets.domain.catalog.exploration import MAY_BE_MISSING
from trending_assets.domain.catalog.labels import LabelMap, in_order
from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.ingest.source import Politeness, Source

# Argument of a function of `ingest.records` → the columns that it fills, where they have other names.
_FILLS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "title": {"labels": ("genres", "label_coverage", "labels_complete"), "released": ("released", "year")},
    "review": {"author": ("author_hash",), "rating_raw": ("rating_raw", "rating")},
    "signal": {},
}
# Filled for every review, whatever its source says.
_ALWAYS = {"review": {"language"}}
# A dictionary in a parser that has these keys is a record of that kind.
_MARKS = {"title": {"source_id", "kind", "title"}, "signal": {"source_title_id", "name", "value"}}


def card_of(source: Source) -> str:
    """The data card of a source: Markdown, which ends with a line break."""
    card = source.card
    sections = {
        "Origin": _wrapped(card.origin),
        "Licence": _wrapped(card.licence),
        "Documents": _documents(source),
        "Fields": _fields(source),
        "Labels and coverage": _labels(source),
        "Known biases": "\n".join(_point(bias) for bias in card.known_biases),
        "Personal data": _wrapped(card.personal_data),
        "How it is asked": _politeness(source),
        "Settings": _settings(source),
        "Notes": card.notes,
    }
    head = [f"# Data card: {card.title} (`{source.name}`)", "Written by `make cards` from the registry of sources."]
    return "\n\n".join([*head, *(f"## {name}\n\n{text}" for name, text in sections.items() if text)]) + "\n"


def inexpressible(source: Source) -> list[str]:
    """The slugs that none of a source's vocabularies can express: unknown for all its titles."""
    expressed = frozenset[str]().union(*(labels.coverage for labels in source.label_maps.values()))
    return in_order(frozenset(GENRES) - expressed)


def given_fields(source: Source) -> dict[str, set[str]]:
    """The columns that a source may fill, of those that may be missing, by kind of record.

    They are read off the code of the source's modules: the arguments of ``records.title``, ``records.review``
    and ``records.signal``, and the keys of dictionaries that are such records. A kind of which a source gives
    no records is not there.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for tree in map(ast.parse, _code_of(source.modules)):
        for kind, values in _records_in(tree):
            given = {name for name, value in values.items() if not _is_nothing(value)}
            columns = {column for name in given for column in _FILLS[kind].get(name, (name,))}
            found[kind] |= (columns | _ALWAYS.get(kind, set())) & set(MAY_BE_MISSING[f"{kind}s"])
    return dict(found)


def _code_of(modules: Iterable[str]) -> Iterator[str]:
    for module in modules:
        spec = importlib.util.find_spec(module)
        if spec is None:
            raise ModuleNotFoundError(module)
        # A folder of data has no code.
        if spec.origin:
            yield Path(spec.origin).read_text(encoding="utf-8")


def _records_in(tree: ast.AST) -> Iterator[tuple[str, dict[str, ast.expr]]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="records"), attr=kind)) if kind in _FILLS:
                yield kind, {word.arg: word.value for word in node.keywords if word.arg}
            case ast.Dict():
                keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
                values = {key: value for key, value in zip(keys, node.values, strict=True) if isinstance(key, str)}
                yield from ((kind, values) for kind, marks in _MARKS.items() if marks <= values.keys())


def _is_nothing(value: ast.expr) -> bool:
    return (isinstance(value, ast.Constant) and value.value is None) or (isinstance(value, ast.List) and not value.elts)


def _documents(source: Source) -> str:
    rows = [
        (f"`{name}`", what + (" Asked for again while the day goes on." if name in source.listings else ""))
        for name, what in source.card.documents.items()
    ]
    return _table(("type", "what one holds"), rows)


def _fields(source: Source) -> str:
    given = given_fields(source)
    if not given:
        return "Its modules do not say which columns it fills."
    points = []
    for kind, columns in MAY_BE_MISSING.items():
        filled = given.get(kind.removesuffix("s"))
        if filled is None:
            points.append(f"**{kind.capitalize()}**: none.")
            continue
        may = ", ".join(f"`{column}`" for column in columns if column in filled) or "nothing"
        never = ", ".join(f"`{column}`" for column in columns if column not in filled)
        points.append(f"**{kind.capitalize()}**: {may}" + (f"; never {never}." if never else "."))
    lead = "What it may know of the columns that can be empty (`domain/catalog/records.py` says what each is):"
    return "\n".join([lead, "", *map(_point, points)])


def _labels(source: Source) -> str:
    if not source.label_maps:
        return "It has no labels: every slug of the taxonomy is unknown for its titles."
    missing = inexpressible(source)
    lead = (
        f"No title of it can be labelled {_listed(missing)}: unknown, not negative."
        if missing
        else f"Each of the {len(GENRES)} slugs of the taxonomy can be expressed by one of its vocabularies or more."
    )
    return "\n\n".join([_wrapped(lead), *(_vocabulary(name, labels) for name, labels in source.label_maps.items())])


def _vocabulary(name: str, labels: LabelMap) -> str:
    by_slug: dict[str, list[str]] = defaultdict(list)
    for label, slugs in labels.slugs.items():
        for slug in slugs:
            by_slug[slug].append(label)
    covered = in_order(labels.coverage)
    said = [f"Covers {len(covered)} of {len(GENRES)} slugs"]
    if uncovered := in_order(frozenset(GENRES) - labels.coverage):
        said.append(f", not {_listed(uncovered)}")
    said.append(f", with {sum(1 for slugs in labels.slugs.values() if slugs)} labels.")
    if not labels.complete:
        said.append(" It names some of the genres that fit, not all: a genre left out may fit all the same.")
    if silent := sorted(label for label, slugs in labels.slugs.items() if not slugs):
        said.append(f" Labels that say nothing: {', '.join(map(_plain, silent))}.")
    rows = [(f"`{slug}`", ", ".join(map(_plain, sorted(by_slug[slug]))) or "none") for slug in covered]
    return f"### Vocabulary `{name}`\n\n{_wrapped(''.join(said))}\n\n{_table(('slug', 'labels'), rows)}"


def _politeness(source: Source) -> str:
    if source.crawl is None and source.visit is None:
        return "No host is asked while it is ingested: its documents come from files."
    asked = source.politeness
    rows = _limits(asked) if asked else []
    if source.visit:
        domains = ", ".join(f"`{domain}`" for domain in sorted(source.domains))
        rows.append(("single pages", f"of {domains}" if domains else "of hosts that a setting adds"))
    if source.credentials:
        rows.append(("credentials", "sent to its hosts in headers; never kept with a document"))
    return _table(("what", "how"), rows)


def _limits(asked: Politeness) -> list[tuple[str, str]]:
    return [
        ("hosts", ", ".join(f"`{host}`" for host in sorted(asked.hosts)) or "only those that a setting adds"),
        ("requests a second, each host", f"{asked.requests_per_second:g}"),
        ("requests at a time, each host", f"{asked.concurrency}"),
        ("content types", ", ".join(f"`{kind}`" for kind in sorted(asked.content_types))),
        ("largest body", f"{asked.max_bytes / 1_000_000:g} MB"),
        ("robots.txt", "decides" if asked.robots else "not read: a documented API whose terms say how to ask"),
    ]


def _settings(source: Source) -> str:
    rows = [
        (f"`{variable}`", f"`{option}`", "yes" if option in source.required else "no")
        for option, variable in source.settings.items()
    ]
    if source.crawl or source.visit:
        rows.append(("`TRENDING_CONTACT`", "an e-mail address or URL, told to every host", "yes"))
    return _table(("environment variable", "option", "needed"), rows) if rows else ""


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return "\n".join([*lines, *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)])


def _listed(slugs: Iterable[str]) -> str:
    return ", ".join(f"`{slug}`" for slug in slugs)


def _plain(label: str) -> str:
    """A label that Markdown shows as it is written."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#" else letter for letter in label)


def _wrapped(text: str, hanging: str = "") -> str:
    return textwrap.fill(text, width=120, subsequent_indent=hanging, break_long_words=False, break_on_hyphens=False)


def _point(text: str) -> str:
    return _wrapped(f"- {text}", hanging="  ")
