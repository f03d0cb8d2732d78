"""Mappings: small TOML files that say which column of an archive is what.

Mappings for common layouts are shipped in ``mappings/``; a user's own is a file of the same form.
"""

import re
import tomllib
from collections.abc import Mapping as Table
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from trending_assets.domain.catalog.identity import RESERVED
from trending_assets.domain.catalog.labels import LabelMap
from trending_assets.domain.catalog.taxonomy import Kind
from trending_assets.ingest.archive_files import ArchiveError
from trending_assets.ingest.archive_values import Written, text

RecordKind = Literal["titles", "reviews", "signals"]
KINDS: tuple[RecordKind, ...] = ("titles", "reviews", "signals")

_Meaning = TypeVar("_Meaning", bound=str)

_SLUG = r"^[a-z][a-z0-9_]*$"
_PLACE = re.compile(r"\{([^{}]+)\}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it is read from."""
        found: set[str] = set()
        for value in (getattr(self, name) for name in type(self).model_fields):
            for part in value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,):
                if isinstance(part, _Part):
                    found |= part.columns
        return frozenset(found)


class Template(_Part):
    """A text with columns in braces: ``{platform}-{show_id}``; what it names is blank where any column is."""

    pattern: str

    @model_validator(mode="after")
    def _names_a_column(self) -> Self:
        if not _PLACE.search(self.pattern):
            raise ValueError(f"{self.pattern!r} names no column in braces")
        return self

    @property
    def columns(self) -> frozenset[str]:
        """The columns in braces."""
        return frozenset(_PLACE.findall(self.pattern))

    def fill(self, row: Table[str, Any]) -> str | None:
        """The text for a row."""
        values = {column: text(row.get(column)) for column in self.columns}
        return _PLACE.sub(lambda place: values[place[1]], self.pattern) if all(values.values()) else None


class Column(_Part):
    """A column as it is."""

    column: str = Field(min_length=1)

    @property
    def columns(self) -> frozenset[str]:
        """The column."""
        return frozenset({self.column})


class Name(Column):
    """A column of names; with ``year_at_end`` they are written as ``Hours, The (2002)``."""

    year_at_end: bool = False


class Number(Column):
    """A column of numbers, each multiplied with ``times``; with ``zero_is_blank`` a zero stands for none."""

    times: float = 1.0
    zero_is_blank: bool = False


class Dates(Column):
    """A column of dates; with ``january_first_is_year`` the first of January stands for a day that nobody knows."""

    formats: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    january_first_is_year: bool = False


class Items(Column):
    """A column of lists, written as the values of :data:`archive_values.Written` say."""

    written: Written
    key: str | None = None


class Choice(Column, Generic[_Meaning]):
    """A column whose every value is named: what the file writes → what it means."""

    values: Annotated[dict[str, _Meaning], Field(min_length=1)]


def _as_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _as_template(value: Any) -> Any:
    return {"pattern": value} if isinstance(value, str) else value


def _as_templates(value: Any) -> Any:
    return tuple(map(_as_template, value if isinstance(value, list) else [value]))


_Column = Annotated[Column, BeforeValidator(_as_column)]
_Name = Annotated[Name, BeforeValidator(_as_column)]
_Number = Annotated[Number, BeforeValidator(_as_column)]
_Template = Annotated[Template, BeforeValidator(_as_template)]
# The first that is not blank counts.
_Id = Annotated[tuple[Template, ...], BeforeValidator(_as_templates), Field(min_length=1)]


class Titles(_Part):
    """Which columns describe a title: the arguments of :func:`records.title`.

    Attributes:
        kind: what every row is; or else ``kind_of``, the column that says it.
        labels: which of the mapping's label maps a row uses, where it has more than one: the first of these
            that is the name of one.
    """

    id: _Id
    kind: Kind | None = None
    kind_of: Choice[Kind] | None = None
    title: _Name
    original_title: _Column | None = None
    year: _Column | None = None
    released: Dates | None = None
    language: Items | None = None
    countries: Items | None = None
    genres: Items | None = None
    labels: _Id | None = None
    plot: _Column | None = None
    runtime: _Column | None = None
    certificate: _Column | None = None
    platforms: Items | None = None
    imdb_id: _Column | None = None
    external_ids: dict[str, _Template] = {}

    @model_validator(mode="after")
    def _has_a_kind(self) -> Self:
        if (self.kind is None) == (self.kind_of is None):
            raise ValueError("exactly one of kind and kind_of is needed")
        return self


class Reviews(_Part):
    """Which columns describe a review: the arguments of :func:`records.review`."""

    title_id: _Id
    id: _Id | None = None
    text: _Column
    imdb_id: _Column | None = None
    author: _Column | None = None
    rating: _Column | None = None
    rating_scale: float | None = None
    verdict: Choice[Literal["fresh", "rotten"]] | None = None
    language: _Column | None = None
    written: Dates | None = None


class Signals(_Part):
    """Which columns count something: one signal a column that is not blank.

    Attributes:
        title_id: the title that is counted; that of ``titles`` where not given.
        each_row: the name of a signal of which every row counts for one.
        values: name of the signal → its column.
    """

    title_id: _Id | None = None
    imdb_id: _Column | None = None
    counted: Dates | None = None
    each_row: str | None = None
    values: dict[str, _Number] = {}

    @model_validator(mode="after")
    def _counts_something(self) -> Self:
        if not self.each_row and not self.values:
            raise ValueError("neither each_row nor values names a signal")
        return self


