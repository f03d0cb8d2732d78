"""The model registry: folders of models that never change, and one small file that says which of them serves.

``<root>/<model>/<version>/`` holds a model's files, its ``manifest.json`` and the hash of that; ``aliases.json`` names
the champion, the challenger and the previous champion, and the hashes of their manifests; ``decisions/`` keeps each
decision of the gate. The root is a folder or a place in an S3 bucket, and both hold the same. Everything is written
beside its place and swapped in, a version's manifest last, so a reader sees the old state or the new one.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from trending_assets.domain.genres.models import ModelFileError, load_model
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.ids import uuid7
from trending_assets.storage import model_aliases
from trending_assets.storage.home import Home
from trending_assets.storage.model_files import MANIFEST, SEAL, TamperedModelError, sealed, sha256_of, verified_files
from trending_assets.storage.objects import FolderObjects, InvalidUrlError, Objects
from trending_assets.storage.s3_objects import S3Objects

_ALIASES = "aliases.json"
_DECISIONS = "decisions"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class UnknownModelError(LookupError):
    """The registry holds no such model version."""


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
            if not _is_name(part):
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


def _is_name(part: str) -> bool:
    return _NAME.fullmatch(part) is not None and part != _DECISIONS


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


def _json_bytes(value: Any) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _with_champion(aliases: Mapping[str, ModelRef], ref: ModelRef) -> dict[str, ModelRef]:
    """The same with another champion, who challenges nobody any more."""
    return {alias: held for alias, held in aliases.items() if (alias, held) != ("challenger", ref)} | {"champion": ref}


def _refs_of(aliases: Mapping[str, model_aliases.Alias]) -> dict[str, ModelRef]:
    try:
        return {name: ModelRef.parse(alias.version) for name, alias in aliases.items()}
    except ValueError as error:
        raise model_aliases.UnreadableAliasesError(f"the registry's aliases cannot be read: {error}") from None


class ModelRegistry:
    """The registry in one folder, or at one place in a bucket."""

    def __init__(self, objects: Objects, cache: Path) -> None:
        """The registry in ``objects``; nothing is created until something is written.

        Args:
            objects: what it consists of.
            cache: folder for the files of models where the objects are not local files.
        """
        self._objects = objects
        self._cache = cache

    @property
    def uri(self) -> str:
        """Where it is: a path, or a URL without secrets."""
        return self._objects.uri("").rstrip("/")

    def uri_of(self, ref: ModelRef) -> str:
        """Where a version is, whether it exists or not."""
        return self._objects.uri(str(ref))

    def exists(self, ref: ModelRef) -> bool:
        """Whether a version is registered."""
        return self._objects.exists(f"{ref}/{MANIFEST}")

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
            ModelFileError: ``save`` wrote no file, a link, or a manifest of its own.
        """
        if self.exists(ref):
            return self.manifest(ref)
        draft = Manifest(model=ref.model, version=ref.version, files={}, **manifest_fields)
        try:
            with self._objects.creating(str(ref), last=MANIFEST) as folder:
                save(folder)
                names = FolderObjects(folder).below("")
                if not names or {MANIFEST, SEAL} & set(names) or any((folder / name).is_symlink() for name in names):
                    raise ModelFileError(f"{ref}: a model saves at least one plain file, and no {MANIFEST} or {SEAL}")
                manifest = draft.model_copy(update={"files": {name: sha256_of(folder / name) for name in names}})
                content = _json_bytes(manifest.model_dump(mode="json"))
                (folder / MANIFEST).write_bytes(content)
                (folder / SEAL).write_bytes(sealed(content))
        except OSError:
            # Another process registered it first: its version cannot be replaced, and need not be.
            if not self.exists(ref):
                raise
        return self.manifest(ref)

    def manifest(self, ref: ModelRef) -> Manifest:
        """The manifest of a version.

        Raises:
            UnknownModelError: it is not registered.
            TamperedModelError: its manifest cannot be read, is not the one that was registered or that an alias was
                set to, or is another version's.
        """
        manifest, content = self._stored(ref)
        found = hashlib.sha256(content).hexdigest()
        for name, alias in self._stored_aliases().items():
            if alias.version == str(ref) and alias.manifest_sha256 not in (None, found):
                raise TamperedModelError(f"{ref}: {MANIFEST} is not the one that {name} was set to")
        return manifest

    def _stored(self, ref: ModelRef) -> tuple[Manifest, bytes]:
        """A version's manifest, compared with its seal, and its bytes."""
        key = f"{ref}/{MANIFEST}"
        try:
            content = self._objects.read(key)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UnknownModelError(f"{ref} is not registered under {self.uri}") from error
        # A version that earlier code registered has none.
        with contextlib.suppress(FileNotFoundError):
            if self._objects.read(f"{ref}/{SEAL}") != sealed(content):
                raise TamperedModelError(f"{ref}: {MANIFEST} is not the file that was registered")
        try:
            manifest = Manifest.model_validate_json(content)
        except ValidationError as error:
            raise TamperedModelError(f"{ref}: {self._objects.uri(key)} is not a manifest") from error
        if manifest.ref != ref:
            raise TamperedModelError(f"{ref}: {self._objects.uri(key)} is the manifest of {manifest.ref}")
        return manifest, content

    def verified(self, ref: ModelRef) -> Path:
        """A local folder with the files of a version, after comparing each of them with the manifest.

        Where the registry is not a folder they are fetched first, unless they were before; the manifest is not among
        them.

        Raises:
            UnknownModelError: it is not registered.
            TamperedModelError: a file is missing, changed, a link, or not in the manifest.
        """
        return verified_files(self._objects, self._cache, str(ref), self.manifest(ref).files)

    def size(self, ref: ModelRef) -> int:
        """Bytes of a version's files, its manifest left out; they are verified like those of :meth:`verified`."""
        folder = self.verified(ref)
        return sum((folder / name).stat().st_size for name in self.manifest(ref).files)

    def models(self) -> list[str]:
        """Names of the models that have a version, in order."""
        return sorted({ref.model for ref in self._refs("*")})

    def versions(self, model: str) -> list[str]:
        """Versions of a model, oldest first; empty where it has none."""
        found = [self._stored(ref)[0] for ref in self._refs(model)]
        return [manifest.version for manifest in sorted(found, key=lambda m: (m.trained_at, m.version))]

    def manifests(self, model: str) -> list[Manifest]:
        """The manifests of a model's versions, oldest first.

        Raises:
            TamperedModelError: one is not what was registered; see :meth:`manifest`.
        """
        return sorted(map(self.manifest, self._refs(model)), key=lambda m: (m.trained_at, m.version))

    def _refs(self, model: str) -> list[ModelRef]:
        found = [key.removesuffix(f"/{MANIFEST}") for key in self._objects.matching(f"{model}/*/{MANIFEST}")]
        # What has not the name of a version was not put there by a registration.
        return [ModelRef.parse(key) for key in found if not key.startswith(".") and all(map(_is_name, key.split("/")))]

    def aliases(self) -> dict[str, ModelRef]:
        """Alias → version, for whichever of champion, challenger and previous are set.

        Raises:
            UnreadableAliasesError: what is stored are no aliases.
        """
        return _refs_of(self._stored_aliases())

    def _stored_aliases(self) -> dict[str, model_aliases.Alias]:
        try:
            return model_aliases.parsed(self._objects.read(_ALIASES))
        except FileNotFoundError:
            return {}

    def challenge(self, ref: ModelRef) -> None:
        """Makes a version the challenger.

        Raises:
            UnknownModelError: it is not registered.
            TooManyWritersError: others changed the aliases every time.
        """
        self._update_aliases(lambda aliases: aliases | {"challenger": ref})

    def promote(self, ref: ModelRef) -> None:
        """Makes a version the champion, and the champion the previous one; nothing where it is already.

        Raises:
            UnknownModelError: it is not registered.
            TooManyWritersError: others changed the aliases every time.
        """

        def promoted(aliases: dict[str, ModelRef]) -> dict[str, ModelRef]:
            champion = aliases.get("champion")
            if champion == ref:
                return aliases
            return _with_champion(aliases | ({"previous": champion} if champion else {}), ref)

        self._update_aliases(promoted)

    def promote_by_hand(self, ref: ModelRef) -> None:
        """Promotes a version because a person said so, and keeps that as a decision; nothing where it is champion.

        Raises:
            UnknownModelError: it is not registered.
            TamperedModelError: its files are not those that were registered.
        """
        self.verified(ref)
        before = self.aliases().get("champion")
        if before == ref:
            return
        # The record comes first: who is killed in between and asks again finds it, and completes it.
        decision = self._by_hand(ref, before, "promoted by a person", None)
        if not any(decision.items() <= last.items() for last in self.decisions()[-1:]):
            self.record_decision(decision)
        self.promote(ref)

    def roll_back_by_hand(self, run_id: str | None = None) -> ModelRef:
        """Rolls back because a person said so, and keeps that as a decision; returns the champion from now on.

        Args:
            run_id: the run that did it.

        Raises:
            NoPreviousModelError: there is no previous champion.
        """
        before = self.aliases().get("champion")
        champion = self.rollback()
        self.record_decision(self._by_hand(champion, before, "rolled back by a person", run_id))
        return champion

    def _by_hand(self, ref: ModelRef, before: ModelRef | None, reason: str, run_id: str | None) -> dict[str, Any]:
        return {
            "candidate": str(ref),
            "champion_before": str(before) if before else None,
            "promoted": True,
            "reasons": [reason],
            "numbers": {},
            "run_id": run_id,
        }

    def rollback(self) -> ModelRef:
        """Swaps the champion and the previous one.

        Returns:
            The champion from now on.

        Raises:
            NoPreviousModelError: there is no previous one.
            TooManyWritersError: others changed the aliases every time.
        """

        def swapped(aliases: dict[str, ModelRef]) -> dict[str, ModelRef]:
            if "previous" not in aliases:
                raise NoPreviousModelError(f"no previous champion is known under {self.uri}")
            left = {alias: ref for alias, ref in aliases.items() if alias != "previous"}
            before = {"previous": left["champion"]} if "champion" in left else {}
            return _with_champion(left | before, aliases["previous"])

        return self._update_aliases(swapped)["champion"]

    def _update_aliases(self, change: Callable[[dict[str, ModelRef]], dict[str, ModelRef]]) -> dict[str, ModelRef]:
        """Makes the aliases what ``change`` makes of them, with no other change in between, and returns them."""
        changed: dict[str, ModelRef] = {}

        def content(held: bytes | None) -> bytes | None:
            nonlocal changed
            stored = model_aliases.parsed(held) if held is not None else {}
            before = _refs_of(stored)
            changed = change(before)
            for ref in changed.values():
                if not self.exists(ref):
                    raise UnknownModelError(f"{ref} is not registered under {self.uri}")
            if changed == before:
                return None
            versions = {name: str(ref) for name, ref in changed.items()}
            return _json_bytes(
                model_aliases.named(versions, stored, lambda version: self._stored(ModelRef.parse(version))[1])
            )

        self._objects.update(_ALIASES, content)
        return changed

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
        self._objects.create(f"{_DECISIONS}/{decision_id}.json", content)
        return decision_id

    def decisions(self) -> list[dict[str, Any]]:
        """All decisions, oldest first, each with its ``id``."""
        keys = self._objects.matching(f"{_DECISIONS}/*.json")
        return [cast("dict[str, Any]", json.loads(self._objects.read(key))) for key in keys]


