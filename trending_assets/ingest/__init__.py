"""Ingest: sources, what they fetch, and how what they fetched is parsed. Knows nothing of Dagster."""
