"""Everything lives under the home that the environment names, each part in a folder of its own."""

from pathlib import Path

import pydantic
import pytest

from trending_assets.settings import Settings
from trending_assets.storage.home import Home

_PARTS = ["lake", "registry", "feast", "dagster", "dbt", "downloads", "reports", "model_cache"]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TRENDING_HOME", "TRENDING_REGISTRY", "TRENDING_FULL_SAMPLE", "TRENDING_RETRAIN_MIN_TITLES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("part", _PARTS)
def test_each_part_lives_directly_under_the_home(tmp_path: Path, part: str) -> None:
    assert getattr(Home(tmp_path), part).parent == tmp_path


def test_no_two_parts_share_a_folder_and_naming_them_creates_none(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert len({getattr(home, part) for part in _PARTS}) == len(_PARTS)
    assert not home.folder.exists()


def test_the_home_is_a_folder_beside_the_project_unless_the_environment_names_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Settings().home == tmp_path / ".trending"
    monkeypatch.setenv("TRENDING_HOME", str(tmp_path / "an other home"))
    assert Settings().home == tmp_path / "an other home"


@pytest.mark.parametrize(
    ("named", "home"),
    [("relative/home", "{cwd}/relative/home"), ("~/home", "{user}/home"), ("./a/../b", "{cwd}/a/../b")],
)
def test_a_home_is_always_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, home: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("TRENDING_HOME", named)
    assert Settings().home == Path(home.format(cwd=tmp_path, user=tmp_path / "user"))
    assert Settings().home.is_absolute()


@pytest.mark.parametrize(("value", "full"), [("1", True), ("true", True), ("0", False), ("no", False)])
def test_the_full_sample_is_asked_for_by_a_variable(monkeypatch: pytest.MonkeyPatch, value: str, full: bool) -> None:
    assert Settings().full_sample is False
    monkeypatch.setenv("TRENDING_FULL_SAMPLE", value)
    assert Settings().full_sample is full


def test_a_setting_that_makes_no_sense_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRENDING_FULL_SAMPLE", "perhaps")
    with pytest.raises(pydantic.ValidationError, match="full_sample"):
        Settings()


def test_variables_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRENDING_API_KEYS", "x")
    monkeypatch.setenv("HOME_FOLDER", "x")
    assert set(Settings().model_dump()) == set(Settings.model_fields)
