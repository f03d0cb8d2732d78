"""``genre_bert``: a BERT encoder fine-tuned on genres, run by ONNX Runtime, and one linear layer above it."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.genres.calibration import Calibration, sigmoid
from trending_assets.domain.genres.datasets import label_matrix
from trending_assets.domain.genres.explanations import Explanation, Term
from trending_assets.domain.genres.models import TEXT_SERVICE, ModelFileError
from trending_assets.domain.genres.parameters import DEFAULTS, Parameter, with_defaults
from trending_assets.domain.genres.tfidf import words_of
from trending_assets.domain.text.bert import TextNetwork, unit_vectors
from trending_assets.domain.text.features import TitleFeatures

# The cheaper comes first, and is what predicts where a model has both.
INT8, FLOAT32 = PRECISIONS = ("int8", "float32")
DEFAULT_PASSES = 1.0
# Of fewer rows a few rare genres decide what macro-F1 is.
ROWS_OF_MACRO = 2000
# Takes how many passes are over, and what is to be told of them.
Watch = Callable[[float, Mapping[str, float]], None]
_TOKENIZER_FILE, _ARRAYS_FILE, _GENRES_FILE = "tokenizer.json", "model.npz", "model.json"


def bert_text(title: TitleFeatures) -> str:
    """What the encoder reads of a title: first the facts that are known of it, then its text."""
    facts = [
        f"{title.kind} {title.year or ''}".strip(),
        " ".join(title.countries),
        f"{title.runtime_minutes} min" if title.runtime_minutes else "",
        f"rated {title.certificate}" if title.certificate else "",
        f"on {' '.join(title.platforms)}" if title.platforms else "",
    ]
    return f"{', '.join(filter(None, facts))}. {title.text}"


def _without(word: str, text: str) -> str:
    """A text without a word, wherever it stands."""
    return re.sub(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", "", text, flags=re.IGNORECASE)


def _without_facts(title: TitleFeatures) -> dict[Term, TitleFeatures]:
    """What is known of a title beside text and kind → the title without that."""
    known = {
        f"year: {title.year}": title.year and replace(title, year=None),
        f"countries: {', '.join(title.countries)}": title.countries and replace(title, countries=()),
        f"running time: {title.runtime_minutes} minutes": title.runtime_minutes
        and replace(title, runtime_minutes=None),
        f"certificate: {title.certificate}": title.certificate and replace(title, certificate=None),
        f"platforms: {', '.join(title.platforms)}": title.platforms and replace(title, platforms=()),
    }
    return {Term("fact", name): each for name, each in known.items() if isinstance(each, TitleFeatures)}


@dataclass(frozen=True, eq=False)
class BertModel:
    """A fine-tuned encoder and a linear layer on the unit vector of a text.

    Attributes:
        genres: the k slugs.
        graphs: precision → the encoder as an ONNX model, whose output has the width w.
        tokenizer: the content of its ``tokenizer.json``.
        weights: shape (w, k).
        intercept: shape (k,).
        calibration: what the probabilities go through.
        reads_facts: whether the encoder reads kind, year, countries, running time, certificate and platforms before the
            text.
    """

    name: ClassVar[str] = "genre_bert"
    feature_service: ClassVar[str] = TEXT_SERVICE
    calibrates: ClassVar[bool] = True
    # A fit takes minutes, and one fold of some thousand rows tells enough.
    held_folds: ClassVar[int | None] = 1
    search_space: ClassVar[Mapping[str, Parameter]] = {
        "learning_rate": Parameter(2e-4, 2e-5, 5e-4, log=True),
        # The linear layer starts far better than the encoder, and its weights are larger.
        "head_rate": Parameter(10.0, 1.0, 50.0, log=True),
        # So often a row is shown without the names of genres, which would tell instead of being understood.
        "masked_share": Parameter(0.3, 0.0, 1.0),
    }

    genres: tuple[str, ...]
    graphs: Mapping[str, bytes]
    tokenizer: str
    weights: npt.NDArray[np.float32]
    intercept: npt.NDArray[np.float32]
    calibration: Calibration
    reads_facts: bool = True

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        labels: npt.NDArray[np.float64],
        genres: Sequence[str],
        seed: int,
        parameters: Mapping[str, float] = DEFAULTS,
        *,
        passes: float = DEFAULT_PASSES,
        checkpoint: Path | None = None,
        embedded: bool = False,
        validation: pd.DataFrame | None = None,
        watch: Watch | None = None,
    ) -> Self:
        """Fine-tunes an encoder; see :func:`~trending_assets.domain.genres.bert_training.fine_tune`.

        Args:
            frame: n rows of the training set.
            labels: shape (n, k): 1, 0, or NaN where unknown.
            genres: the k slugs.
            seed: seed of the order of the rows.
            parameters: values for some of the ``search_space``.
            passes: how often each row is seen; 0 fits the linear layer alone.
            checkpoint: folder of the encoder to begin with; all-MiniLM-L6-v2 where None.
            embedded: the rows' embeddings are of that encoder, and begin the training; without passes they are all of
                it, and the model reads the text alone as they do.
            validation: rows of the training set to judge each pass by; nothing is learned from them.
            watch: is told how it goes.
        """
        from trending_assets.domain.genres.bert_training import fine_tune
        from trending_assets.domain.text.encoder import checkpoint_folder

        settled = with_defaults(cls.search_space, parameters)
        folder = checkpoint or checkpoint_folder()
        unseen = None if validation is None else (validation, label_matrix(validation, genres))
        tuned = fine_tune(
            folder, frame, labels, seed, passes, settled, embedded=embedded, validation=unseen, watch=watch
        )
        return cls(
            tuple(genres),
            tuned.graphs,
            tuned.tokenizer,
            tuned.weights,
            tuned.intercept,
            Calibration.identity(len(genres)),
            reads_facts=passes > 0 or not embedded,
        )

    @property
    def precision(self) -> str:
        """The precision that it predicts with: ``int8`` or ``float32``."""
        return next(precision for precision in PRECISIONS if precision in self.graphs)

    @cached_property
    def _network(self) -> TextNetwork:
        return TextNetwork(self.graphs[self.precision], self.tokenizer)

    def predict_proba(self, features: Sequence[TitleFeatures]) -> npt.NDArray[np.float64]:
        """Calibrated probabilities, shape (len(features), k)."""
        if not features:
            return np.empty((0, len(self.genres)))
        return self.calibration.apply(sigmoid(self._scores(features)))

    def _scores(self, features: Sequence[TitleFeatures]) -> npt.NDArray[np.float64]:
        # Row by row: a product of matrices sums in another order than one of a row.
        scores = np.stack([unit @ self.weights + self.intercept for unit in self._units(features)])
        return scores.astype(np.float64)

    def explain(self, title: TitleFeatures) -> Explanation:
        """How much less it says without each word, wherever that stands, and without each fact but the kind.

        Words that say the same cover for one another, so that the parts do not add up.
        """
        # What no token stands for says nothing. The facts stand before the text.
        whole = self._text(title)
        read = self._network.read_of(whole)[len(whole) - len(title.text) :]
        words = list(dict.fromkeys(words_of(read)))
        without = {Term("word", word): replace(title, text=_without(word, title.text)) for word in words}
        if self.reads_facts:
            without |= _without_facts(title)
        scores = self._scores([title, *(replace(each, embedding=None) for each in without.values())])
        return Explanation("leave_one_out", tuple(without), scores[0] - scores[1:], scores[0], None, self.calibration)

    def _units(self, features: Sequence[TitleFeatures]) -> list[npt.NDArray[np.float32]]:
        """The unit vectors of the titles, in order."""
        # The embedding of a text is what an encoder that was not trained would say of it.
        held = [None if self.reads_facts or self.precision != INT8 else title.embedding for title in features]
        asked = [title for title, vector in zip(features, held, strict=True) if vector is None]
        computed = iter(unit_vectors(self._network.pooled([self._text(title) for title in asked])))
        return [next(computed) if vector is None else vector for vector in held]

    def _text(self, title: TitleFeatures) -> str:
        return bert_text(title) if self.reads_facts else title.text

    def with_calibration(self, calibration: Calibration) -> Self:
        """The same model whose probabilities go through ``calibration``."""
        return replace(self, calibration=calibration)

    def at(self, precision: str) -> Self:
        """The same model at one precision alone.

        Raises:
            KeyError: it has no graph of that precision.
        """
        return replace(self, graphs={precision: self.graphs[precision]})

    def own_thresholds(self) -> None:
        """None: thresholds are tuned."""
        return

    def save(self, folder: Path) -> None:
        """Writes ``model.<precision>.onnx``, ``tokenizer.json``, ``model.npz`` and ``model.json``."""
        for precision, graph in self.graphs.items():
            (folder / f"model.{precision}.onnx").write_bytes(graph)
        (folder / _TOKENIZER_FILE).write_text(self.tokenizer, encoding="utf-8")
        np.savez(
            folder / _ARRAYS_FILE,
            weights=self.weights,
            intercept=self.intercept,
            slope=self.calibration.slope,
            shift=self.calibration.intercept,
        )
        content = {"genres": self.genres, "reads_facts": self.reads_facts}
        (folder / _GENRES_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what it takes to predict: of several precisions the cheapest.

        Raises:
            ModelFileError: the files do not fit together, or there is no graph.
        """
        content = json.loads((folder / _GENRES_FILE).read_text(encoding="utf-8"))
        genres = tuple(content["genres"])
        with np.load(folder / _ARRAYS_FILE, allow_pickle=False) as arrays:
            weights, intercept, slope, shift = (arrays[name] for name in ("weights", "intercept", "slope", "shift"))
        graphs = {name: path for name in PRECISIONS if (path := folder / f"model.{name}.onnx").is_file()}
        if not graphs:
            raise ModelFileError(f"{folder}: no ONNX model")
        precision, path = next(iter(graphs.items()))
        tokenizer = (folder / _TOKENIZER_FILE).read_text(encoding="utf-8")
        calibration = Calibration(slope, shift)
        graphs_read = {precision: path.read_bytes()}
        model = cls(genres, graphs_read, tokenizer, weights, intercept, calibration, content["reads_facts"])
        if {len(intercept), len(slope), len(shift), weights.shape[1]} != {len(genres)}:
            raise ModelFileError(f"{folder}: arrays do not fit {len(genres)} genres")
        if model._network.width != len(weights):
            raise ModelFileError(f"{folder}: weights for {len(weights)} values, {model._network.width} come in")
        return model
