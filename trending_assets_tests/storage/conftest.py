"""What the tests of the storage share: one S3 server a process."""

from collections.abc import Iterator

import pytest

from trending_assets_tests.storage.servers import S3Server, s3_server


@pytest.fixture(scope="package")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A running S3 server."""
    with s3_server(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture
def s3(seaweed: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The same server, with the AWS environment that leads to it."""
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    return seaweed
