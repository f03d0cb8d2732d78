"""Experiment tracking as a resource: gives the tracker of a home."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg

from trending_assets.storage.tracking import Mode, Tracker


class TrackingResource(dg.ConfigurableResource["TrackingResource"]):
    """Whether trainings are tracked by Weights & Biases, and where their runs go.

    Attributes:
        folder: the home, an absolute path.
        mode: ``off``, ``offline`` or ``online``; the key of an account is wandb's to read.
    """

    folder: str
    mode: Mode

    def tracker(self, warn: Callable[[str], None]) -> Tracker:
        """What opens runs; ``warn`` is told what goes wrong."""
        return Tracker(Path(self.folder), self.mode, warn)
