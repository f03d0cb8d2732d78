"""The numbers that a genre model's training depends on, and between which a search may choose."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# Nothing chosen.
DEFAULTS: Mapping[str, float] = MappingProxyType({})


class UnknownParameterError(KeyError):
    """A model's training depends on no parameter of this name."""


@dataclass(frozen=True)
class Parameter:
    """One number.

    Attributes:
        default: what is taken where nothing is chosen.
        low: the least that a search tries.
        high: the most that it tries.
        log: whether it tries as many values between 1 and 10 as between 10 and 100.
        whole: whether only whole numbers make sense.
    """

    default: float
    low: float
    high: float
    log: bool = False
    whole: bool = False


def with_defaults(search_space: Mapping[str, Parameter], parameters: Mapping[str, float]) -> dict[str, float]:
    """A value for each parameter: what was chosen, and the default elsewhere.

    Raises:
        UnknownParameterError: something was chosen that is no parameter.
    """
    if unknown := sorted(parameters.keys() - search_space.keys()):
        raise UnknownParameterError(f"{', '.join(unknown)}: there are {', '.join(search_space) or 'none'}")
    return {name: parameters.get(name, parameter.default) for name, parameter in search_space.items()}
