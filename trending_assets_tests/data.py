"""The public data that tests read where it is at hand."""

import os
from pathlib import Path

import pytest


def shared_data(*parts: str) -> Path:
    """A file or folder of the data beside the checkout, or under TRENDING_BENCH_DATA; skips where it is absent."""
    path = Path(os.environ.get("TRENDING_BENCH_DATA", Path(__file__).parents[2] / "shared" / "data")).joinpath(*parts)
    if not path.exists():
        pytest.skip(f"the data is not at {path}: see TRENDING_BENCH_DATA")
    return path
