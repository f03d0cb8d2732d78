"""The model registry: folders of models that never change, and one small file that says which of them serves.

``<root>/<model>/<version>/`` holds a model's files and its ``manifest.json``; ``aliases.json`` names the
champion, the challenger and the previous champion; ``decisions/`` keeps each decision of the gate. Everything
is written beside its place and swapped in, so a reader sees the old state or the new one.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from trending_assets.domain.genres.models import ModelFileError, load_model
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.ids import uuid7
from trending_assets.storage.atomic import creating_folder, exclusively, write_bytes

ALIASES: tuple[str, ...] = ("champion", "challenger", "previous")
_MANIFEST = "manifest.json"
_DECISIONS = "decisions"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class UnknownModelError(LookupError):
    """The registry holds no such model version."""


class TamperedModelError(RuntimeError):
    """A registered model's files are not those that were registered."""


class NoPreviousModelError(LookupError):
    """There is no previous champion to go back to."""


@dataclass(frozen=True, order=True)
class ModelRef:
    """The name of one model version; ``str()`` gives ``model/version``.

    Attributes:
        model: the model's name, such as ``genre_logreg``.
        version: its version, such as ``20250627-3fa9c1d2``.
    """

    model: str
    version: str

    def __post_init__(self) -> None:
        for part in (self.model, self.version):
            if not _NAME.fullmatch(part) or part == _DECISIONS:
                raise ValueError(f"{part!r} names no model version: letters, digits, '.', '_' and '-' only")

    def __str__(self) -> str:
        return f"{self.model}/{self.version}"

    @classmethod
    def parse(cls, text: str) -> "ModelRef":
        """The reference that ``str()`` wrote.

        Raises:
            ValueError: the text is not ``model/version``.
        """
        model, _, version = text.partition("/")
        return cls(model, version)


class Manifest(BaseModel):
    """What a registered model is and what it came from.

    Attributes:
        model: the model's name.
        version: its version.
        trained_at: when it was trained.
        code_version: version of the code that trained it.
        feature_service: the feature service it reads.
        feature_views: feature view → its version.
        genres: the slugs it knows, in the taxonomy's order.
        thresholds: slug → cut.
        metrics: metric → value on the test split; a metric that is unknown is left out.
        masked_metrics: the same on the test split's texts without the names of genres.
        costs: ``training_seconds``, and of the processor's time ``latency_ms_p50`` and ``latency_ms_p99`` of one title.
        slices: slice, such as ``kind=movie`` → metric → value.
        per_genre: slug → precision, recall, f1, support and so on; None is unknown.
        training_set_sha256: hash of the training set's file.
        data_partitions: the partitions it was trained on.
        run_ids: the runs that made it.
        library_versions: library → version.
        parameters: whatever else the training depended on, such as the passes over the rows.
        seed: seed of the training.
        files: relative path → sha-256 of each of its files, this one left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    version: str
    trained_at: AwareDatetime
    code_version: str
    feature_service: str
    feature_views: dict[str, str]
    genres: list[str]
    thresholds: dict[str, float]
    metrics: dict[str, float]
    masked_metrics: dict[str, float] = {}
    costs: dict[str, float] = {}
    slices: dict[str, dict[str, float]]
    per_genre: dict[str, dict[str, float | None]]
    training_set_sha256: str
    data_partitions: list[str]
    run_ids: list[str]
    library_versions: dict[str, str]
    parameters: dict[str, float | str] = {}
    seed: int
    files: dict[str, str]

    @property
    def ref(self) -> ModelRef:
        """The reference of this version."""
        return ModelRef(self.model, self.version)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _json_bytes(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _relative_files(folder: Path) -> dict[str, Path]:
    """Relative path → path of whatever in ``folder`` is not a folder, its manifest left out."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    return {
        name: path for name, path in found.items() if name != _MANIFEST and (path.is_symlink() or not path.is_dir())
    }


