"""A site for each test."""

from collections.abc import Iterator

import pytest

from trending_assets_tests.ingest.http.serving import Site


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running
