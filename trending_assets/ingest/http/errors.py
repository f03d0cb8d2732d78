"""Why a document could not be had. Messages name the URL without user information, secrets or a refused query."""


class FetchError(Exception):
    """A document cannot be had."""


class RefusedURLError(FetchError):
    """The client never asks for this URL, whoever names it: a source, a person or a redirect."""


class DisallowedByRobotsError(FetchError):
    """The host's robots.txt forbids the URL, or cannot be read, which forbids everything."""


class NotFoundError(FetchError):
    """The host says that there is no such document (404, 410)."""


class RejectedError(FetchError):
    """The host answered with a status that asking again does not change, such as 401 or 403."""


class ResponseTooLargeError(FetchError):
    """The body is larger than the source allows, as sent or after decompression."""


class ContentTypeError(FetchError):
    """The body is of a type or in an encoding that was not asked for."""


class UnavailableError(FetchError):
    """The host failed too often, or asks for a longer wait than a crawl makes."""


class FaultError(Exception):
    """An attempt failed in a way that may pass. It is retried and never leaves the client."""
