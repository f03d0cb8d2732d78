"""Pools: what only one step at a time may do, whichever runs they belong to. Their limits stand in ``dagster.yaml``."""

# DuckDB takes all cores and most of the memory for one query; two at once take longer than one after the other.
DUCKDB = "duckdb"
# Feast writes its registry anew as a whole; who reads it meanwhile would find the beginning of a file.
FEAST_REGISTRY = "feast_registry"
# A training takes all cores.
TRAINING = "training"
POOLS = (DUCKDB, FEAST_REGISTRY, TRAINING)
