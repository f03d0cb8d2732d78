from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from serving.settings import ServingSettings, is_loopback
from trending_assets.storage.api_keys import ApiKeys
from trending_assets.storage.home import Home

NOW = datetime(2025, 6, 26, tzinfo=UTC)


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


def test_keys_are_asked_for_where_others_can_reach(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("TRENDING_HOME", str(tmp_path))
    assert not ServingSettings().keys_required
    monkeypatch.setenv("TRENDING_HOST", "0.0.0.0")
    with pytest.raises(ValidationError, match="trending keys add"):
        ServingSettings()
    keys = ApiKeys(Home(tmp_path).api_keys)
    made, _ = keys.add("a", ["read"], NOW)
    assert ServingSettings().keys_required
    monkeypatch.setenv("TRENDING_ALLOW_PUBLIC", "true")
    assert not ServingSettings().keys_required
    monkeypatch.setenv("TRENDING_REQUIRE_KEYS", "true")
    assert ServingSettings().keys_required
    keys.revoke(made.key_id, NOW)
    with pytest.raises(ValidationError, match="TRENDING_REQUIRE_KEYS is set and there is no API key"):
        ServingSettings()


@pytest.mark.parametrize("rate", ["", "many", "0/second", "-1/second", "5/second;6/minute", "5"])
def test_what_is_no_rate_is_refused(monkeypatch: pytest.MonkeyPatch, rate: str) -> None:
    monkeypatch.setenv("TRENDING_RATE_LIMIT", rate)
    with pytest.raises(ValidationError, match="rate"):
        ServingSettings()


@pytest.mark.parametrize(
    "origins",
    ["*", "null", "example.org", "https://", "https://example.org/", "https://example.org/a", "ftp://example.org"],
)
def test_only_named_origins_are_taken(monkeypatch: pytest.MonkeyPatch, origins: str) -> None:
    monkeypatch.setenv("TRENDING_CORS_ORIGINS", f"https://good.example, {origins}")
    with pytest.raises(ValidationError, match="origin"):
        ServingSettings()
    monkeypatch.setenv("TRENDING_CORS_ORIGINS", "https://good.example, http://localhost:5173")
    assert ServingSettings().allowed_origins == ["https://good.example", "http://localhost:5173"]
