"""Label maps: how a catalogue's own genre names become slugs of the taxonomy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trending_assets.domain.catalog.taxonomy import GENRES


@dataclass(frozen=True)
class LabelMap:
    """A catalogue's genre names and the slugs that it can express.

    Attributes:
        slugs: label → slugs; a label that is not named says nothing about any slug.
        coverage: slugs that the catalogue can express. A covered slug that none of a title's labels maps
            to is a negative; one that is not covered is unknown.
        complete: whether the catalogue means to name every genre that fits. Shelves, and lists of the one or two most
            fitting, leave out genres that fit all the same.
    """

    slugs: Mapping[str, tuple[str, ...]]
    coverage: frozenset[str]
    complete: bool = True

    def __post_init__(self) -> None:
        named = {slug for slugs in self.slugs.values() for slug in slugs} | self.coverage
        if not named <= set(GENRES):
            raise ValueError(f"not in the taxonomy: {sorted(named - set(GENRES))}")
        uncovered = {slug for slugs in self.slugs.values() for slug in slugs} - self.coverage
        if uncovered:
            raise ValueError(f"mapped to but not covered: {sorted(uncovered)}")

    def genres(self, labels: Iterable[str]) -> list[str]:
        """The slugs that a title's labels express, in the taxonomy's order."""
        found = {slug for label in labels for slug in self.slugs.get(label, ())}
        return in_order(found)


def in_order(slugs: Iterable[str]) -> list[str]:
    """Slugs in the taxonomy's order, each once."""
    wanted = set(slugs)
    return [genre for genre in GENRES if genre in wanted]
