"""Predictions that were served: what is kept of each, and how good they turned out to be."""
