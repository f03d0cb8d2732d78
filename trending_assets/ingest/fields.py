"""Reading what a web service sent: typed values of a JSON object, or the name of the field that cannot be meant."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from reprlib import repr as short
from typing import Any, Self, TypeVar

from trending_assets.ingest.documents import Document, MalformedRecordError, payload_of
from trending_assets.ingest.http.errors import FetchError
from trending_assets.ingest.records import YEARS

# No count of a web service comes near; what is larger does not fit a column.
_MOST = 1e12
_T = TypeVar("_T")


class UnknownPageError(ValueError):
    """A URL names no page that its source can fetch; the message holds the URL."""


class UnreadableListError(FetchError):
    """A list that says what else to fetch cannot be read.

    Attributes:
        url: of the list.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url


class Fields:
    """The fields of a JSON object; a null, an empty text and a missing field are the same.

    Every method raises MalformedRecordError, with the path of the field, where a value is of another type.

    Attributes:
        values: the object.
        path: where it is in its document, for messages: ``""`` or ``"results[3]."``.
    """

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self.values = values
        self.path = path

    @classmethod
    def of(cls, document: Document) -> Self:
        """The fields of a document's payload."""
        return cls(payload_of(document))

    def object(self, key: str) -> Self:
        """An object; one without fields where it is missing."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, dict):
            raise self.malformed(key, "an object")
        return type(self)(value or {}, f"{self.path}{key}.")

    def objects(self, key: str) -> list[Self]:
        """The objects of a list; none where it is missing."""
        for index, value in enumerate(values := self._list(key)):
            if not isinstance(value, dict):
                raise MalformedRecordError(f"{self.path}{key}[{index}]: {short(value)} is not an object")
        return [type(self)(value, f"{self.path}{key}[{index}].") for index, value in enumerate(values)]

    def texts(self, key: str) -> list[str]:
        """The texts of a list; none where it is missing."""
        for index, value in enumerate(values := self._list(key)):
            if not isinstance(value, str):
                raise MalformedRecordError(f"{self.path}{key}[{index}]: {short(value)} is not text")
        return [value for value in values if value]

    def text(self, key: str) -> str | None:
        """A text that may be missing."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            raise self.malformed(key, "text")
        return value or None

    def required_text(self, key: str) -> str:
        """A text that must be there."""
        return self._required(key, self.text(key))

    def number(self, key: str) -> float | None:
        """A number of ordinary size that may be missing."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.malformed(key, "a number")
        # No comparison with NaN holds.
        if not abs(value) <= _MOST:
            raise self.malformed(key, "a number that can be meant")
        return float(value)

    def required_number(self, key: str) -> float:
        """A number that must be there."""
        return self._required(key, self.number(key))

    def whole(self, key: str) -> int | None:
        """A whole number that may be missing."""
        value = self.number(key)
        if value is not None and not value.is_integer():
            raise self.malformed(key, "a whole number")
        return None if value is None else int(value)

    def required_whole(self, key: str) -> int:
        """A whole number that must be there."""
        return self._required(key, self.whole(key))

    def day(self, key: str) -> date | None:
        """An ISO date that may be missing."""
        value = self.text(key)
        try:
            return date.fromisoformat(value) if value else None
        except ValueError:
            raise self.malformed(key, "a date") from None

    def moment(self, key: str) -> datetime | None:
        """An ISO date and time that may be missing; in UTC where it names no zone."""
        value = self.text(key)
        try:
            found = datetime.fromisoformat(value) if value else None
        except ValueError:
            raise self.malformed(key, "a time") from None
        if found is None:
            return None
        if found.year not in YEARS:
            raise self.malformed(key, "a time that can be meant")
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)

    def malformed(self, key: str, wanted: str) -> MalformedRecordError:
        """The error that a field is not what it should be."""
        return MalformedRecordError(f"{self.path}{key}: {short(self.values.get(key))} is not {wanted}")

    def _list(self, key: str) -> list[Any]:
        value = self.values.get(key)
        if value is not None and not isinstance(value, list):
            raise self.malformed(key, "a list")
        return value or []

    def _required(self, key: str, value: _T | None) -> _T:
        if value is None:
            raise MalformedRecordError(f"{self.path}{key} is missing")
        return value


def read_list(document: Document, read: Callable[[Fields], _T]) -> _T:
    """What a crawl reads of a list to know what else to fetch.

    Raises:
        UnreadableListError: the list cannot be read, so that the crawl cannot go on.
    """
    try:
        return read(Fields.of(document))
    except MalformedRecordError as error:
        raise UnreadableListError(document.url, str(error)) from error
