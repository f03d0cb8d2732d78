"""Benchmarks: each prints the project beside its peer, measured in one run."""
