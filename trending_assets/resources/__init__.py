"""Dagster resources: thin, each gives a plain object of ``storage`` or ``ingest``."""
