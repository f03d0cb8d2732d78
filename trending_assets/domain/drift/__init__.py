"""Drift: what a version was trained on, what arrives now, and when the difference means something."""
