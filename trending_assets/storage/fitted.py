"""What a versioned feature view is computed with: fitted once, kept beside the lake, and never changed.

``<root>/<view>/`` holds the fitted files and ``manifest.json``, which states their SHA-256. An empty file
``pending.<asset>`` beside them says that the asset has yet to go over all landed days with it. To fit anew is to raise
the version in the view's name, or to remove the folder.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trending_assets.domain.genres.reduced_tfidf import ReducedTfIdf
from trending_assets.storage.atomic import creating_folder, exclusively

_MANIFEST = "manifest.json"


class TamperedFittedError(RuntimeError):
    """The files of a fitted transformation are not those that were written."""


@dataclass(frozen=True)
class FittedTfIdf:
    """A reduced TF-IDF and what it was fitted on.

    Attributes:
        reduction: the transformation.
        train_texts: number of texts.
    """

    reduction: ReducedTfIdf
    train_texts: int


class FittedTfIdfStore:
    """The fitted transformation of one feature view."""

    def __init__(self, folder: Path, readers: Sequence[str]) -> None:
        """Names its place; nothing is created until something is fitted.

        Args:
            folder: the folder, whose name is the view's.
            readers: the assets that have to go over all landed days once it has been fitted.
        """
        self.folder = folder
        self._readers = tuple(readers)

    @property
    def _staging(self) -> Path:
        return self.folder.parent / ".staging"

    def read(self) -> FittedTfIdf | None:
        """What was fitted; None where nothing has been.

        Raises:
            TamperedFittedError: a file is missing or is not the one that was written.
        """
        path = self.folder / _MANIFEST
        if not self.folder.is_dir():
            return None
        try:
            manifest = json.loads(path.read_bytes())
            for name, sha256 in manifest["files"].items():
                if _sha256(self.folder / name) != sha256:
                    raise TamperedFittedError(f"{self.folder / name} is not the file that was written")
            return FittedTfIdf(ReducedTfIdf.load(self.folder), manifest["train_texts"])
        except (OSError, ValueError, KeyError) as error:
            raise TamperedFittedError(f"{self.folder} cannot be read: {error}") from error

    def fit_once(self, fit: Callable[[], FittedTfIdf | None]) -> FittedTfIdf | None:
        """What was fitted; where nothing has been, fits it, in one process at a time.

        Args:
            fit: fits it; not called where it is there already. None leaves all as it is.
        """
        with exclusively(self._staging / f"{self.folder.name}.lock"):
            known = self.read()
            if known is not None:
                return known
            fitted = fit()
            if fitted is not None:
                self._write(fitted)
            return fitted

    def _write(self, fitted: FittedTfIdf) -> None:
        with creating_folder(self.folder, self._staging) as folder:
            fitted.reduction.save(folder)
            files = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
            content = {"version": fitted.reduction.version, "train_texts": fitted.train_texts, "files": files}
            (folder / _MANIFEST).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
            for asset in self._readers:
                (folder / f"pending.{asset}").touch()

    def pending(self, asset: str) -> bool:
        """Whether an asset has yet to go over all landed days."""
        return (self.folder / f"pending.{asset}").is_file()

    def done(self, asset: str) -> None:
        """Keeps that an asset has gone over all landed days."""
        (self.folder / f"pending.{asset}").unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
