"""Genres: data sets, models, thresholds, metrics and the promotion gate; pure functions of what they are given."""
