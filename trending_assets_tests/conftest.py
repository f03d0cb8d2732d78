"""What whole-graph tests share: one finished home, made once for all worker processes."""

import os
from pathlib import Path

# Feast, loaded first, has it keep its values in files that all apps of a process share.
import prometheus_client  # noqa: F401
import pytest

# Fitting its linear layer alone takes seconds; the fine-tuning has its own tests.
os.environ["TRENDING_BERT_MINUTES"] = "0"
os.environ["TRENDING_RETRAIN_QUIET_SECONDS"] = "0"
# wandb takes seconds to load; the tracking has its own tests.
os.environ["TRENDING_TRACKING"] = "off"
# pytest-xdist runs a process on each core, and threads of theirs would wait for one another.
os.environ["OMP_NUM_THREADS"] = "1"

from trending_assets_tests.integration.homes import SmallHome, build_finished, made_once


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that all of pytest-xdist's workers see."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"


@pytest.fixture(scope="session")
def finished(shared_folder: Path) -> SmallHome:
    """A home with four landed days, trained models and a champion; only to be read or copied."""
    return SmallHome(made_once(shared_folder / "finished", build_finished))
