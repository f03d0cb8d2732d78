"""The experiments of a home, in one small file that is swapped atomically."""

import secrets
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from trending_assets.domain.predictions.comparison import COLUMNS, Collected, Comparison
from trending_assets.domain.predictions.experiments import Experiment, Unit
from trending_assets.storage.atomic import exclusively, write_bytes
from trending_assets.storage.label_records import label_records
from trending_assets.storage.lake import Lake
from trending_assets.storage.prediction_log import logged_days


class UnknownExperimentError(LookupError):
    """No experiment has this id."""


class ExperimentRunningError(RuntimeError):
    """An experiment runs already."""


class ExperimentFileError(ValueError):
    """The file of experiments cannot be read; the message names it."""


class _ExperimentFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    experiments: list[Experiment]


class Experiments:
    """The experiments of a home, of which one runs at most.

    Attributes:
        path: their file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[Experiment]:
        """Every experiment, the oldest first.

        Raises:
            ExperimentFileError: the file cannot be read.
        """
        try:
            return _ExperimentFile.model_validate_json(self.path.read_bytes()).experiments
        except FileNotFoundError:
            return []
        except (OSError, ValidationError) as error:
            raise ExperimentFileError(f"{self.path} cannot be read as experiments: {type(error).__name__}") from None

    def running(self) -> Experiment | None:
        """The one that runs; None where none does.

        Raises:
            ExperimentFileError: the file cannot be read.
        """
        return next((each for each in self.all() if each.stopped_at is None), None)

    def find(self, experiment_id: str) -> Experiment:
        """The experiment of an id.

        Raises:
            UnknownExperimentError: there is none.
            ExperimentFileError: the file cannot be read.
        """
        for each in self.all():
            if each.experiment_id == experiment_id:
                return each
        raise UnknownExperimentError(
            f"no experiment has the id {experiment_id}; `trending experiments list` names them"
        )

    def start(
        self, champion: str, challenger: str, *, unit: Unit, share: float, shadow: float, now: datetime
    ) -> Experiment:
        """Starts one.

        Args:
            champion: ``model/version`` of the champion.
            challenger: likewise of the challenger.
            unit: what gets a variant for good.
            share: of the units that the challenger answers, 0 or more and less than 1.
            shadow: of the champion's answers that the challenger gives too, unseen, from 0 to 1.
            now: when it starts.

        Raises:
            ExperimentRunningError: another one runs.
            ExperimentFileError: the file cannot be read.
            pydantic.ValidationError: a share is out of bounds, or there is nothing to compare.
        """
        with self._writing():
            running = self.running()
            if running is not None:
                stop = f"trending experiments stop {running.experiment_id}"
                raise ExperimentRunningError(f"experiment {running.experiment_id} runs; stop it first: {stop}")
            started = Experiment(
                experiment_id=secrets.token_hex(4),
                unit=unit,
                share=share,
                shadow=shadow,
                champion=champion,
                challenger=challenger,
                started_at=now,
            )
            self._write([*self.all(), started])
        return started

    def stop(self, experiment_id: str, now: datetime) -> Experiment:
        """Ends one; what was stopped before stays as it was.

        Raises:
            UnknownExperimentError: there is none of this id.
            ExperimentFileError: the file cannot be read.
        """
        with self._writing():
            found = self.find(experiment_id)
            if found.stopped_at is None:
                stopped = found.model_copy(update={"stopped_at": now})
                self._write([stopped if each == found else each for each in self.all()])
                return stopped
        return found

    def _writing(self) -> AbstractContextManager[None]:
        return exclusively(self.path.with_suffix(".lock"))

    def _write(self, experiments: list[Experiment]) -> None:
        content = _ExperimentFile(experiments=experiments).model_dump_json(indent=2)
        write_bytes(self.path, content.encode(), self.path.parent)


def compared(experiment: Experiment, lake: Lake, log: Path, now: datetime) -> Comparison:
    """What the prediction log tells of an experiment.

    Args:
        experiment: the experiment.
        lake: has the log's days that were compacted, and the labels.
        log: has its segments; those that are being written count.
        now: the time; nothing later is read.
    """
    collected = Collected(experiment)
    first, last = (moment.date().isoformat() for moment in (experiment.started_at, experiment.stopped_at or now))
    for rows in logged_days(lake, log, first, last):
        # Not all at once: a row of Python takes many times what it takes in Arrow.
        for batch in rows.select(list(COLUMNS)).to_batches(max_chunksize=10_000):
            collected.add(batch.to_pylist())
    return collected.compared(label_records(lake, collected.awaiting_labels))
