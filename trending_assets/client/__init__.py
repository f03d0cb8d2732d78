"""A Python client of the API: every call with typed answers, and faults as named exceptions.

It needs httpx and pydantic alone, and neither the server's code nor a home.
"""

from trending_assets.client.answers import Instance, Prediction, Title, TitleSummary, TrendingTitle
from trending_assets.client.api import TrendingClient
from trending_assets.client.errors import ProblemError, UnexpectedAnswerError, UnreachableError

__all__ = [
    "Instance",
    "Prediction",
    "ProblemError",
    "Title",
    "TitleSummary",
    "TrendingClient",
    "TrendingTitle",
    "UnexpectedAnswerError",
    "UnreachableError",
]
