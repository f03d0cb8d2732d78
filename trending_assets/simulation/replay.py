"""A simulation as it runs: each day lands, then every sensor that can ask for a run is asked until none does."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg

from trending_assets.automation.pipeline import Pipeline
from trending_assets.automation.running import RunFailedError, run_job
from trending_assets.ingest.archive_inbox import ArchiveInbox
from trending_assets.ingest.archive_mappings import load_mapping
from trending_assets.ingest.registry import source_named
from trending_assets.simulation.script import Data, Landing, Plan, landings
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake

# Dagster's UI says of a run with this tag which sensor asked for it.
_ASKED_BY = "dagster/sensor_name"
# Features, a retraining, what its result sets off, and one more.
_MOST_ROUNDS = 6


class HomeInUseError(ValueError):
    """A home holds titles already, and a simulation would mix its own with them."""


class RestlessSensorError(RuntimeError):
    """A sensor goes on asking for runs though nothing new has landed."""


@dataclass(frozen=True)
class Asked:
    """A run that a sensor asked for.

    Attributes:
        sensor: its name.
        job: the job's name.
        failure: why it failed, with its id; None where it succeeded.
    """

    sensor: str
    job: str
    failure: str | None


@dataclass(frozen=True)
class SimulatedDay:
    """What happened on a day.

    Attributes:
        landing: what landed.
        asked: the runs that sensors asked for, in order.
    """

    landing: Landing
    asked: tuple[Asked, ...]


@dataclass
class Sensors:
    """The sensors that run from the start and can ask for runs, as the daemon asks them.

    Attributes:
        pipeline: runs what they ask for.
        cursors: sensor → its cursor.
        done: keys of runs that were asked for; Dagster runs one key once.
    """

    pipeline: Pipeline
    cursors: dict[str, str | None] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    @property
    def _repository(self) -> dg.RepositoryDefinition:
        return self.pipeline.definitions.get_repository_def()

    def settle(self) -> Iterator[Asked]:
        """Asks all sensors, again and again until none asks for a run.

        Raises:
            RestlessSensorError: one of them never ceases to.
        """
        for _ in range(_MOST_ROUNDS):
            asked = [run for sensor in self._all() for run in self._tick(sensor)]
            yield from asked
            if not asked:
                return
        raise RestlessSensorError(f"after {_MOST_ROUNDS} rounds {asked[-1].sensor} still asks for {asked[-1].job}")

    def _all(self) -> list[dg.SensorDefinition]:
        return [
            sensor
            for sensor in self._repository.sensor_defs
            if sensor.default_status == dg.DefaultSensorStatus.RUNNING
            and sensor.targets
            and not isinstance(sensor, dg.RunStatusSensorDefinition)
        ]

    def _tick(self, sensor: dg.SensorDefinition) -> list[Asked]:
        resources = self._repository.get_top_level_resources()
        context = dg.build_sensor_context(
            instance=self.pipeline.instance,
            cursor=self.cursors.get(sensor.name),
            repository_def=self._repository,
            sensor_name=sensor.name,
            resources={key: resources[key] for key in sensor.required_resource_keys},
        )
        with context:
            data = sensor.evaluate_tick(context)
        self.cursors[sensor.name] = data.cursor
        asked = []
        for request in data.run_requests or []:
            if request.run_key in self.done:
                continue
            if request.run_key:
                self.done.add(request.run_key)
            name = request.job_name or str(sensor.job_name)
            asked.append(Asked(sensor.name, name, self._run(name, request, sensor.name)))
        return asked

    def _run(self, name: str, request: dg.RunRequest, sensor: str) -> str | None:
        """Runs what a sensor asked for; why it failed, where it did."""
        job = self.pipeline.definitions.resolve_job_def(name)
        try:
            run_job(
                job,
                self.pipeline.instance,
                self.pipeline.folder / "logs",
                days=[request.partition_key] if request.partition_key else (),
                selection=request.asset_selection,
                tags={**request.tags, _ASKED_BY: sensor},
                config=request.run_config,
                progress=self.pipeline.progress,
            )
        except RunFailedError as error:
            return str(error)
        return None


def replay(pipeline: Pipeline, data: Data, plan: Plan) -> Iterator[SimulatedDay]:
    """Runs a simulation on an empty home, day by day.

    Args:
        pipeline: runs what has to be run; its definitions are those that the UI shows.
        data: what is replayed.
        plan: when what is planted happens.

    Raises:
        HomeInUseError: the home is not empty.
        RunFailedError: a day could not be landed.
    """
    home = Home(pipeline.folder)
    if Lake(home.lake).days("titles"):
        raise HomeInUseError(f"{home.folder} holds titles already: name an empty folder by TRENDING_HOME")
    sensors, inbox = Sensors(pipeline), ArchiveInbox(home.archive)
    # The daemon of a new home has asked every sensor before the first day lands.
    list(sensors.settle())
    with tempfile.TemporaryDirectory() as staging:
        for landing in landings(data, plan, Path(staging)):
            for path, mapping in landing.files.items():
                inbox.add(path, load_mapping(mapping), landing.day)
            pipeline.ingest(source_named("archive"), [landing.day.isoformat()])
            yield SimulatedDay(landing, tuple(sensors.settle()))
