"""Aliases of model versions as they are stored: which version each names, and the hash of its manifest at that time.

Where the hash is kept apart from the version, whoever may write versions and not aliases cannot change what serves.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError


class UnreadableAliasesError(ValueError):
    """What is stored are no aliases of model versions."""


@dataclass(frozen=True)
class Alias:
    """What an alias names.

    Attributes:
        version: ``model/version``.
        manifest_sha256: hash of its manifest when the alias was set; None where earlier code set it.
    """

    version: str
    manifest_sha256: str | None


# Earlier code stored no hash.
_STORED = TypeAdapter(dict[str, str | Alias])


def parsed(content: bytes) -> dict[str, Alias]:
    """Alias → what it names.

    Raises:
        UnreadableAliasesError: the content is something else.
    """
    try:
        stored = _STORED.validate_json(content)
    except ValidationError as error:
        raise UnreadableAliasesError(f"the registry's aliases cannot be read: {error.error_count()} faults") from None
    return {name: Alias(told, None) if isinstance(told, str) else told for name, told in stored.items()}


def named(
    versions: Mapping[str, str], held: Mapping[str, Alias], manifest: Callable[[str], bytes]
) -> dict[str, dict[str, str]]:
    """What is stored where aliases are to name these versions.

    A version that an alias names already keeps the hash that it was taken with.

    Args:
        versions: alias → ``model/version``.
        held: the aliases until now.
        manifest: a version's manifest, as it is stored.
    """
    known = {alias.version: alias.manifest_sha256 for alias in held.values() if alias.manifest_sha256}
    return {
        name: {
            "version": version,
            "manifest_sha256": known.get(version) or hashlib.sha256(manifest(version)).hexdigest(),
        }
        for name, version in versions.items()
    }
