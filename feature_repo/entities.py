"""Entities: what features are about."""

from feast import Entity, ValueType

title = Entity(
    name="title",
    join_keys=["title_id"],
    value_type=ValueType.STRING,
    description="A film or show.",
)
