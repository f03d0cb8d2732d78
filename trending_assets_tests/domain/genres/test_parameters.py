"""What a search may choose: each parameter has a sound range, and each of them decides something."""

import pytest

from trending_assets.domain.genres.datasets import features_of, label_matrix, rows_of
from trending_assets.domain.genres.models import MODEL_NAMES, model_class
from trending_assets.domain.genres.parameters import Parameter, UnknownParameterError, with_defaults
from trending_assets_tests.domain.genres.corpus import LEARNED, corpus

_FRAME = rows_of(corpus(160), "train")
# As if these were names of genres.
_FRAME["masked_text"] = _FRAME["text"].str.replace("cowboy|ghost", "", regex=True)
_LABELS = label_matrix(_FRAME, LEARNED)
_QUICK = [
    (name, parameter) for name in ("genre_logreg", "genre_xgboost") for parameter in model_class(name).search_space
]


def _fitted(name: str, **parameters: float) -> list[list[float]]:
    model = model_class(name).fit(_FRAME, _LABELS, LEARNED, 3, parameters)
    chances: list[list[float]] = model.predict_proba(features_of(_FRAME)).tolist()
    return chances


def test_what_is_not_chosen_has_its_default() -> None:
    space = {"depth": Parameter(3, 2, 6, whole=True), "eta": Parameter(0.1, 0.01, 1.0, log=True)}
    assert with_defaults(space, {"eta": 0.5}) == {"depth": 3, "eta": 0.5}


@pytest.mark.parametrize("name", [name for name in MODEL_NAMES if name != "genre_bert"])
def test_a_parameter_that_a_model_does_not_have_is_refused(name: str) -> None:
    with pytest.raises(UnknownParameterError, match="patience"):
        _fitted(name, patience=1.0)


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_a_default_lies_within_its_range(name: str) -> None:
    for parameter in model_class(name).search_space.values():
        assert parameter.low <= parameter.default <= parameter.high
        assert parameter.low > 0 or not parameter.log
        numbers = (parameter.low, parameter.default, parameter.high)
        assert not parameter.whole or all(float(number).is_integer() for number in numbers)


@pytest.mark.parametrize(("name", "parameter"), _QUICK, ids=map("-".join, _QUICK))
def test_each_parameter_decides_something(name: str, parameter: str) -> None:
    space = model_class(name).search_space[parameter]
    plain = _fitted(name)
    assert _fitted(name, **{parameter: space.default}) == plain
    # The corpus has fewer words than any vocabulary in the range has places.
    other = 20 if parameter == "largest_vocabulary" else space.high if space.high != space.default else space.low
    assert _fitted(name, **{parameter: other}) != plain
