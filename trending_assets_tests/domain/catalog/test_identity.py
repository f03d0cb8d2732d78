"""Names are reduced to what catalogues agree on, and titles are named by IMDb's ids or else by their source's."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.catalog.identity import current_titles, is_imdb_id, name_key, normalise_title, title_id


@pytest.mark.parametrize(
    ("name", "reduced"),
    [
        ("The Hours", "hours"),
        ("Hours, The", "hours"),
        ("hours_the", "hours"),
        ("hours_the".replace("_", " "), "hours"),
        ("A Beautiful Mind", "beautifulmind"),
        ("beautiful_mind_a", "beautifulmind"),
        ("An Education", "education"),
        ("Amélie", "amelie"),
        ("AME\u0301LIE", "amelie"),
        ("Lilo & Stitch", "liloandstitch"),
        ("Lilo and Stitch", "liloandstitch"),
        ("Se7en", "se7en"),
        ("  Spider-Man:   2 ", "spiderman2"),
        ("About a Boy", "aboutaboy"),
        ("Theremin", "theremin"),
        ("Bathe", "bathe"),
        ("A", "a"),
        ("Død snø", "dodsno"),
        ("Æon Flux", "aeonflux"),
        ("Straße", "strasse"),
        ("七人の侍", "七人の侍"),
        ("Ночной дозор", "ночноидозор"),
        ("태극기 휘날리며", normalise_title("태극기휘날리며")),
        ("कृष!", "कृष"),
        ("!?", ""),
        ("", ""),
    ],
)
def test_a_name_is_reduced_to_what_catalogues_agree_on(name: str, reduced: str) -> None:
    assert normalise_title(name) == reduced


@settings(deadline=None)
@given(st.text())
def test_a_reduced_name_is_plain_and_reducing_it_again_changes_nothing(name: str) -> None:
    reduced = normalise_title(name)
    assert all(character.isalnum() or unicodedata.category(character)[0] == "M" for character in reduced)
    assert reduced == reduced.casefold()
    assert normalise_title(reduced) == reduced


@pytest.mark.parametrize("name", ["Три кота", "生活如沸", "جدایی نادر از سیمین", "வாலு", "괴물", "もののけ姫", "สุริโยไท"])
def test_a_name_in_any_script_is_a_name(name: str) -> None:
    assert normalise_title(name)
    assert len({normalise_title(other) for other in (name, "Солярис", "少林足球", "해운대", "!?")}) == 5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Mission: Impossible II", "Mission: Impossible 2"),
        ("The Godfather Part Two", "The Godfather: Part II"),
        ("3 Men and a Baby", "Three Men and a Baby"),
        ("Nine 1/2 Weeks", "9½ Weeks"),
        ("Kill Bill: Vol. 1", "Kill Bill: Volume 1"),
        ("Dr. Dolittle", "Doctor Dolittle"),
        ("Alien vs. Predator", "Alien versus Predator"),
        ("Harold & Kumar", "Harold and Kumar"),
        ("Two Towers, The", "The Two Towers"),
        ("WALL·E", "WALL-E"),
        ("Léon", "LEON"),
        ("Ocean's Eleven", "Oceans 11"),
    ],
)
def test_ways_of_writing_a_name_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nine", "9"),
        ("Rocky II", "Rocky III"),
        ("Rocky", "Rocky II"),
        ("V for Vendetta", "5 for Vendetta"),
        ("Kill Bill: Vol. 1", "Kill Bill: Vol. 2"),
        ("Alien", "Aliens"),
        ("Thor", "Thor: Ragnarok"),
        ("七人の侍", "もののけ姫"),
    ],
)
def test_names_of_different_titles_have_different_keys(one: str, other: str) -> None:
    assert name_key(one) != name_key(other)


@settings(deadline=None)
@given(st.text())
def test_a_name_has_a_key_where_anything_of_it_is_left(name: str) -> None:
    assert bool(name_key(name)) == bool(normalise_title(name))


_WORD = st.text("bcdefgh0189", min_size=1, max_size=6)


@settings(deadline=None)
@given(st.lists(_WORD, min_size=1, max_size=4), st.sampled_from(["the", "a", "an"]), st.sampled_from([" ", "_", "-"]))
def test_case_separators_and_where_the_article_stands_do_not_matter(words: list[str], article: str, gap: str) -> None:
    plain = normalise_title(" ".join(words))
    assert plain == "".join(words)
    assert normalise_title(gap.join([article, *words]).upper()) == plain
    assert normalise_title(gap.join([*words, article]).title()) == plain
    assert normalise_title(f"{' '.join(words)}, {article.title()}") == plain


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("tt0111161", True),
        ("tt10872600", True),
        ("tt011116", False),
        ("tt111111111", False),
        ("TT0111161", False),
        (" tt0111161", False),
        ("tt0111161\n", False),
        ("0111161", False),
        ("", False),
        # Digits of another script are not IMDb's.
        ("tt\u0660\u0661\u0661\u0661\u0661\u0666\u0661", False),
    ],
)
def test_an_imdb_id_is_tt_and_seven_or_eight_digits(value: str, valid: bool) -> None:
    assert is_imdb_id(value) is valid


def test_a_title_is_named_by_its_imdb_id_or_else_by_its_source() -> None:
    assert title_id("sample", "omdb-1", "tt0111161") == "tt0111161"
    assert title_id("sample", "show-24", None) == "sample:show-24"


@pytest.mark.parametrize(
    ("leads", "current"),
    [
        ({}, {}),
        ({"a": "b", "b": "c"}, {"a": "c", "b": "c"}),
        ({"a": "b", "b": "b"}, {"a": "b", "b": "b"}),
        ({"b": "a", "a": "b", "c": "b"}, {"a": "a", "b": "a", "c": "a"}),
    ],
)
def test_a_title_leads_to_what_it_was_found_to_be_in_the_end(leads: dict[str, str], current: dict[str, str]) -> None:
    assert current_titles(leads) == current
