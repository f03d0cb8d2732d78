"""What Feast stores is read as Feast reads it, and what it never stored is refused."""

import datetime as dt
from typing import Any

import numpy as np
import pytest
from feast import ValueType
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import feast_value_type_to_python_type, python_values_to_proto_values
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.storage.online_values import (
    _LISTS,
    _SCALARS,
    ForeignValueError,
    decode,
    entity_key,
    time_of_message,
    time_of_seconds,
)

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
_INT32, _INT64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
_SINGLE, _DOUBLE = st.floats(width=32, allow_nan=False), st.floats(allow_nan=False)
_VALUES: dict[ValueType, st.SearchStrategy[Any]] = {
    ValueType.STRING: _TEXT,
    ValueType.BYTES: st.binary(max_size=20),
    ValueType.INT32: _INT32,
    ValueType.INT64: _INT64,
    ValueType.DOUBLE: _DOUBLE,
    ValueType.FLOAT: _SINGLE,
    ValueType.BOOL: st.booleans(),
    ValueType.STRING_LIST: st.lists(_TEXT, min_size=1, max_size=5),
    ValueType.INT32_LIST: st.lists(_INT32, min_size=1, max_size=5),
    ValueType.INT64_LIST: st.lists(_INT64, min_size=1, max_size=5),
    ValueType.DOUBLE_LIST: st.lists(_DOUBLE, min_size=1, max_size=40),
    ValueType.FLOAT_LIST: st.lists(_SINGLE, min_size=1, max_size=400),
    ValueType.BOOL_LIST: st.lists(st.booleans(), min_size=1, max_size=5),
}


def test_the_fields_are_feasts_own() -> None:
    fields = Value.DESCRIPTOR.fields_by_number
    for number, kind in _SCALARS.items():
        assert fields[number].type in {kind, fields[number].TYPE_ENUM}
    for number, items in _LISTS.items():
        assert fields[number].message_type.fields_by_name["val"].number == 1
        assert fields[number].message_type.fields_by_name["val"].type == _SCALARS[items]
    # A feature's type names the field of its values.
    for number in (*_SCALARS, *_LISTS):
        assert fields[number].name.removesuffix("_val").upper() == ValueType(number).name


@pytest.mark.parametrize("value_type", _VALUES, ids=lambda each: each.name)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_value_is_read_as_feast_reads_it(value_type: ValueType, data: st.DataObject) -> None:
    value = data.draw(_VALUES[value_type])
    (stock,) = python_values_to_proto_values([value], value_type)
    found = decode(stock.SerializeToString(), value_type.value)
    expected = feast_value_type_to_python_type(stock)
    assert (found.tolist() if isinstance(found, np.ndarray) else found) == expected


@pytest.mark.parametrize("value_type", _VALUES, ids=lambda each: each.name)
def test_null_is_null(value_type: ValueType) -> None:
    assert decode(b"", value_type.value) is None
    assert decode(Value(null_val=0).SerializeToString(), value_type.value) is None


@pytest.mark.parametrize("value_type", [each for each in _VALUES if each.name.endswith("LIST")])
def test_an_empty_list_is_no_null(value_type: ValueType) -> None:
    field = Value.DESCRIPTOR.fields_by_number[value_type.value]
    stored = Value()
    getattr(stored, field.name).SetInParent()
    found = decode(stored.SerializeToString(), value_type.value)
    assert found is not None
    assert len(found) == 0


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=1, max_size=40), st.sampled_from(list(_VALUES)))
def test_what_is_not_a_value_of_the_type_is_refused_or_read_as_feast_reads_it(
    stored: bytes, value_type: ValueType
) -> None:
    try:
        found = decode(stored, value_type.value)
    except ForeignValueError:
        return
    parsed = Value.FromString(stored)
    assert parsed.WhichOneof("val") in {None, "null_val", Value.DESCRIPTOR.fields_by_number[value_type.value].name}
    if not isinstance(found, np.ndarray):
        assert found == feast_value_type_to_python_type(parsed) or found != found


def test_a_vector_that_is_cut_off_anywhere_is_refused() -> None:
    (stock,) = python_values_to_proto_values([[0.5] * 384], ValueType.FLOAT_LIST)
    stored = stock.SerializeToString()
    for length in range(1, len(stored)):
        with pytest.raises(ForeignValueError):
            decode(stored[:length], ValueType.FLOAT_LIST.value)
    assert isinstance(decode(stored, ValueType.FLOAT_LIST.value), np.ndarray)


@pytest.mark.parametrize(
    ("value", "value_type"),
    [
        (Value(string_val="7"), ValueType.INT64),
        (Value(int32_val=7), ValueType.INT64),
        (Value(float_val=7), ValueType.FLOAT_LIST),
        (Value(string_val="{}"), ValueType.MAP),
    ],
)
def test_a_value_of_another_type_is_refused(value: Value, value_type: ValueType) -> None:
    with pytest.raises(ForeignValueError):
        decode(value.SerializeToString(), value_type.value)


@given(_TEXT, _TEXT.filter(bool))
def test_a_key_is_feasts_own(title: str, join_key: str) -> None:
    own = serialize_entity_key(EntityKey(join_keys=[join_key], entity_values=[Value(string_val=title)]), 3)
    assert entity_key(join_key)(title) == own


@given(st.integers(-(10**15), 10**16))
def test_a_time_is_read_to_the_microsecond(micros: int) -> None:
    message = Timestamp()
    message.FromMicroseconds(micros)
    expected = _EPOCH + dt.timedelta(microseconds=micros) if micros else None
    assert time_of_message(message.SerializeToString()) == expected


@pytest.mark.parametrize("stored", [b"\xff", Timestamp(seconds=10**15).SerializeToString()])
def test_what_is_no_time_is_refused(stored: bytes) -> None:
    with pytest.raises(ForeignValueError):
        time_of_message(stored)
    with pytest.raises(ForeignValueError):
        time_of_seconds(10**20)
