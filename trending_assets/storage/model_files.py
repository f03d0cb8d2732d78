"""The files of a registered model as local files, each compared with its registered hash.

Where the registry is a folder they are read where they are. Of one in a bucket they are kept in a cache, in a folder
named by what it holds, and checked again each time: a file of the cache that is not what it should be is fetched anew.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from trending_assets.storage.atomic import replacing
from trending_assets.storage.objects import FolderObjects, Objects

MANIFEST = "manifest.json"
# What `sha256sum --check` reads: the hash of the manifest, which tells those of all other files.
SEAL = "manifest.sha256"
# Of a file that is hashed. After each piece other threads may run for some milliseconds: beside one that never rests,
# the hundred megabytes of a BERT took 1.6 s in the pieces of 256 KiB that Python's own function reads; so it takes 0.2.
_PIECE_BYTES = 16 * 1024 * 1024


class TamperedModelError(RuntimeError):
    """A registered model's files are not those that were registered."""


def sha256_of(path: Path) -> str:
    """Hash of a file."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def sealed(manifest: bytes) -> bytes:
    """The seal of a manifest: its hash and its name."""
    return f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()


def verified_files(objects: Objects, cache: Path, version: str, registered: Mapping[str, str]) -> Path:
    """A local folder with the files of a version, after comparing each with its hash.

    Args:
        objects: where the version is.
        cache: where files that are not local are kept; it may be removed at any time.
        version: ``model/version``, below which the files are.
        registered: relative path → sha-256 of each file.

    Raises:
        TamperedModelError: a file is missing, changed, a link, or not registered.
    """
    found = {key.removeprefix(f"{version}/") for key in objects.below(version)} - {MANIFEST, SEAL}
    for name in sorted(found ^ registered.keys()):
        raise TamperedModelError(f"{version}: {name} is {'not in the manifest' if name in found else 'missing'}")
    if isinstance(objects, FolderObjects):
        folder = objects.root / version
        for name, sha256 in sorted(registered.items()):
            if not _is(folder / name, sha256):
                raise _changed(version, name)
        return folder
    folder = cache / hashlib.sha256(json.dumps(sorted(registered.items())).encode()).hexdigest()
    for name, sha256 in sorted(registered.items()):
        # A key may hold what leads out of a folder.
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise TamperedModelError(f"{version}: {name} is no path of a file within the version")
        if not _is(folder / name, sha256):
            _fetch(objects, version, name, sha256, folder, cache / ".staging")
    for name in FolderObjects(folder).below(""):
        if name not in registered:
            (folder / name).unlink(missing_ok=True)
    return folder


def _is(path: Path, sha256: str) -> bool:
    return path.is_file() and not path.is_symlink() and sha256_of(path) == sha256


def _changed(version: str, name: str) -> TamperedModelError:
    return TamperedModelError(f"{version}: {name} is not the file that was registered")


def _fetch(objects: Objects, version: str, name: str, sha256: str, folder: Path, staging: Path) -> None:
    """Fetches a file into its place, in one step; what is not the registered file never gets there."""
    with replacing(folder / name, staging) as staged:
        with objects.open(f"{version}/{name}") as source, staged.open("wb") as target:
            shutil.copyfileobj(source, target)
        if not _is(staged, sha256):
            raise _changed(version, name)
