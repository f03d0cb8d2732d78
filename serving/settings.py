"""Settings of the API, read from the environment with the prefix ``TRENDING_``."""

import ipaddress
from typing import Self
from urllib.parse import urlsplit

import limits
from pydantic import Field, field_validator, model_validator

from trending_assets.settings import Settings
from trending_assets.storage.api_keys import ApiKeys
from trending_assets.storage.home import Home


class ServingSettings(Settings):
    """Where the API listens and what it lets in, beside where everything lives.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        allow_public: listen on an address that other machines can reach without asking for keys: something in
            front of the API decides who gets in.
        require_keys: ask for keys on a loopback address too, and behind what ``allow_public`` stands for.
        rate_limit: how many requests a key may send to one process, such as ``100/second`` or ``5000/hour``.
        wrong_key_limit: how many requests with a wrong key an address may send to one process; a key that is known is
            let in all the same.
        max_in_flight: how many requests one process works on at a time.
        max_queued: how many more may wait for their turn; what comes beyond is refused with 503.
        cors_origins: origins whose pages may call the API from a browser, such as ``https://example.org``, separated
            by commas; none where it is not set.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    allow_public: bool = False
    require_keys: bool = False
    rate_limit: str = "100/second"
    wrong_key_limit: str = "100/minute"
    max_in_flight: int = Field(default=32, ge=1, le=1000)
    max_queued: int = Field(default=256, ge=0, le=10_000)
    cors_origins: str = ""

    @field_validator("rate_limit", "wrong_key_limit")
    @classmethod
    def _one_rate(cls, rate: str) -> str:
        try:
            parsed = limits.parse_many(rate)
        except ValueError:
            parsed = []
        if len(parsed) != 1 or parsed[0].amount < 1:
            raise ValueError("it is not a rate such as 100/second or 5000/hour")
        return rate

    @field_validator("cors_origins")
    @classmethod
    def _named_origins(cls, origins: str) -> str:
        for origin in _names(origins):
            parts = urlsplit(origin)
            if (
                parts.scheme not in {"http", "https"}
                or not parts.hostname
                or origin != f"{parts.scheme}://{parts.netloc}"
            ):
                raise ValueError(f"{origin} is not an origin such as https://example.org; each has to be named")
        return origins

    @model_validator(mode="after")
    def _keys_where_others_can_reach(self) -> Self:
        if self.keys_required and not any(key.revoked_at is None for key in ApiKeys(Home(self.home).api_keys).all()):
            why = "TRENDING_REQUIRE_KEYS is set" if self.require_keys else f"others can reach TRENDING_HOST={self.host}"
            raise ValueError(
                f"{why} and there is no API key: make one with `trending keys add NAME`; or, behind a proxy that "
                "decides who gets in, set TRENDING_ALLOW_PUBLIC=true and not TRENDING_REQUIRE_KEYS"
            )
        return self

    @property
    def keys_required(self) -> bool:
        """Whether a caller needs a key."""
        return self.require_keys or not (self.allow_public or is_loopback(self.host))

    @property
    def allowed_origins(self) -> list[str]:
        """The origins whose pages may call the API."""
        return _names(self.cors_origins)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``; of names, only ``localhost`` is taken to be so."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
