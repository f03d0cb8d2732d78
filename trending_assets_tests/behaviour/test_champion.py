"""The champion of the demo behaves as a genre model should: better than the floors, steady, and plausible."""

from pathlib import Path

import duckdb
import numpy as np
import pytest

from serving.predictors import Champion, ChampionLoader
from trending_assets.domain.text.features import TitleFeatures, title_features
from trending_assets.storage.home import Home
from trending_assets.storage.query import connect
from trending_assets.storage.registry import ModelRegistry

# Plain plots, each with the genres of which one has to be among the three most probable.
PLAIN: list[tuple[str, tuple[str, ...]]] = [
    ("A ghost haunts an old mansion and kills the guests one night after another.", ("horror",)),
    ("Zombies rise from the graveyard and attack a group of teenagers in a cabin.", ("horror",)),
    ("A vampire stalks young women in a foggy village and drinks their blood.", ("horror",)),
    ("A spaceship crew finds an alien life form on a distant planet.", ("science-fiction",)),
    ("A scientist builds a time machine and travels to a future ruled by robots.", ("science-fiction",)),
    ("Aliens invade Earth and astronauts must save the planet from destruction.", ("science-fiction",)),
    ("A sheriff defends a frontier town against outlaws and a gang of cattle rustlers.", ("western",)),
    ("A gunslinger rides into town to avenge his brother, who was shot by bandits.", ("western",)),
    ("Two strangers fall in love in Paris and struggle to stay together.", ("romance", "drama")),
    ("A shy woman meets the man of her dreams and they marry after many misunderstandings.", ("romance", "comedy")),
    ("A detective hunts a serial killer who leaves clues at every murder scene.", ("crime", "thriller", "mystery")),
    ("A gang of thieves plans a bank robbery while the police close in on them.", ("crime",)),
    ("A mafia boss orders the murder of a rival and his son takes over the family business.", ("crime", "drama")),
    ("Soldiers fight to survive behind enemy lines during World War II.", ("war",)),
    ("A platoon of American soldiers loses its way in Vietnam and its men begin to die in battle.", ("war",)),
    (
        "A wizard and a young hero search for a magic sword to defeat an evil sorcerer and his dragon.",
        ("fantasy", "adventure"),
    ),
    (
        "A princess is cursed by a witch and saved by a prince in an enchanted kingdom.",
        ("fantasy", "family", "animation"),
    ),
    ("A boxer trains for the championship fight after losing everything.", ("sport", "drama")),
    ("The coach leads a losing high school football team to the championship game.", ("sport",)),
    ("A singer and her band try to make it to the top with their songs and concerts.", ("music", "drama")),
    (
        "A clumsy office worker and his silly friends get into one hilarious mess after another at a wedding.",
        ("comedy",),
    ),
    ("A cartoon rabbit and his animal friends outwit a hunter in the forest.", ("animation", "comedy", "family")),
    (
        "A secret agent must stop terrorists from detonating a bomb and escapes gunfights and car chases.",
        ("action", "thriller"),
    ),
    ("An expedition sails to a lost island to find buried treasure in the jungle.", ("adventure",)),
    ("A documentary crew interviews survivors and follows activists through archive footage.", ("documentary",)),
]
ADDITIONS = [
    ("horror", "A ghost haunts the house and demons possess the children in a bloody nightmare."),
    ("science-fiction", "Aliens from another planet attack their spaceship in the distant future."),
    ("war", "The soldiers fight the German army in a bloody battle of World War II."),
    ("western", "The sheriff and his deputy chase the outlaws across the frontier on their horses."),
    ("romance", "They fall in love, kiss in the rain and get married in spring."),
]
NEUTRAL = "Three people meet in a town and spend a long summer there, until one of them has to leave."


@pytest.fixture(scope="module")
def champion(sample_home: Path) -> Champion:
    loader = ChampionLoader(ModelRegistry(Home(sample_home).registry))
    ref = loader.find()
    assert ref is not None
    return loader.load(ref)


@pytest.fixture(scope="module")
def database(sample_home: Path) -> duckdb.DuckDBPyConnection:
    return connect(Home(sample_home))


