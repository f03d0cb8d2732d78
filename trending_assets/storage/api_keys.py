"""API keys: each is shown once, when it is made; the home keeps a hash of it.

A key is ``tn_<id>_<secret>``. The id is no secret: it is how a person and a log line name the key. The secret is 256
random bits, which nobody guesses, so a plain SHA-256 keeps it: the slow hashes that passwords need would only let a
caller without a key keep the server busy.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, field_serializer

from trending_assets.storage.atomic import exclusively, write_bytes

Scope = Literal["read", "predict", "feedback", "lineage", "metrics"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

_KEY = re.compile(r"tn_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")
# What the secret of an id that no key has is compared with, so that it takes as long as any other.
_NO_SHA256 = "0" * 64


class UnknownKeyError(LookupError):
    """No key has this id."""


class KeyFileError(ValueError):
    """The file of keys cannot be read; the message names it."""


class ApiKey(BaseModel):
    """A key, without its secret.

    Attributes:
        key_id: eight hexadecimal digits.
        name: who has it, for people.
        scopes: what it may ask for.
        sha256: of the whole key.
        created_at: when it was made.
        revoked_at: from when it is refused; None where it is not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_id: str
    name: str
    scopes: frozenset[Scope]
    sha256: str
    created_at: AwareDatetime
    revoked_at: AwareDatetime | None = None

    @field_serializer("scopes")
    def _in_order(self, scopes: frozenset[Scope]) -> list[Scope]:
        return [scope for scope in SCOPES if scope in scopes]


class _KeyFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: list[ApiKey]


@dataclass(frozen=True)
class KeyRing:
    """Keys by id, as they were at one time."""

    keys: dict[str, ApiKey]

    def find(self, text: str) -> ApiKey | None:
        """The key that this is the text of; None where there is none, or where it was revoked.

        How long it takes says nothing about the secret, nor whether there is a key of that id.
        """
        shape = _KEY.fullmatch(text)
        if shape is None:
            return None
        key = self.keys.get(shape[1])
        same = hmac.compare_digest(_sha256(text), key.sha256 if key else _NO_SHA256)
        return key if same and key is not None and key.revoked_at is None else None


class ApiKeys:
    """The keys of a home.

    Attributes:
        path: their file; only its owner may read it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[ApiKey]:
        """Every key, revoked ones too, the oldest first.

        Raises:
            KeyFileError: the file cannot be read.
        """
        try:
            return _KeyFile.model_validate_json(self.path.read_bytes()).keys
        except FileNotFoundError:
            return []
        except (OSError, ValidationError) as error:
            raise KeyFileError(f"{self.path} cannot be read as API keys: {type(error).__name__}") from None

    def ring(self) -> KeyRing:
        """The keys, to look them up.

        Raises:
            KeyFileError: the file cannot be read.
        """
        return KeyRing({key.key_id: key for key in self.all()})

    def add(self, name: str, scopes: Iterable[Scope], now: datetime) -> tuple[ApiKey, str]:
        """Makes a key and returns it with its text, which is kept nowhere.

        Args:
            name: who gets it.
            scopes: what it may ask for.
            now: when it is made.

        Raises:
            KeyFileError: the file cannot be read.
        """
        with self._writing():
            keys = self.all()
            key_id = _unused_id({key.key_id for key in keys})
            text = f"tn_{key_id}_{secrets.token_urlsafe(32)}"
            key = ApiKey(key_id=key_id, name=name, scopes=frozenset(scopes), sha256=_sha256(text), created_at=now)
            self._write([*keys, key])
        return key, text

    def revoke(self, key_id: str, now: datetime) -> ApiKey:
        """Has a key refused from now on; one that was revoked before stays as it was.

        Raises:
            UnknownKeyError: there is none of this id.
            KeyFileError: the file cannot be read.
        """
        with self._writing():
            keys = {key.key_id: key for key in self.all()}
            if key_id not in keys:
                raise UnknownKeyError(f"no API key has the id {key_id}; `trending keys list` names them")
            if keys[key_id].revoked_at is None:
                keys[key_id] = keys[key_id].model_copy(update={"revoked_at": now})
                self._write(keys.values())
        return keys[key_id]

    def _writing(self) -> AbstractContextManager[None]:
        return exclusively(self.path.with_suffix(".lock"))

    def _write(self, keys: Iterable[ApiKey]) -> None:
        self.path.parent.chmod(0o700)
        content = _KeyFile(keys=list(keys)).model_dump_json(indent=2)
        write_bytes(self.path, content.encode(), self.path.parent)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _unused_id(used: set[str]) -> str:
    while (key_id := secrets.token_hex(4)) in used:
        pass
    return key_id
