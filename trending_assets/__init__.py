"""Trending Now: the asset graph and everything it computes with."""
