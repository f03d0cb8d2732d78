"""Reading one part of many: what cannot be read is told as unknown, and the others are told all the same."""

from collections.abc import Callable
from typing import TypeVar

from trending_assets.storage.lake import MissingPartitionError

Value = TypeVar("Value")


def tried(what: str, read: Callable[[], Value]) -> tuple[Value | None, str | None]:
    """What a read gives, or None and the reason, as a sentence without paths and values.

    Args:
        what: the beginning of the sentence, such as ``Its file cannot be read``.
        read: reads it.
    """
    try:
        return read(), None
    except MissingPartitionError:
        return None, f"{what}: it is not there any more."
    except Exception as error:  # noqa: BLE001 - what a file, a bucket or a database raises depends on its kind
        return None, f"{what} ({type(error).__name__})."