class Labels(_Part):
    """A label map: label → slugs, the slugs that it can express, and whether it names every genre that fits."""

    coverage: Annotated[tuple[str, ...], Field(strict=False)]
    complete: bool = True
    slugs: dict[str, Annotated[tuple[str, ...], Field(strict=False)]]

    @model_validator(mode="after")
    def _fits_the_taxonomy(self) -> Self:
        LabelMap(slugs=self.slugs, coverage=frozenset(self.coverage))
        return self

    @property
    def label_map(self) -> LabelMap:
        """The label map."""
        return LabelMap(slugs=self.slugs, coverage=frozenset(self.coverage), complete=self.complete)


class Join(_Part):
    """A file beside the archive that has more columns of the same rows.

    Attributes:
        renamed: its name has the second text where the archive's has the first.
        on: the column that both have.
        add: the columns that are taken from it; blank where it or its row is missing.
    """

    renamed: Annotated[tuple[str, str], Field(strict=False)]
    on: str
    add: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]

    @property
    def columns(self) -> frozenset[str]:
        """The column that both have."""
        return frozenset({self.on})


class Card(_Part):
    """What people should know of a layout."""

    title: str
    origin: str
    licence: str
    fields: str
    known_biases: str
    personal_data: str


class Mapping(_Part):
    """What the columns of an archive are.

    Attributes:
        name: the mapping's name.
        source: the catalogue that it belongs to, the ``source`` of its records.
        files: patterns of the names of files that it fits, in lower case.
        skip: why nothing can be taken from such a file; then it says nothing else.
        arrival: the column that says on which day a row arrived; the day of ingestion where it is blank.
        labels: the catalogue's label maps; more than one where ``titles.labels`` chooses between them.
        card: its section of the data card.
    """

    name: str = Field(pattern=_SLUG)
    source: str = Field(pattern=_SLUG)
    files: Annotated[tuple[str, ...], Field(strict=False)] = ()
    skip: str | None = None
    arrival: Dates | None = None
    join: Join | None = None
    titles: Titles | None = None
    reviews: Reviews | None = None
    signals: Signals | None = None
    labels: dict[str, Labels] = {}
    card: Card | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if bool(self.skip) == bool(self.kinds):
            raise ValueError("needs a section titles, reviews or signals, or else a reason to skip")
        if self.source in RESERVED:
            raise ValueError(f"source: {self.source} is kept for titles that lead to others; take another name")
        if self.signals and not self.signals.title_id and not self.titles:
            raise ValueError("signals.title_id is missing")
        if self.titles and self.titles.genres and not self.labels:
            raise ValueError("titles.genres needs a label map in labels")
        if self.titles and len(self.labels) > 1 and not self.titles.labels:
            raise ValueError("titles.labels must say which of the label maps a row uses")
        return self

    @property
    def kinds(self) -> tuple[RecordKind, ...]:
        """The kinds of records that it describes."""
        return tuple(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def required(self) -> frozenset[str]:
        """The columns that a file must have."""
        return self.columns - frozenset(self.join.add if self.join else ())

    @property
    def label_maps(self) -> dict[str, LabelMap]:
        """Its label maps, by the mapping's name and, where it has several, their own."""
        several = len(self.labels) > 1
        return {f"{self.name}/{key}" if several else self.name: part.label_map for key, part in self.labels.items()}

    def fits(self, file_name: str) -> bool:
        """Whether a file's name is one of those that it is for."""
        return any(fnmatchcase(file_name.lower(), pattern) for pattern in self.files)


@cache
def shipped() -> dict[str, Mapping]:
    """The mappings that come with the project, by name."""
    found = {}
    for file in files("trending_assets.ingest").joinpath("mappings").iterdir():
        if file.name.endswith(".toml"):
            mapping = read_mapping(file.read_text(encoding="utf-8"), file.name)
            found[mapping.name] = mapping
    return dict(sorted(found.items()))


def load_mapping(name_or_file: str) -> Mapping:
    """A shipped mapping by its name, or a user's own by the path of its file.

    Raises:
        ArchiveError: there is none of that name, or the file is not a mapping.
    """
    if name_or_file in shipped():
        return shipped()[name_or_file]
    path = Path(name_or_file)
    if path.suffix != ".toml":
        raise ArchiveError(
            f"no mapping is named {name_or_file!r}; there are {', '.join(shipped())}, or give a .toml file"
        )
    try:
        mapping = read_mapping(path.read_text(encoding="utf-8"), name_or_file)
    except (OSError, UnicodeDecodeError) as error:
        raise ArchiveError(f"{name_or_file} cannot be read: {error}") from None
    if mapping.name in shipped() and mapping != shipped()[mapping.name]:
        raise ArchiveError(f"{name_or_file}: name: {mapping.name} is a shipped mapping; choose another name")
    return mapping


def mapping_for(file_name: str) -> Mapping | None:
    """The shipped mapping that fits a file's name; None where none does.

    Raises:
        ArchiveError: more than one fits.
    """
    fitting = [mapping for mapping in shipped().values() if mapping.fits(file_name)]
    if len(fitting) > 1:
        raise ArchiveError(f"{file_name} fits {' and '.join(m.name for m in fitting)}: name the mapping")
    return fitting[0] if fitting else None


def read_mapping(content: str, file_name: str) -> Mapping:
    """The mapping that a TOML document describes.

    Raises:
        ArchiveError: it describes none; the message names the file and each key that is wrong.
    """
    try:
        return Mapping.model_validate(tomllib.loads(content))
    except tomllib.TOMLDecodeError as error:
        raise ArchiveError(f"{file_name} is not TOML: {error}") from None
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, fault['loc'])) or 'mapping'}: {fault['msg']}" for fault in error.errors()]
        raise ArchiveError(f"{file_name}: {'; '.join(wrong)}") from None
