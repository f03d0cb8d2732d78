"""Alerts as a resource: where people hear of what needs them."""

import logging
import re

import dagster as dg
from pydantic import Field

# A URL may hold commas itself.
_BETWEEN = re.compile(r"\s+|,\s*(?=[\w+.-]+://|$)")


class AlertsResource(dg.ConfigurableResource["AlertsResource"]):
    """Who is told, by Apprise: Slack, Discord, e-mail and whatever else it knows.

    Attributes:
        urls: Apprise's URLs, separated by commas or spaces; they hold secrets, and are never shown. Nobody is told
            where there is none.
    """

    urls: str = Field(default="", repr=False)

    @property
    def places(self) -> list[str]:
        """The URLs."""
        return [url for url in _BETWEEN.split(self.urls) if url]

    def send(self, title: str, body: str) -> None:
        """Tells everyone.

        Raises:
            AlertError: some could not be told; the others were. The message holds no URL.
        """
        # It takes half a second to load, and most ticks tell nobody anything.
        import apprise

        # It would write a URL that it does not understand, secrets and all.
        logging.getLogger("apprise").disabled = True
        failed = 0
        for url in self.places:
            place = apprise.Apprise()
            failed += not (place.add(url) and place.notify(title=title, body=body))
        if failed:
            raise AlertError(title, len(self.places) - failed, failed)


class AlertError(Exception):
    """An alert did not reach everyone.

    Attributes:
        told: how many places it reached.
    """

    def __init__(self, title: str, told: int, failed: int) -> None:
        """An alert by its title, which reached some places and not others."""
        super().__init__(f"{failed} of {told + failed} places in TRENDING_ALERT_URLS could not be told: {title}")
        self.told = told
