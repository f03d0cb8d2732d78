"""The launcher of runs for a storage that several machines share: it says on which of them a run is."""

import socket

from dagster._core.launcher import LaunchRunContext
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.remote_representation.code_location import GrpcServerCodeLocation

from trending_assets.automation.dead_runs import HOST_TAG

_HERE = ("localhost", "127.0.0.1")


class NamingRunLauncher(DefaultRunLauncher):
    """Dagster's launcher, which has the code server start a process, with the machine's name in the run's tags.

    Without it nobody could tell whether a process that is not found was killed or is on another machine. Runs of a code
    server that is elsewhere get no such tag.
    """

    def launch_run(self, context: LaunchRunContext) -> None:
        """Launches a run."""
        origin = context.dagster_run.remote_job_origin
        if origin is not None and context.workspace is not None:
            name = origin.repository_origin.code_location_origin.location_name
            location = context.workspace.get_code_location(name)
            if isinstance(location, GrpcServerCodeLocation) and location.client.host in _HERE:
                self._instance.add_run_tags(context.dagster_run.run_id, {HOST_TAG: socket.gethostname()})
        super().launch_run(context)
