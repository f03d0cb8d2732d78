"""Drift: which days are compared, and when a comparison means anything."""
