"""Training as a resource: what a person has set of it."""

from pathlib import Path

import dagster as dg

from trending_assets.domain.text.encoder import checkpoint_folder


class TrainingResource(dg.ConfigurableResource["TrainingResource"]):
    """Which genre models are trained, and on what budget.

    Attributes:
        retrained: names of the models that a sensor's retraining trains anew.
        retrain_new_titles: titles that must have come for a sensor to ask for a retraining.
        retrain_quiet_seconds: for so long nothing may have landed when it does.
        bert_minutes: the budget of ``genre_bert``, which decides its passes where ``bert_passes`` is None.
        bert_passes: how often ``genre_bert`` sees each train title.
        bert_new_rows: labelled titles that must have come since for a sensor's retraining to train it anew.
        bert_checkpoint: folder of the encoder that it begins with; all-MiniLM-L6-v2 where empty.
        retrain_on_drift: whether a drift from what the champion learned asks for a retraining.
    """

    retrained: list[str]
    bert_minutes: float
    bert_new_rows: int
    bert_passes: float | None = None
    bert_checkpoint: str = ""
    retrain_new_titles: int = 1
    retrain_quiet_seconds: float = 0.0
    retrain_on_drift: bool = False

    @property
    def bert_budget(self) -> dict[str, float]:
        """What ``genre_bert`` is given: its passes where a person has said how many, its minutes otherwise."""
        return {"minutes": self.bert_minutes} if self.bert_passes is None else {"passes": self.bert_passes}

    @property
    def checkpoint(self) -> Path:
        """The folder of the encoder that ``genre_bert`` begins with.

        Raises:
            EncoderUnavailableError: none is named, and all-MiniLM-L6-v2 is not installed.
        """
        return Path(self.bert_checkpoint) if self.bert_checkpoint else checkpoint_folder()
