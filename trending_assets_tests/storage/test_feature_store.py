"""Stock Feast and the project read the same store, and only one process at a time writes it."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from feast.repo_config import load_repo_config

import feature_repo
from trending_assets.storage.feature_store import repo_config, writing_feature_store
from trending_assets.storage.home import Home

_FOLDER = Path(feature_repo.__file__).parent


def _described(config: Any, relative_to: Path) -> dict[str, Any]:
    """A Feast configuration as plain values, with its paths resolved as Feast resolves them."""
    values: dict[str, Any] = config.model_dump(exclude={"repo_path"})
    for part in (values["registry_config"], values["online_config"]):
        part["path"] = (relative_to / part["path"]).resolve()
    return values


def test_the_yaml_for_stock_feast_says_the_same_as_the_configuration_in_code() -> None:
    stock = load_repo_config(repo_path=_FOLDER, fs_yaml_file=_FOLDER / "feature_store.yaml")
    ours = repo_config(_FOLDER.parent / ".trending")
    assert _described(stock, _FOLDER) == _described(ours, _FOLDER)


def test_two_homes_have_two_stores(tmp_path: Path) -> None:
    for home in (tmp_path / "one", tmp_path / "two"):
        config = repo_config(home)
        for path in (config.registry.path, config.online_store.path):
            assert Path(path).is_relative_to(Home(home).feast)
    assert list(tmp_path.iterdir()) == []


_COUNTER = """
import sys
from pathlib import Path
from trending_assets.storage.feature_store import writing_feature_store
home, count = Path(sys.argv[1]), Path(sys.argv[1]) / "count"
print("ready", flush=True)
sys.stdin.readline()
for _ in range(300):
    with writing_feature_store(home):
        before = int(count.read_text())
        count.write_text(str(before + 1))
"""


def test_two_writers_at_a_time_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _COUNTER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    errors = [writer.communicate()[1] for writer in writers]
    assert errors == ["", ""]
    assert (tmp_path / "count").read_text() == "600"


_HOLDER = """
import sys, threading
from pathlib import Path
from trending_assets.storage.feature_store import writing_feature_store
with writing_feature_store(Path(sys.argv[1])):
    print("holding", flush=True)
    threading.Event().wait()
"""


def test_a_writer_that_was_killed_keeps_nobody_out(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holding\n"
        holder.kill()
    assert holder.returncode == -signal.SIGKILL
    with writing_feature_store(tmp_path):
        assert Home(tmp_path).feast.is_dir()


def test_a_writer_that_failed_keeps_nobody_out(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writing_feature_store(tmp_path):
        raise ZeroDivisionError
    with writing_feature_store(tmp_path):
        assert Home(tmp_path).feast.is_dir()
