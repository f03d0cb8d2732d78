"""The rules by name are measured on records whose ids they are not shown, and hold on real catalogues."""

import pytest

from benchmarks.identity import data_folder, estimate_different, held_out, part, read_records
from trending_assets.domain.catalog.identity_quality import IdentityQuality, measure_identity
from trending_assets.domain.catalog.resolution import NEAR_YEAR, SAME_YEAR
from trending_assets_tests.domain.catalog.identity_rows import Row, title

_DATA = data_folder()


def _titles(*documents: Row) -> list[Row]:
    return [row for document in documents for row in document["titles"]]


def test_right_wrong_and_missed_matches_are_counted() -> None:
    catalogue = _titles(
        title("a:1", "Heat", 1995, imdb="tt0000001", runtime=170),
        title("a:2", "Fargo", 1996, imdb="tt0000002"),
        title("a:3", "Jack", 1996, imdb="tt0000003"),
    )
    labelled = _titles(
        title("b:1", "Heat", 1995, imdb="tt0000001"),
        title("b:2", "Heat", 1996, imdb="tt0000001", runtime=172),
        title("b:3", "Le Fargo", 1996, imdb="tt0000002"),
        title("b:4", "Jack", 1996, imdb="tt0000004"),
        title("b:5", "Another", 1996, imdb="tt0000005"),
        title("b:6", "Heat", 1995),
    )
    quality = measure_identity(catalogue, labelled)
    assert quality.metadata() == {
        "labelled": 5,
        "in_catalogue": 3,
        "matched": 3,
        "right": 2,
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        f"{SAME_YEAR}: matched": 2,
        f"{SAME_YEAR}: right": 1,
        f"{NEAR_YEAR}: matched": 1,
        f"{NEAR_YEAR}: right": 1,
    }
    assert [(a.source_id, a.title_id, a.right) for a in quality.answers if a.in_catalogue != a.right] == [
        ("3", None, False)
    ]


def test_a_share_of_nothing_is_unknown() -> None:
    quality = measure_identity([], _titles(title("b:1", imdb="tt0000001")))
    assert (quality.precision, quality.recall) == (None, None)
    assert (IdentityQuality(()).precision, IdentityQuality(()).recall) == (None, None)


@pytest.fixture(scope="module")
def records() -> dict[str, list[Row]]:
    return read_records(_DATA)


@pytest.mark.skipif(not _DATA.is_dir(), reason=f"benchmark data is not at {_DATA}: see TRENDING_BENCH_DATA")
# The benchmark's table gives the figures; some of JustWatch's labels are wrong, which the benchmark explains.
@pytest.mark.parametrize(("source", "precision", "recall"), [("tmdb5000", 0.995, 0.97), ("justwatch", 0.95, 0.93)])
def test_matching_by_name_is_precise_on_films_that_no_rule_was_chosen_on(
    records: dict[str, list[Row]], source: str, precision: float, recall: float
) -> None:
    whole = measure_identity(records["wikidata"], records[source])
    quality = part(whole, held=True)
    assert len(quality.answers) > 1_900
    assert quality.precision is not None
    assert quality.recall is not None
    assert quality.precision >= precision
    assert quality.recall >= recall
    assert all(held_out(answer.imdb_id) for answer in quality.answers)
    # Where the labelled title is there to be found, hardly any other is taken for it.
    inside = IdentityQuality(tuple(answer for answer in quality.answers if answer.in_catalogue))
    assert inside.precision is not None
    assert inside.precision >= 0.995


@pytest.mark.skipif(not _DATA.is_dir(), reason=f"benchmark data is not at {_DATA}: see TRENDING_BENCH_DATA")
def test_films_that_disagree_with_justwatchs_labels_are_mostly_the_same_film(records: dict[str, list[Row]]) -> None:
    labelled = [row for row in records["justwatch"] if row["imdb_id"]]
    quality = measure_identity(records["wikidata"], labelled)
    different, disagreements = estimate_different(quality, labelled, records["wikidata"])
    assert disagreements > 50
    assert 1 - different / quality.rules()[SAME_YEAR].matched >= 0.99
