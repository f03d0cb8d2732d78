"""Settings of the API, read from the environment with the prefix ``TRENDING_``."""

import ipaddress
from typing import Self

from pydantic import Field, model_validator

from trending_assets.settings import Settings


class ServingSettings(Settings):
    """Where the API listens, beside where everything lives.

    Attributes:
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        allow_public: listen on an address that other machines can reach.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    allow_public: bool = False

    @model_validator(mode="after")
    def _loopback_unless_allowed(self) -> Self:
        if not self.allow_public and not is_loopback(self.host):
            raise ValueError(
                f"TRENDING_HOST={self.host} can be reached from other machines, and the API has no authentication: "
                "put it behind a proxy that has, and set TRENDING_ALLOW_PUBLIC=true"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``; of names, only ``localhost`` is taken to be so."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
