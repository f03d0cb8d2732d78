"""Experiment tracking with Weights & Biases: one run a training or a trial, offline until somebody uploads it.

The registry is the truth, and this mirrors it: nothing here fails a training. What goes wrong is a warning, and the
run goes on without being tracked. wandb takes seconds to load, so it is imported when the first run begins.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from trending_assets.storage.atomic import exclusively

if TYPE_CHECKING:
    import wandb

Mode = Literal["off", "offline", "online"]
PROJECT = "trending-now"
KEY = "WANDB_API_KEY"
# Held while a run is written; a process that is killed holds it no longer.
LOCK = "writing.lock"
# What a process that was killed leaves is not whole: wandb writes in blocks of 32 kB.
ENDED = "ended"
# Stands beside a run whose data are all on the server, as wandb's own upload puts it there.
UPLOADED = ".synced"
# Where W&B keeps models for people to choose from.
_REGISTRY = "wandb-registry-model"
# A server that is slow or away holds a training up no longer than this, each in seconds.
_BEGIN_SECONDS, _UPLOAD_SECONDS, _FINISH_SECONDS = 10, 60, 60
# wandb would try for an hour; what is not uploaded is kept.
_RETRIES = 3


def tracking_mode(setting: str, environment: Mapping[str, str]) -> tuple[Mode, str]:
    """Whether runs are tracked, where they go, and why.

    Args:
        setting: ``auto`` or ``off``.
        environment: the environment variables, of which ``WANDB_API_KEY`` and ``WANDB_MODE`` count.
    """
    wanted = environment.get("WANDB_MODE", "")
    if setting == "off":
        return "off", "TRENDING_TRACKING is off"
    if wanted == "disabled":
        return "off", "WANDB_MODE is disabled"
    if find_spec("wandb") is None:
        return "off", "wandb is not installed"
    if wanted in ("offline", "dryrun"):
        return "offline", f"WANDB_MODE is {wanted}"
    if not environment.get(KEY):
        return "offline", f"{KEY} is not set"
    return "online", f"{KEY} is set"


class TrackedRun:
    """A run that is being tracked, or one that is not: then everything here does nothing.

    The first thing that goes wrong is told as a warning, and ends the tracking of the run.
    """

    def __init__(self, run: "wandb.Run | None", warn: Callable[[str], None]) -> None:
        """What writes to W&B's run, if there is one; ``warn`` is told what goes wrong."""
        self._run = run
        self._warn = warn

    @property
    def tracked(self) -> bool:
        """Whether anything is written."""
        return self._run is not None

    def config(self, values: Mapping[str, Any]) -> None:
        """Adds to what the run was started with."""
        self._attempt(lambda run: run.config.update(dict(values), allow_val_change=True))

    def log(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Adds a point to the history of each metric.

        Args:
            values: metric → value.
            step: which point; the next one where None. A step that is over takes no more values.
        """
        self._attempt(lambda run: run.log(dict(values), step=step))

    def summary(self, values: Mapping[str, float | str]) -> None:
        """Says what came of the run: one value a metric."""
        self._attempt(lambda run: run.summary.update(dict(values)))

    def artifact(self, folder: Path, name: str, version: str, metadata: Mapping[str, Any]) -> None:
        """Adds the files of a model. Online they are uploaded and the model is linked to W&B's registry.

        Offline the run holds their paths and hashes, and they are read where they are when the run is uploaded.

        Args:
            folder: holds the files, which never change.
            name: the model's name.
            version: its version, which becomes an alias.
            metadata: what JSON can hold.
        """

        def add(run: "wandb.Run") -> None:
            import wandb

            artifact = wandb.Artifact(name, type="model", metadata=dict(metadata))
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                # A copy of each file would cost as much disk again as the registry.
                artifact.add_file(str(path), str(path.relative_to(folder)), policy="immutable", skip_cache=True)
            logged = run.log_artifact(artifact, aliases=["latest", version])
            if not run.offline:
                self._link(run, logged, name, version)

        self._attempt(add)

    def _link(self, run: "wandb.Run", artifact: "wandb.Artifact", name: str, version: str) -> None:
        try:
            artifact.wait(timeout=_UPLOAD_SECONDS)
            run.link_artifact(artifact, f"{_REGISTRY}/{name}", aliases=[version])
        except Exception as error:  # noqa: BLE001 - a registry that one may not write to is no reason to stop
            self._warn(f"{name}/{version} is not linked to W&B's registry {_REGISTRY}: {one_line(error)}")

    def _attempt(self, action: Callable[["wandb.Run"], object]) -> None:
        run = self._run
        if run is None:
            return
        try:
            action(run)
        except Exception as error:  # noqa: BLE001 - whatever wandb raises, the training is worth more
            self._run = None
            self._warn(f"not tracked any further by W&B: {one_line(error)}")


@dataclass(frozen=True)
class Tracker:
    """What opens runs.

    Attributes:
        home: the home; runs lie in its folder ``wandb``.
        mode: whether runs are tracked, and where they go.
        warn: is told what goes wrong.
    """

    home: Path
    mode: Mode
    warn: Callable[[str], None]

    @contextmanager
    def run(
        self, *, kind: Literal["training", "trial"], name: str, group: str, config: Mapping[str, Any]
    ) -> Iterator[TrackedRun]:
        """Tracks what the block does, as far as W&B can; nothing but the block's own exceptions is raised.

        Args:
            kind: what it is.
            name: what people see it as.
            group: what several runs have in common, such as a search or a run of Dagster.
            config: all that it depends on, as JSON can hold it; never a secret.
        """
        with ExitStack() as locks:
            run = self._opened(locks, {"job_type": kind, "name": name, "group": group, "config": dict(config)})
            tracked = TrackedRun(run, self.warn)
            exit_code = 1
            try:
                yield tracked
                exit_code = 0
            finally:
                if run:
                    self._finish(run, exit_code, complete=tracked.tracked)

    def _opened(self, locks: ExitStack, what: Mapping[str, Any]) -> "wandb.Run | None":
        modes: dict[Mode, list[Literal["online", "offline"]]] = {
            "off": [],
            "offline": ["offline"],
            "online": ["online", "offline"],
        }
        for mode in modes[self.mode]:
            try:
                run = _start(self.home, mode, what)
                locks.enter_context(exclusively(Path(run.settings.sync_file).with_name(LOCK)))
            except Exception as error:  # noqa: BLE001 - ImportError, OSError and wandb's own: the training is worth more
                left = "kept offline" if mode == "online" else "not tracked"
                self.warn(f"{what['name']} is {left}, W&B cannot be used: {one_line(error)}")
            else:
                return run
        return None

    def _finish(self, run: "wandb.Run", exit_code: int, *, complete: bool) -> None:
        file = Path(run.settings.sync_file)
        try:
            try:
                run.finish(exit_code=exit_code)
            finally:
                file.with_name(ENDED).touch()
            if not run.offline and complete:
                file.with_name(file.name + UPLOADED).touch()
        except Exception as error:  # noqa: BLE001 - the training is over, and worth more
            self.warn(f"not all of the run is uploaded, `trending wandb sync` does it: {one_line(error)}")


def one_line(error: BaseException) -> str:
    """What an exception says, or its name where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def quiet_environment(home: Path) -> dict[str, str]:
    """What wandb reads of the environment alone: no reports of its faults to its makers, nothing outside the home."""
    return {
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_CACHE_DIR": str(home / "wandb" / "cache"),
        "WANDB_DATA_DIR": str(home / "wandb" / "data"),
    }


def _start(home: Path, mode: Literal["online", "offline"], what: Mapping[str, Any]) -> "wandb.Run":
    # wandb would take a temporary folder instead of one that cannot be written.
    (home / "wandb").mkdir(parents=True, exist_ok=True)
    for name, value in quiet_environment(home).items():
        os.environ.setdefault(name, value)
    import wandb

    settings = wandb.Settings(
        mode=mode,
        silent=True,
        console="off",
        symlink=False,
        use_dot_wandb=False,
        # Nothing of the machine, of who uses it, or of the code.
        host="",
        username="",
        email="",
        program="trending",
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
        disable_git=True,
        disable_code=True,
        save_code=False,
        label_disable=True,
        init_timeout=_BEGIN_SECONDS,
        x_graphql_retry_max=_RETRIES,
        finish_timeout=_FINISH_SECONDS,
        finish_timeout_raises=True,
        # Two runs of one process are two runs.
        reinit="create_new",
    )
    return wandb.init(project=PROJECT, dir=str(home), settings=settings, **what)
