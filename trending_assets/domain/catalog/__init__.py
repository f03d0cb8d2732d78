"""Catalogue: records, taxonomy, label maps and identity."""
