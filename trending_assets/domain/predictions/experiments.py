"""Experiments: a challenger answers a share of the units in the champion's place, or all of them as a shadow."""

import hashlib
from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Unit = Literal["key", "title"]
Variant = Literal["champion", "challenger", "shadow"]
CHAMPION: Variant = "champion"
CHALLENGER: Variant = "challenger"
# What the challenger would have answered: it is logged, and no caller sees it.
SHADOW: Variant = "shadow"


class Experiment(BaseModel):
    """A comparison of two model versions on live requests; all but its end is fixed when it starts.

    Attributes:
        experiment_id: eight hexadecimal digits; the salt of its lots.
        unit: what is given a variant for good, the caller's key or the title. A request without one, such as a text
            where it is the title, is answered by the champion and is no part of the comparison.
        share: the share of the units that the challenger answers, 0 or more and less than 1.
        shadow: the share of the champion's answers that the challenger gives too, unseen, from 0 to 1.
        champion: ``model/version`` of the champion when it started.
        challenger: likewise of the challenger.
        started_at: when it started.
        stopped_at: when it was stopped; None while it runs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiment_id: str = Field(pattern="^[0-9a-f]{8}$")
    unit: Unit
    share: float = Field(ge=0, lt=1)
    shadow: float = Field(ge=0, le=1)
    champion: str
    challenger: str
    started_at: AwareDatetime
    stopped_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _compares_something(self) -> Self:
        if self.champion == self.challenger:
            raise ValueError(f"champion and challenger are the same version, {self.champion}")
        if not self.share and not self.shadow:
            raise ValueError("neither a share of the units nor a shadow: there would be nothing to compare")
        return self

    def variant_of(self, unit: str) -> Variant:
        """Who answers a unit: the same for as long as the experiment runs, in every process.

        A lot is a hash salted with the experiment's id, so that who got the challenger in one experiment says nothing
        about the next.
        """
        return CHALLENGER if _lot(f"{self.experiment_id}:{unit}") < self.share else CHAMPION

    def shadows(self, prediction_id: str) -> bool:
        """Whether the challenger answers too, unseen, what the champion answered with this prediction."""
        return _lot(f"{self.experiment_id}:{prediction_id}") < self.shadow


def _lot(text: str) -> float:
    """A number from 0 to below 1, uniform over texts."""
    return (int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 11) / 2**53
