import pytest
from pydantic import ValidationError

from serving.settings import ServingSettings, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_hosts_are_taken(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("TRENDING_HOST", host)
    assert ServingSettings().host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", "", "localhost.example.org"])
def test_public_hosts_are_refused_unless_allowed(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("TRENDING_HOST", host)
    assert not is_loopback(host)
    with pytest.raises(ValidationError, match="TRENDING_ALLOW_PUBLIC"):
        ServingSettings()
    monkeypatch.setenv("TRENDING_ALLOW_PUBLIC", "true")
    assert ServingSettings().host == host


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_impossible_ports_are_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("TRENDING_PORT", port)
    with pytest.raises(ValidationError):
        ServingSettings()


def test_the_home_is_the_pipelines_home(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("TRENDING_HOME", str(tmp_path / "a home"))
    assert ServingSettings().home == tmp_path / "a home"
