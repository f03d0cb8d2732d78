"""The codec writes what Feast's own conversion would, for any value of every type."""

from typing import Any

import pyarrow as pa
import pytest
from feast import ValueType
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import extract_text_and_num
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.type_map import python_values_to_proto_values
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.storage.online_codec import encode, entity_keys, microseconds, texts, timestamp_message

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
_SINGLE = st.floats(width=32)
# What a column with a null loses in stock Feast, which reads it as floats, is not lost here.
_EXACT = st.integers(-(2**53), 2**53)
_COLUMNS: list[tuple[ValueType, pa.DataType, st.SearchStrategy[Any]]] = [
    (ValueType.STRING, pa.string(), _TEXT),
    (ValueType.INT32, pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    (ValueType.INT64, pa.int64(), _EXACT),
    (ValueType.BOOL, pa.bool_(), st.booleans()),
    (ValueType.FLOAT, pa.float32(), _SINGLE),
    (ValueType.DOUBLE, pa.float64(), st.floats()),
    (ValueType.STRING_LIST, pa.list_(pa.string()), st.lists(st.none() | _TEXT, max_size=5)),
    (ValueType.FLOAT_LIST, pa.list_(pa.float32()), st.lists(_SINGLE, max_size=40)),
    (ValueType.DOUBLE_LIST, pa.list_(pa.float64()), st.lists(st.floats(), max_size=40)),
    (ValueType.INT64_LIST, pa.list_(pa.int64()), st.lists(_EXACT, max_size=5)),
    (ValueType.BYTES, pa.binary(), st.binary(max_size=20)),
    # Not the declared type's own column.
    (ValueType.INT64, pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    (ValueType.FLOAT, pa.float64(), st.floats(-1e30, 1e30)),
]


@pytest.mark.parametrize(("value_type", "arrow_type", "values"), _COLUMNS, ids=lambda each: str(each)[:24])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_column_is_stored_as_feast_would(
    value_type: ValueType, arrow_type: pa.DataType, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    drawn = data.draw(st.lists(st.none() | values, min_size=1, max_size=8))
    column = pa.array(drawn, arrow_type)
    # A part of a column counts from its own beginning.
    column = pa.concat_arrays([pa.array([None, None], arrow_type), column])[2:]
    stock = python_values_to_proto_values(column.to_numpy(zero_copy_only=False), value_type)
    encoded = encode(column, value_type)
    assert encoded == [value.SerializeToString() for value in stock]
    assert texts(column, encoded) == [extract_text_and_num(value, compute_num=False)[0] for value in stock]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_whole_numbers_keep_every_digit(numbers: list[int]) -> None:
    encoded = encode(pa.array([*numbers, None], pa.int64()), ValueType.INT64)
    assert [Value.FromString(value).int64_val for value in encoded[:-1]] == numbers
    assert encoded[-1] == b""


@given(_TEXT, _TEXT.filter(bool))
def test_a_key_is_feasts_own(title: str, join_key: str) -> None:
    own = serialize_entity_key(EntityKey(join_keys=[join_key], entity_values=[Value(string_val=title)]), 3)
    assert entity_keys(join_key, [title]) == [own]


@given(st.integers(-(10**15), 10**16))
def test_a_time_is_kept_to_the_microsecond(micros: int) -> None:
    assert Timestamp.FromString(timestamp_message(micros)).ToMicroseconds() == micros
    assert microseconds(pa.array([micros, None], pa.timestamp("us", "UTC"))) == [micros, None]


def test_what_is_finer_than_a_microsecond_is_cut_off() -> None:
    assert microseconds(pa.array([1_999], pa.timestamp("ns", "UTC"))) == [1]
