"""Identity quality: how many records the rules by name match with their title, and how often rightly."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from trending_assets.domain.catalog.known import IMDB, KnownTitles
from trending_assets.domain.catalog.resolution import Record, match_by_name, resolve


@dataclass(frozen=True)
class Answer:
    """What the rules by name say of a labelled record.

    Attributes:
        source: the record's source.
        source_id: the record's id there.
        imdb_id: the label.
        title_id: the title that it was matched with; None where it was not matched.
        rule: the rule that matched it.
        right: whether the title has the label's id.
        in_catalogue: whether any title of the catalogue has it.
    """

    source: str
    source_id: str
    imdb_id: str
    title_id: str | None
    rule: str | None
    right: bool
    in_catalogue: bool


@dataclass(frozen=True)
class IdentityQuality:
    """Answers for labelled records, and what they come to; a share of nothing is None."""

    answers: tuple[Answer, ...]

    @property
    def matched(self) -> int:
        """How many records were matched."""
        return sum(answer.title_id is not None for answer in self.answers)

    @property
    def right(self) -> int:
        """How many were matched with their own title."""
        return sum(answer.right for answer in self.answers)

    @property
    def in_catalogue(self) -> int:
        """How many have a title in the catalogue, so that they could be matched."""
        return sum(answer.in_catalogue for answer in self.answers)

    @property
    def precision(self) -> float | None:
        """The share of the matched that are right."""
        return _share(self.right, self.matched)

    @property
    def recall(self) -> float | None:
        """The share of those in the catalogue that were matched rightly."""
        return _share(self.right, self.in_catalogue)

    def rules(self) -> dict[str, "IdentityQuality"]:
        """Each rule with the answers that it gave."""
        names = sorted({answer.rule for answer in self.answers if answer.rule})
        return {name: IdentityQuality(tuple(a for a in self.answers if a.rule == name)) for name in names}

    def metadata(self) -> dict[str, int | float | str | None]:
        """The figures, and those of each rule."""
        figures: dict[str, int | float | str | None] = {
            "labelled": len(self.answers),
            "in_catalogue": self.in_catalogue,
            "matched": self.matched,
            "right": self.right,
            "precision": self.precision,
            "recall": self.recall,
        }
        for name, quality in self.rules().items():
            figures |= {f"{name}: matched": quality.matched, f"{name}: right": quality.right}
        return figures


def measure_identity(catalogue: Iterable[Mapping[str, Any]], labelled: Iterable[Mapping[str, Any]]) -> IdentityQuality:
    """How well the rules by name find the titles of records whose ids they are not shown.

    Each labelled record is matched by itself with the catalogue; no record helps another. One whose title is
    not in the catalogue counts as an error when it is matched.

    Args:
        catalogue: rows of ``records.TITLE`` of other sources, ids and all.
        labelled: rows of ``records.TITLE``; those without an IMDb id are left out.
    """
    known = KnownTitles()
    resolve([{"titles": list(catalogue), "reviews": [], "signals": []}], known)
    return IdentityQuality(tuple(_answer(row, known) for row in labelled if row["imdb_id"]))


def _answer(row: Mapping[str, Any], known: KnownTitles) -> Answer:
    source, source_id, imdb_id = row["source"], row["source_id"], row["imdb_id"]
    record = Record(
        source,
        source_id,
        datetime.min.replace(tzinfo=UTC),
        "",
        kind=row["kind"],
        names=(row["title"], row["original_title"]),
        year=row["year"],
        runtime_minutes=row["runtime_minutes"],
    )
    match = match_by_name(record, record.id_keys(), known)
    return Answer(
        source,
        source_id,
        imdb_id,
        title_id=match.title_id if match else None,
        rule=match.method if match else None,
        right=match is not None and imdb_id in known.ids(match.title_id).get(IMDB, ()),
        in_catalogue=bool(known.with_id(f"{IMDB}:{imdb_id}")),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
