"""A model's self-test: what it said of a few made-up titles when it was registered, kept beside it.

Hashes tell that files are those that were written; the self-test tells that what is loaded from them, with the
libraries, the encoder and the processor that are there now, still says the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from trending_assets.domain.catalog.taxonomy import Kind
from trending_assets.domain.genres.models import ModelFileError
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.text.features import TitleFeatures, title_features

FILE = "self_test.json"
# Products of small integers are rounded otherwise by another processor, which moves a probability by less than this; a
# model, encoder or vocabulary that is not the one that was trained with moves some by far more.
TOLERANCE = 0.02

Encode = Callable[[Sequence[str]], npt.NDArray[np.float32]]

# None of them is in any source, so none was trained or tested on. They are as different as titles are: long and short,
# with and without facts.
EXAMPLES = (
    title_features(
        "The Lantern Keepers of Orvane",
        "When a comet wakes the machines beneath the ice, a lighthouse keeper and a runaway robot cross a dying planet "
        "to stop an alien fleet from putting out the sun.",
        "movie",
        2019,
        ["US", "NZ"],
        128,
        "PG-13",
    ),
    title_features(
        "Two Weddings and a Plumber",
        "A hopeless plumber falls in love with the bride whose kitchen he has just flooded, and has three days, one "
        "borrowed suit and her furious grandmother to win her heart.",
        "movie",
        2004,
        ["GB"],
        94,
    ),
    title_features(
        "Cold Ledger",
        "A detective who has sworn never to go home returns to find the killer who poisoned her town; every witness "
        "is lying, and the next victim has already been chosen.",
        "show",
        2022,
        ["SE"],
        52,
        "TV-MA",
        ["netflix"],
    ),
    title_features("Rivers That Remember", "The history of a valley, told by those who fished it.", "show", None),
    title_features("Untitled", "", "movie", None),
)


class SelfTestFailedError(ValueError):
    """A model that was loaded does not say what it said when it was registered."""


class _Title(BaseModel):
    """What a model reads of a title; its vectors are left out, since they follow from the text."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)

    text: str
    kind: Kind
    year: int | None
    word_count: int
    countries: tuple[str, ...]
    runtime_minutes: int | None
    certificate: str | None
    platforms: tuple[str, ...]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    genres: tuple[str, ...]
    titles: tuple[_Title, ...]
    probabilities: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False)
class SelfTest:
    """What a model said of some titles.

    Attributes:
        genres: the k slugs that it knows.
        titles: n titles, without vectors.
        probabilities: shape (n, k).
    """

    genres: tuple[str, ...]
    titles: tuple[TitleFeatures, ...]
    probabilities: npt.NDArray[np.float64]

    @classmethod
    def of(cls, predictor: GenrePredictor, encode: Encode) -> "SelfTest":
        """Asks a model about :data:`EXAMPLES`.

        Args:
            predictor: the model.
            encode: texts → their embeddings; not called for a model that reads none.
        """
        return cls(predictor.genres, EXAMPLES, _said(predictor, encode, EXAMPLES))

    def save(self, folder: Path) -> None:
        """Writes ``self_test.json``; the same test gives the same bytes."""
        titles = tuple(_Title.model_validate(title) for title in self.titles)
        stored = _File(genres=self.genres, titles=titles, probabilities=tuple(map(tuple, self.probabilities.tolist())))
        (folder / FILE).write_text(stored.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def stored(cls, folder: Path) -> "SelfTest":
        """What :meth:`save` wrote into a folder.

        Raises:
            ModelFileError: the file is not a self-test.
        """
        path = folder / FILE
        try:
            held = _File.model_validate_json(path.read_bytes())
            probabilities = np.array(held.probabilities, dtype=np.float64).reshape(len(held.titles), len(held.genres))
        except ValueError as error:
            raise ModelFileError(f"{path} is not a self-test") from error
        return cls(held.genres, tuple(TitleFeatures(**dict(title)) for title in held.titles), probabilities)

    def check(self, predictor: GenrePredictor, encode: Encode) -> None:
        """Asks a model the same again.

        Args:
            predictor: the model that was loaded.
            encode: texts → their embeddings; not called for a model that reads none.

        Raises:
            SelfTestFailedError: one is off by more than :data:`TOLERANCE`, is no number, or is of another genre.
        """
        if predictor.genres != self.genres:
            raise SelfTestFailedError(f"{predictor.name}: its self-test is of other genres than it knows")
        found = _said(predictor, encode, self.titles)
        # NaN is no nearer than anything.
        wrong = np.argwhere(~(np.abs(found - self.probabilities) <= TOLERANCE))
        if len(wrong):
            title, genre = wrong[0].tolist()
            raise SelfTestFailedError(
                f"{predictor.name}: {len(wrong)} of {found.size} probabilities of its self-test are more than "
                f"{TOLERANCE:g} off; {self.genres[genre]} of title {title + 1} is {found[title, genre]:.4f} and was "
                f"{self.probabilities[title, genre]:.4f} when it was registered"
            )


def _said(predictor: GenrePredictor, encode: Encode, titles: Sequence[TitleFeatures]) -> npt.NDArray[np.float64]:
    if predictor.needs_embedding:
        vectors = encode([title.text for title in titles])
        titles = [replace(title, embedding=vector) for title, vector in zip(titles, vectors, strict=True)]
    return predictor.probabilities(titles)
