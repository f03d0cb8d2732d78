"""The online codec: feature values, entity keys and times as Feast's online stores hold them, column by column.

Feast stores a value as a serialised ``feast.types.Value``. To build that message for every value is what costs stock
materialisation its time. Here the common types are written straight from Arrow's buffers: a list of floats is a header,
the same for all of its length, and the array's little-endian bytes. Any other type goes through Feast's own conversion.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trending_assets.storage.online_values import entity_key

if TYPE_CHECKING:
    from feast import ValueType

# Fields of feast.types.Value: the number, and how protobuf writes it (0 varint, 1 eight bytes, 2 with length, 5 four
# bytes). All are below 2**14, so that two bytes hold a tag.
_VARINT, _EIGHT_BYTES, _WITH_LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_ITEM = b"\x0a"
NULL = b""
"""What an unknown value is stored as: the message of no field."""


def encode(values: pa.Array, value_type: "ValueType") -> list[bytes]:
    """Stored values of a feature's column.

    Args:
        values: one value a row. A null is stored as :data:`NULL`, and so is NaN where the feature is a number, as stock
            Feast does.
        value_type: the feature's declared type.

    Raises:
        TypeError, ValueError: the values are not of that type.
    """
    fast = _ENCODERS.get(value_type.name)
    if fast is not None and fast[0](values.type):
        return fast[1](values)
    from feast.type_map import python_values_to_proto_values

    columns = python_values_to_proto_values(values.to_numpy(zero_copy_only=False), value_type)
    return [value.SerializeToString() for value in columns]


def texts(values: pa.Array, encoded: Sequence[bytes]) -> list[str | None]:
    """What Feast's SQLite store keeps beside a value to search by: scalars as text, and None for anything else.

    Args:
        values: the column.
        encoded: the same, as :func:`encode` gave it.
    """
    if pa.types.is_nested(values.type):
        return [None] * len(values)
    if values.type == pa.string():
        return list(values.to_pylist())
    from feast.infra.online_stores.helpers import extract_text_and_num
    from feast.protos.feast.types.Value_pb2 import Value

    text: dict[bytes, str | None] = {
        value: extract_text_and_num(Value.FromString(value), compute_num=False)[0] for value in set(encoded)
    }
    return [text[value] for value in encoded]


def entity_keys(join_key: str, ids: Iterable[str]) -> list[bytes]:
    """Serialised entity keys of one join key with string values, in the form of version 3."""
    return [*map(entity_key(join_key), ids)]


def microseconds(times: pa.Array) -> list[int | None]:
    """Times as microseconds since 1970 in UTC; None where there is none. What is finer is cut off."""
    return list(times.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64()).to_pylist())


@lru_cache(maxsize=1 << 16)
def timestamp_message(micros: int) -> bytes:
    """A time as a serialised ``google.protobuf.Timestamp``."""
    from google.protobuf.timestamp_pb2 import Timestamp

    seconds, rest = divmod(micros, 1_000_000)
    message: bytes = Timestamp(seconds=seconds, nanos=rest * 1000).SerializeToString()
    return message


def _varint(number: int) -> bytes:
    out = bytearray()
    rest = number & 0xFFFF_FFFF_FFFF_FFFF  # a negative number is its 64-bit two's complement
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _tag(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)


def _each(values: pa.Array, encode_one: Callable[[Any], bytes]) -> list[bytes]:
    """Encodes each distinct value once."""
    distinct = values.dictionary_encode()
    known = [encode_one(value) for value in distinct.dictionary.to_pylist()]
    return [NULL if index is None else known[index] for index in distinct.indices.to_pylist()]


def _string(value: str) -> bytes:
    encoded = value.encode()
    return _tag(2, _WITH_LENGTH) + _varint(len(encoded)) + encoded


def _int32(value: int) -> bytes:
    return _tag(3, _VARINT) + _varint(value)


def _int64(value: int) -> bytes:
    return _tag(4, _VARINT) + _varint(value)


def _bool(value: bool) -> bytes:
    return _tag(7, _VARINT) + _varint(value)


def _numbers(field: int, wire: int, size: int) -> Callable[[pa.Array], list[bytes]]:
    tag = _tag(field, wire)

    def encode_all(values: pa.Array) -> list[bytes]:
        numbers = values.to_numpy(zero_copy_only=False)  # a null becomes NaN
        raw = _little_endian(numbers, size)
        known = (~np.isnan(numbers)).tolist()
        return [tag + raw[i * size : (i + 1) * size] if known[i] else NULL for i in range(len(known))]

    return encode_all


def _number_lists(field: int, size: int) -> Callable[[pa.Array], list[bytes]]:
    tag = _tag(field, _WITH_LENGTH)

    def header(length: int) -> bytes:
        if not length:
            return tag + _varint(0)
        packed = _ITEM + _varint(length * size)
        return tag + _varint(len(packed) + length * size) + packed

    def encode_all(values: pa.Array) -> list[bytes]:
        offsets = values.offsets.to_pylist()
        raw = memoryview(_little_endian(values.values.to_numpy(zero_copy_only=False), size))
        headers = {length: header(length) for length in set(np.diff(values.offsets.to_numpy()).tolist())}
        known = values.is_valid().to_pylist()
        return [
            headers[end - start] + raw[start * size : end * size] if there else NULL
            for start, end, there in zip(offsets, offsets[1:], known, strict=False)
        ]

    return encode_all


def _little_endian(numbers: npt.NDArray[Any], size: int) -> bytes:
    return numbers.astype(f"<f{size}", copy=False).tobytes()


def _string_lists(values: pa.Array) -> list[bytes]:
    tag = _tag(12, _WITH_LENGTH)

    @lru_cache(maxsize=1 << 12)
    def one(strings: tuple[str | None, ...]) -> bytes:
        # A list cannot hold a null: Feast stores an empty text for it.
        items = b"".join(_ITEM + _varint(len(item)) + item for item in ((each or "").encode() for each in strings))
        return tag + _varint(len(items)) + items

    return [NULL if strings is None else one(tuple(strings)) for strings in values.to_pylist()]


def _is(wanted: pa.DataType) -> Callable[[pa.DataType], bool]:
    return lambda found: bool(found == wanted)


def _is_list_of(wanted: pa.DataType) -> Callable[[pa.DataType], bool]:
    return lambda found: bool(pa.types.is_list(found) and found.value_type == wanted)


# Declared type → the Arrow type that is written straight, and how.
_ENCODERS: dict[str, tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], list[bytes]]]] = {
    "STRING": (_is(pa.string()), lambda values: _each(values, _string)),
    "INT32": (_is(pa.int32()), lambda values: _each(values, _int32)),
    "INT64": (_is(pa.int64()), lambda values: _each(values, _int64)),
    "BOOL": (_is(pa.bool_()), lambda values: _each(values, _bool)),
    "FLOAT": (_is(pa.float32()), _numbers(6, _FOUR_BYTES, 4)),
    "DOUBLE": (_is(pa.float64()), _numbers(5, _EIGHT_BYTES, 8)),
    "FLOAT_LIST": (_is_list_of(pa.float32()), _number_lists(16, 4)),
    "DOUBLE_LIST": (_is_list_of(pa.float64()), _number_lists(15, 8)),
    "STRING_LIST": (_is_list_of(pa.string()), _string_lists),
}
