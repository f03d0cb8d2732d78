"""Alerts as a resource: where people hear of what needs them."""

import logging

import dagster as dg

_SEPARATORS = str.maketrans(",\n\t", "   ")


class AlertsResource(dg.ConfigurableResource["AlertsResource"]):
    """Who is told, by Apprise: Slack, Discord, e-mail and whatever else it knows.

    Attributes:
        urls: Apprise's URLs, separated by commas or spaces; they hold secrets, and are never shown. Nobody is told
            where there is none.
    """

    urls: str = ""

    @property
    def places(self) -> list[str]:
        """The URLs."""
        return self.urls.translate(_SEPARATORS).split()

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
            raise AlertError(f"{failed} of {len(self.places)} places in TRENDING_ALERT_URLS could not be told: {title}")


class AlertError(Exception):
    """An alert did not reach everyone."""