class ModelRegistry:
    """The registry under one folder."""

    def __init__(self, root: Path) -> None:
        """The registry at ``root``; nothing is created until something is written."""
        self.root = root

    @property
    def staging(self) -> Path:
        """Where files are written before they are swapped in; no reader looks into it."""
        return self.root / ".staging"

    def folder(self, ref: ModelRef) -> Path:
        """The folder of a version, whether it exists or not."""
        return self.root / ref.model / ref.version

    def exists(self, ref: ModelRef) -> bool:
        """Whether a version is registered."""
        return (self.folder(ref) / _MANIFEST).is_file()

    def register(self, ref: ModelRef, manifest_fields: Mapping[str, Any], save: Callable[[Path], None]) -> Manifest:
        """Adds a version, all or nothing; one that is there already is left as it is.

        Args:
            ref: the version's name.
            manifest_fields: every field of :class:`Manifest` but ``model``, ``version`` and ``files``.
            save: writes the model's files into the folder it is given; not called where the version exists.

        Returns:
            The manifest as stored.

        Raises:
            pydantic.ValidationError: a field is missing, unknown or of the wrong type.
            ModelFileError: ``save`` wrote no file, a link, or a ``manifest.json``.
        """
        if self.exists(ref):
            return self.manifest(ref)
        draft = Manifest(model=ref.model, version=ref.version, files={}, **manifest_fields)
        try:
            with creating_folder(self.folder(ref), self.staging) as folder:
                save(folder)
                files = _relative_files(folder)
                if not files or (folder / _MANIFEST).exists() or any(path.is_symlink() for path in files.values()):
                    raise ModelFileError(f"{ref}: a model saves at least one plain file, and no {_MANIFEST}")
                hashes = {name: _sha256(path) for name, path in files.items()}
                manifest = draft.model_copy(update={"files": hashes})
                (folder / _MANIFEST).write_bytes(_json_bytes(manifest.model_dump(mode="json")))
        except OSError:
            # Another process registered it first: its folder cannot be replaced, and need not be.
            if not self.exists(ref):
                raise
        return self.manifest(ref)

    def manifest(self, ref: ModelRef) -> Manifest:
        """The manifest of a version.

        Raises:
            UnknownModelError: it is not registered.
            TamperedModelError: its manifest cannot be read, or is another version's.
        """
        path = self.folder(ref) / _MANIFEST
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UnknownModelError(f"{ref} is not registered under {self.root}") from error
        try:
            manifest = Manifest.model_validate_json(content)
        except ValidationError as error:
            raise TamperedModelError(f"{ref}: {path} is not a manifest") from error
        if manifest.ref != ref:
            raise TamperedModelError(f"{ref}: {path} is the manifest of {manifest.ref}")
        return manifest

    def verified(self, ref: ModelRef) -> Path:
        """The folder of a version, after comparing each of its files with the manifest.

        Raises:
            UnknownModelError: it is not registered.
            TamperedModelError: a file is missing, changed, a link, or not in the manifest.
        """
        manifest, folder = self.manifest(ref), self.folder(ref)
        files = _relative_files(folder)
        for name in sorted(files.keys() | manifest.files.keys()):
            if name not in files:
                raise TamperedModelError(f"{ref}: {name} is missing")
            if name not in manifest.files:
                raise TamperedModelError(f"{ref}: {name} is not in the manifest")
            if files[name].is_symlink() or _sha256(files[name]) != manifest.files[name]:
                raise TamperedModelError(f"{ref}: {name} is not the file that was registered")
        return folder

    def size(self, ref: ModelRef) -> int:
        """Bytes of a version's files, its manifest left out."""
        return sum(path.stat().st_size for path in _relative_files(self.folder(ref)).values())

    def models(self) -> list[str]:
        """Names of the models that have a version, in order."""
        return sorted({path.parent.parent.name for path in self._manifests("*")})

    def versions(self, model: str) -> list[str]:
        """Versions of a model, oldest first; empty where it has none."""
        found = [self.manifest(ModelRef(model, path.parent.name)) for path in self._manifests(model)]
        return [manifest.version for manifest in sorted(found, key=lambda m: (m.trained_at, m.version))]

    def _manifests(self, model: str) -> list[Path]:
        found = self.root.glob(f"{model}/*/{_MANIFEST}")
        return [path for path in found if not path.relative_to(self.root).parts[0].startswith(".")]

    def aliases(self) -> dict[str, ModelRef]:
        """Alias → version, for whichever of champion, challenger and previous are set."""
        path = self.root / "aliases.json"
        if not path.is_file():
            return {}
        stored = cast("dict[str, str]", json.loads(path.read_bytes()))
        return {alias: ModelRef.parse(text) for alias, text in stored.items()}

    def set_aliases(self, aliases: Mapping[str, ModelRef]) -> None:
        """Replaces all aliases in one step.

        Args:
            aliases: alias → version; an alias that is not named is unset.

        Raises:
            ValueError: there is no such alias.
            UnknownModelError: a version is not registered.
        """
        with self._locked():
            self._write_aliases(aliases)

    def promote(self, ref: ModelRef) -> None:
        """Makes a version the champion, and the champion the previous one; nothing where it is already.

        Raises:
            UnknownModelError: it is not registered.
        """
        with self._locked():
            aliases = self.aliases()
            champion = aliases.get("champion")
            if champion == ref:
                return
            if champion is not None:
                aliases["previous"] = champion
            self._make_champion(aliases, ref)

    def promote_by_hand(self, ref: ModelRef) -> None:
        """Promotes a version because a person said so, and keeps that as a decision.

        Raises:
            UnknownModelError: it is not registered.
            TamperedModelError: its files are not those that were registered.
        """
        self.verified(ref)
        before = self.aliases().get("champion")
        self.promote(ref)
        self._record_by_hand(ref, before, "promoted by a person", None)

    def roll_back_by_hand(self, run_id: str | None = None) -> ModelRef:
        """Rolls back because a person said so, and keeps that as a decision; returns the champion from now on.

        Args:
            run_id: the run that did it.

        Raises:
            NoPreviousModelError: there is no previous champion.
        """
        before = self.aliases().get("champion")
        champion = self.rollback()
        self._record_by_hand(champion, before, "rolled back by a person", run_id)
        return champion

    def _record_by_hand(self, ref: ModelRef, before: ModelRef | None, reason: str, run_id: str | None) -> None:
        self.record_decision(
            {
                "candidate": str(ref),
                "champion_before": str(before) if before else None,
                "promoted": True,
                "reasons": [reason],
                "numbers": {},
                "run_id": run_id,
            }
        )

    def rollback(self) -> ModelRef:
        """Swaps the champion and the previous one.

        Returns:
            The champion from now on.

        Raises:
            NoPreviousModelError: there is no previous one.
        """
        with self._locked():
            aliases = self.aliases()
            previous = aliases.pop("previous", None)
            if previous is None:
                raise NoPreviousModelError(f"no previous champion is known under {self.root}")
            if "champion" in aliases:
                aliases["previous"] = aliases["champion"]
            self._make_champion(aliases, previous)
            return previous

    def _make_champion(self, aliases: dict[str, ModelRef], ref: ModelRef) -> None:
        aliases["champion"] = ref
        if aliases.get("challenger") == ref:
            del aliases["challenger"]
        self._write_aliases(aliases)

    def _write_aliases(self, aliases: Mapping[str, ModelRef]) -> None:
        for alias, ref in aliases.items():
            if alias not in ALIASES:
                raise ValueError(f"{alias!r} is no alias; there are {', '.join(ALIASES)}")
            if not self.exists(ref):
                raise UnknownModelError(f"{ref} is not registered under {self.root}")
        content = _json_bytes({alias: str(ref) for alias, ref in aliases.items()})
        write_bytes(self.root / "aliases.json", content, self.staging)

    def _locked(self) -> AbstractContextManager[None]:
        """Holds the registry's lock: between reading and writing the aliases no other process does."""
        return exclusively(self.staging / "aliases.lock")

    def record_decision(self, decision: Mapping[str, Any]) -> str:
        """Keeps a decision of the gate for good.

        Args:
            decision: what JSON can hold; its id is added under ``id``.

        Returns:
            The id, which sorts by time.

        Raises:
            ValueError: it has an ``id`` already, or holds a number that is not finite.
        """
        if "id" in decision:
            raise ValueError("a decision gets its id when it is recorded")
        decision_id = uuid7()
        content = _json_bytes({"id": decision_id, **decision})
        write_bytes(self.root / _DECISIONS / f"{decision_id}.json", content, self.staging)
        return decision_id

    def decisions(self) -> list[dict[str, Any]]:
        """All decisions, oldest first, each with its ``id``."""
        paths = sorted((self.root / _DECISIONS).glob("*.json"))
        return [cast("dict[str, Any]", json.loads(path.read_bytes())) for path in paths]


def load_predictor(registry: ModelRegistry, ref: ModelRef) -> GenrePredictor:
    """The predictor of a registered version, its files verified before any of them is read.

    Raises:
        UnknownModelError: the version is not registered.
        TamperedModelError: its files are not those that were registered.
        UnknownModelNameError: this code knows no model of that name.
        ModelFileError: the files do not fit together or with the manifest.
    """
    folder, manifest = registry.verified(ref), registry.manifest(ref)
    model = load_model(ref.model, folder)
    if list(model.genres) != manifest.genres or model.feature_service != manifest.feature_service:
        raise ModelFileError(f"{ref}: the model's genres or feature service differ from its manifest's")
    return GenrePredictor(model, manifest.thresholds)
