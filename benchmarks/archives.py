"""Everything from files to the catalogue: archives ingested, cleaned, identified and checked by the command line.

    python -m benchmarks.archives [PATH ...]

Each path, a file or a folder, is ingested by one command into one empty home; without any, those in the folder named
by TRENDING_BENCH_DATA, ``../shared/data`` where that is not set. Printed are the command's own table, the rows read a
second, and the peak memory of the largest process.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.identity import data_folder
from trending_assets.storage.home import Home
from trending_assets.storage.query import connect


def ingest(home: Path, path: Path) -> float:
    """Seconds of one command.

    Raises:
        SystemExit: it failed.
    """
    environment = os.environ | {"TRENDING_HOME": str(home)}
    start = time.perf_counter()
    command = [sys.executable, "-m", "trending_assets", "ingest", "archive", str(path)]
    if subprocess.run(command, check=False, env=environment).returncode:  # noqa: S603
        raise SystemExit(f"{path} could not be ingested")
    return time.perf_counter() - start


def rows(home: Path) -> int:
    """Documents that were read so far."""
    with connect(Home(home)) as connection:
        (count,) = connection.execute("select count(*) from parsed_archive").fetchone() or (0,)
    return int(count)


def main() -> None:
    """Runs the benchmark and prints its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="*", type=Path)
    paths = parser.parse_args().path or [data_folder()]
    with tempfile.TemporaryDirectory() as folder:
        home, before = Path(folder), 0
        for path in paths:
            seconds = ingest(home, path)
            read = rows(home) - before
            before += read
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
            sys.stdout.write(
                f"{path.name}: {read:,} rows in {seconds:.0f} s, {read / seconds:,.0f} rows/s, peak {peak:.2f} GiB\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