def by_genre(champion: Champion, features: TitleFeatures) -> dict[str, float]:
    """Genre → probability."""
    return {score.genre: score.probability for score in champion.scores([features])[0]}


def features(plot: str, title: str = "Untitled") -> TitleFeatures:
    """Features of a film of 1999."""
    return title_features(title, plot, "movie", 1999)


def test_it_beats_both_floors_on_the_test_titles(database: duckdb.DuckDBPyConnection) -> None:
    rows = database.sql(
        "select model, value from genre_evaluation "
        "where split = 'test' and text = 'as written' and slice = 'all' and metric = 'macro_f1'"
    ).fetchall()
    scores = dict(rows)
    decision = database.sql("select candidate, promoted from gate_decisions order by id").fetchone()
    assert decision is not None
    candidate, promoted = decision
    assert promoted
    assert scores[candidate.split("/")[0]] > scores["genre_keyword"] > scores["genre_majority"]


def test_the_catalogue_has_both_kinds_and_reviews(database: duckdb.DuckDBPyConnection) -> None:
    counts = dict(database.sql("select kind, count(*) from catalog_snapshot group by kind").fetchall())
    assert counts["movie"] > 1000
    assert counts["show"] >= 120
    reviews = database.sql("select count(*), count(distinct title_id) from reviews").fetchone()
    assert reviews is not None
    assert reviews[0] > 3000
    assert reviews[1] > 100


def test_every_document_is_accounted_for(database: duckdb.DuckDBPyConnection) -> None:
    outcomes = dict(database.sql("select outcome, count(*) from parsed_sample group by outcome").fetchall())
    raw = database.sql("select count(*) from raw_sample").fetchone()
    assert raw == (sum(outcomes.values()),)
    assert set(outcomes) <= {"kept", "duplicate", "quarantined"}
    held = database.sql("select count(*) from quarantine where reason <> '' and url <> ''").fetchone()
    assert held == (outcomes["quarantined"],)


def test_every_title_of_the_catalogue_has_a_prediction(database: duckdb.DuckDBPyConnection) -> None:
    lacking = database.sql(
        "select title_id from catalog_snapshot anti join title_predictions using (title_id)"
    ).fetchall()
    assert lacking == []


@pytest.mark.parametrize("plot", [plot for plot, _ in PLAIN[::6]])
def test_spacing_and_invisible_characters_change_nothing(plot: str, champion: Champion) -> None:
    messy = "  " + plot.replace(" ", " \n\t ").replace("a", "a\u200b") + "\ufeff "
    assert by_genre(champion, features(messy)) == by_genre(champion, features(plot))


@pytest.mark.parametrize(("name", "other"), [("John", "Peter"), ("Mary", "Susan"), ("Chicago", "Boston")])
def test_a_name_hardly_matters(name: str, other: str, champion: Champion) -> None:
    plot = f"{name} is where it all begins. A detective hunts a killer through the rain and finds a friend's secret."
    ours, theirs = by_genre(champion, features(plot)), by_genre(champion, features(plot.replace(name, other)))
    assert max(ours, key=ours.__getitem__) == max(theirs, key=theirs.__getitem__)
    assert np.mean([abs(ours[genre] - theirs[genre]) for genre in ours]) < 0.05


@pytest.mark.parametrize(("genre", "addition"), ADDITIONS)
def test_telling_words_raise_their_genre(genre: str, addition: str, champion: Champion) -> None:
    assert by_genre(champion, features(f"{addition} {NEUTRAL}"))[genre] > by_genre(champion, features(NEUTRAL))[genre]


def test_plain_plots_get_a_plausible_genre(champion: Champion) -> None:
    hits = []
    for plot, expected in PLAIN:
        ranked = [score.genre for score in champion.scores([features(plot)])[0]]
        hits.append(bool(set(ranked[:3]) & set(expected)))
    missed = [plot for (plot, _), hit in zip(PLAIN, hits, strict=True) if not hit]
    assert np.mean(hits) >= 0.8, missed
