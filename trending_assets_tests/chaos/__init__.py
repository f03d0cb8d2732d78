"""Kills of the command line at many points, and what must hold after each."""
