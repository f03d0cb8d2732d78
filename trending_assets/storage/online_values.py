"""The online codec's other half: stored values, keys and times of Feast's online stores, read without Feast.

A stored value is a serialised ``feast.types.Value``, in which the number of the one field that is set is that of the
value's type. A list of floats is taken as the bytes that it is, anything else is parsed by protobuf.
"""

import datetime as dt
import struct
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_STRING, _FLOAT_LIST, _NULL = 2, 16, 19
# Of a list of floats: the field, the bytes that follow; the list's only field, the bytes that follow.
_FLOAT_LIST_TAG, _ITEM = b"\x82\x01", 0x0A

_Field = descriptor_pb2.FieldDescriptorProto
# Field of feast.types.Value → its type, and of a list that of its items, which are its field 1.
_SCALARS = {
    1: _Field.TYPE_BYTES,
    _STRING: _Field.TYPE_STRING,
    3: _Field.TYPE_INT32,
    4: _Field.TYPE_INT64,
    5: _Field.TYPE_DOUBLE,
    6: _Field.TYPE_FLOAT,
    7: _Field.TYPE_BOOL,
    8: _Field.TYPE_INT64,
    _NULL: _Field.TYPE_INT32,
}
_LISTS = {11: 1, 12: _STRING, 13: 3, 14: 4, 15: 5, _FLOAT_LIST: 6, 17: 7, 18: 8}
_FIXED_ARRAYS: Mapping[int, str] = {5: "<f8", 6: "<f4"}


class ForeignValueError(ValueError):
    """What is stored is no value of the feature's type: it is torn, or another program's."""


def decode(stored: bytes, value_type: int) -> object:
    """A stored value: None for a null, an array for a list of floats or doubles, else what Python has for it.

    Args:
        stored: what the store holds.
        value_type: the feature's type, a number of ``feast.types.ValueType``.

    Raises:
        ForeignValueError: it is no value of that type, or the type is none that is read here.
    """
    if not stored:
        return None
    if value_type == _FLOAT_LIST and (start := _float_list_start(stored)):
        return np.frombuffer(stored, "<f4", offset=start)
    try:
        value: Any = _value_class().FromString(stored)
    except DecodeError as error:
        raise ForeignValueError(f"no value of Feast's: {error}") from error
    name = value.WhichOneof("val")
    if name == f"f{_NULL}":
        return None
    if name is None or name != f"f{value_type}":
        raise ForeignValueError(f"a value of type {name} where one of type f{value_type} should be")
    found = getattr(value, name)
    if value_type not in _LISTS:
        return found
    items = _LISTS[value_type]
    return np.array(found.val, _FIXED_ARRAYS[items]) if items in _FIXED_ARRAYS else list(found.val)


def _float_list_start(stored: bytes) -> int | None:
    """Where the floats begin; None where the bytes are not of the form in which a list of floats is written."""
    if stored[:2] != _FLOAT_LIST_TAG:
        return None
    try:
        outer, at = _varint(stored, 2)
        if at + outer != len(stored) or stored[at] != _ITEM:
            return None
        inner, at = _varint(stored, at + 1)
    except IndexError:
        return None
    return at if at + inner == len(stored) and inner % 4 == 0 else None


def _varint(stored: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = stored[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at


@cache
def _value_class() -> type[Message]:
    # A pool of its own: Feast's own messages, where a process has them, are in the default one.
    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(name="value.proto", package="trending", syntax="proto3")
    value = file.message_type.add(name="Value")
    value.oneof_decl.add(name="val")
    for number, kind in _SCALARS.items():
        value.field.add(name=f"f{number}", number=number, type=kind, label=_Field.LABEL_OPTIONAL, oneof_index=0)
    for number, items in _LISTS.items():
        listed = file.message_type.add(name=f"List{number}")
        listed.field.add(name="val", number=1, type=_SCALARS[items], label=_Field.LABEL_REPEATED)
        field = value.field.add(name=f"f{number}", number=number, label=_Field.LABEL_OPTIONAL, oneof_index=0)
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".trending.{listed.name}"
    pool.Add(file)
    made: type[Message] = message_factory.GetMessageClass(pool.FindMessageTypeByName("trending.Value"))
    return made


def entity_key(join_key: str) -> Callable[[str], bytes]:
    """What makes a serialised entity key, in the form of version 3, of the value of one join key that is a string."""
    name = join_key.encode()
    prefix = struct.pack("<III", 1, _STRING, len(name)) + name + struct.pack("<I", _STRING)

    def serialised(value: str) -> bytes:
        encoded = value.encode()
        return prefix + struct.pack("<I", len(encoded)) + encoded

    return serialised


@lru_cache(maxsize=1 << 16)
def time_of_message(stored: bytes) -> dt.datetime | None:
    """A time that is stored as a ``google.protobuf.Timestamp``; None for 1970, which stands for no time.

    Raises:
        ForeignValueError: it is none.
    """
    try:
        message = Timestamp.FromString(stored)
        moment = _EPOCH + dt.timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)
    except (DecodeError, OverflowError) as error:
        raise ForeignValueError(f"no time of Feast's: {error}") from error
    return moment if moment != _EPOCH else None


@lru_cache(maxsize=1 << 16)
def time_of_seconds(stored: int) -> dt.datetime:
    """A time that is stored in SQLite, in whole seconds.

    Raises:
        ForeignValueError: it is none.
    """
    try:
        # Feast takes a time in UTC without its zone for one in the machine's zone, when it writes and when it reads.
        return dt.datetime.fromtimestamp(int(stored)).replace(tzinfo=dt.UTC)  # noqa: DTZ006 - as above
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise ForeignValueError(f"no time of Feast's: {error}") from error
