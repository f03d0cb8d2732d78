"""Runs a job over some days once it is told to: ``python -m …integration.landing HOME JOB DAY…``, then a line."""

import sys
from pathlib import Path

from trending_assets_tests.integration.homes import SmallHome

if __name__ == "__main__":
    home = SmallHome(Path(sys.argv[1]))
    definitions = home.definitions
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    home.run(sys.argv[2], sys.argv[3:])
