"""Explanations of a prediction: how much each word and each fact of a title speaks for each genre.

All is told in log odds before calibration, where a linear model's and a tree model's parts add up. A part above 0
speaks for a genre, one below 0 against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from trending_assets.domain.genres.calibration import Calibration, sigmoid

# linear: coefficient times value. tree_shap: Shapley values of the trees (Lundberg and others, "From local explanations
# to global understanding with explainable AI for trees", 2020). keyword_table: the step of a table, shared among the
# keywords. constant: nothing of the title counts. leave_one_out: what changes without the word or the fact.
# blend: the parts of its members, by their shares.
Method = Literal["linear", "tree_shap", "keyword_table", "constant", "leave_one_out", "blend"]
TermKind = Literal["word", "words", "fact", "keywords", "embedding", "tfidf"]


@dataclass(frozen=True)
class Term:
    """A part of a title.

    Attributes:
        kind: ``word``; ``words``, two that stand beside each other; ``fact``; ``keywords``, all of the text's that
            were written by hand for one genre; ``embedding`` or ``tfidf``, a vector of the text as a whole.
        name: the word, or what the fact says.
        member: the model that read it so, where the prediction is several models'.
    """

    kind: TermKind
    name: str
    member: str | None = None


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a model's answer for one title is made of.

    Attributes:
        method: how the contributions were found.
        terms: the n parts of the title.
        contributions: shape (n, k), log odds.
        log_odds: shape (k,), what the model said before calibration.
        base: shape (k,), what it would have said of nothing, so that base and contributions add up to ``log_odds``;
            None where the method's contributions do not add up.
        calibration: what the probabilities went through afterwards.
    """

    method: Method
    terms: tuple[Term, ...]
    contributions: npt.NDArray[np.float64]
    log_odds: npt.NDArray[np.float64]
    base: npt.NDArray[np.float64] | None
    calibration: Calibration

    @property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """What the model answered, shape (k,)."""
        (row,) = self.calibration.apply(sigmoid(self.log_odds[None]))
        return np.asarray(row)

    def largest(self, column: int, limit: int) -> list[tuple[Term, float]]:
        """The parts that speak most for or against a genre, the largest first; those that say nothing are left out.

        Args:
            column: the genre's place among the k.
            limit: how many at most.
        """
        spoken = self.contributions[:, column]
        order = np.argsort(-np.abs(spoken), kind="stable")[:limit].tolist()
        return [(self.terms[i], float(spoken[i])) for i in order if spoken[i] != 0]


def summed(
    terms: Sequence[Term], contributions: npt.NDArray[np.float64]
) -> tuple[tuple[Term, ...], npt.NDArray[np.float64]]:
    """Each term once, in the order of their first places, with the sum of its contributions.

    Args:
        terms: n terms, some of them more than once.
        contributions: shape (n, k).
    """
    places = {term: place for place, term in enumerate(dict.fromkeys(terms))}
    totals = np.zeros((len(places), contributions.shape[1]))
    np.add.at(totals, [places[term] for term in terms], contributions)
    return tuple(places), totals