def open_registry(home: Home, place: str | None) -> ModelRegistry:
    """The registry of a home.

    Args:
        home: where files of models are cached, and where the registry is unless ``place`` says otherwise.
        place: a folder or ``s3://bucket/prefix``; ``registry`` in the home where None or empty.

    Raises:
        InvalidUrlError: it is another URL, or one with keys or options in it.
    """
    if not place or "://" not in place:
        return ModelRegistry(FolderObjects(Path(place) if place else home.registry), home.model_cache)
    try:
        return ModelRegistry(S3Objects(place), home.model_cache)
    except InvalidUrlError as error:
        raise InvalidUrlError(f"TRENDING_REGISTRY: {error}") from None


def load_predictor(registry: ModelRegistry, ref: ModelRef) -> GenrePredictor:
    """The predictor of a registered version, its files verified before any of them is read.

    Raises:
        UnknownModelError: the version is not registered.
        TamperedModelError: its files are not those that were registered.
        UnknownModelNameError: this code knows no model of that name.
        ModelFileError: the files do not fit together or with the manifest.
    """
    return predictor_of(registry.verified(ref), registry.manifest(ref))


def predictor_of(folder: Path, manifest: Manifest) -> GenrePredictor:
    """The predictor of a version whose files have been verified.

    Args:
        folder: its files.
        manifest: its manifest.

    Raises:
        UnknownModelNameError: this code knows no model of that name.
        ModelFileError: the files do not fit together or with the manifest.
    """
    model = load_model(manifest.model, folder)
    if list(model.genres) != manifest.genres or model.feature_service != manifest.feature_service:
        raise ModelFileError(f"{manifest.ref}: the model's genres or feature service differ from its manifest's")
    return GenrePredictor(model, manifest.thresholds)
