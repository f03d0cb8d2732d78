"""Trend: how much a title is talked about."""
