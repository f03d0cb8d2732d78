"""Hand-written words that speak for a genre, and how they are found in a text.

The list is written from what the genres mean, not from any data set, so that the keyword model is a floor
that no labels went into. ``word*`` stands for every word that begins with ``word``; two words stand for
themselves next to each other.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.tfidf import words_of

KEYWORDS: dict[str, str] = {
    "action": """action mission agent* assassin* mercenar* explosi* commando* bounty hitman hitmen terroris* rescue
        martial kung fu fight fights fighter fighters fighting revenge vengeance chase weapon* vigilante* operative*
        elite bodyguard* heist hostage* warrior* samurai ninja* superhero* villain* showdown gun guns bullet*
        cia fbi,special forces,secret agent,black ops,takes on,race against""",
    "adventure": """adventure* quest* expedition* treasure* explorer* journey* voyage* jungle* island* pirate*
        legendary lost wilderness discover* uncharted map hunt* ancient temple* kingdom* dinosaur* captain
        mountain* rescue explore,sets out,epic journey,lost city,far away""",
    "animation": """animated animation cartoon* anime ninja* toys talking adorable animals robot* dragon* princess*
        magical penguin* bunny rabbit mouse bear pokémon lego barbie scooby mickey bugs puppies pups ponies
        adventures,snow white,peter pan,ash""",
    "comedy": """comedy comedies comedic comedian* comic hilarious* funny funniest laugh* humor* humour* satir* parod*
        sitcom* wacky zany antics mishap* misadventure* awkward slacker* buddies prank* joke* hijinks goofy
        ridiculous misfit* roommate* quirky bumbling slapstick spoof* outrageous bachelor* drunk stoner* sketch
        standup,stand up,best friends,mix up,road trip,wedding""",
    "crime": """crime* criminal* murder* detective* police* cop cops gang gangs gangster* mafia mob mobster* heist*
        robber* robbery thief thieves drug drugs cartel* dealer* prison* convict* inspector* homicide* investigat*
        killer* corrupt* underworld kidnap* detect* theft steal* stolen lapd nypd sheriff felon fraud bank
        prosecutor*,serial killer,hit man,police officer,organized crime""",
    "documentary": """documentary documentaries footage interviews interview archival explores examines documents
        filmmaker* filmmakers chronicles insight look behind intimate portrait scientists experts history
        environmental series episode real narrat* unprecedented wildlife planet nature,behind the,inside look,
        real life,true story,archive footage,never before,tells the,the story""",
    "drama": """drama* family father mother son daughter marriage struggle* struggles life death grief loss tragic
        tragedy love relationship* divorce* cancer illness dying dysfunctional addict* alcoholic* widow* poverty
        immigrant* emotional secrets husband wife sister brother prejudice racism abuse abusive moral
        redemption,coming of,comes to terms,struggles with,must confront""",
    "family": """family kids kid children child's girl boy santa christmas puppy puppies dog dogs pet pets magical
        school parents animals fairy princess* toys friends friendship grandfather grandmother grandpa grandma
        holiday* adventures disney muppet* snowman reindeer elf elves pony horse,young boy,young girl,little
        boy,little girl,best friend""",
    "fantasy": """fantasy magic magical magician* witch* wizard* sorcer* dragon* fairy fairies elf elves mythical myth
        mytholog* legend* kingdom* curse* cursed enchant* spell* spirit* supernatural vampire* werewol* ghost*
        demon* god gods goddess prophecy immortal* realm* sword* unicorn* mermaid* monster* princess* powers
        quest,fairy tale,another world,parallel world,dark forces,evil""",
    "history": """history historical histor* king queen emperor empire* century dynasty royal royalty reign throne
        monarch* president* revolution* colonial ancient medieval rome roman biograph* slavery slave* civil
        nazi nazis holocaust 1940s 1930s 1950s 1960s 19th 18th 16th 17th period era based,true story,civil rights,
        true events,world war,civil war,real life""",
    "horror": """horror* terror* terrif* haunt* ghost* demon* evil zombie* vampire* slasher possess* curse* cursed
        monster* killer* bloodthirsty blood bloody gruesome nightmare* paranormal supernatural undead sinister
        satan* satanic exorcis* massacre* cannibal* psychopath* creepy scream* macabre occult witch* werewol*
        creature* slaughter* cabin stalked spirits dead deadly terrorized,haunted house,serial killer,one by
        one""",
    "music": """music musical* musician* band bands singer* sing sings singing song* songwriter* concert* album* rock
        rapper* rap hip jazz opera pop tour guitar* pianist piano dance* dancer* dancing orchestra composer* punk
        stage performance* performs lyrics tune* choir drummer country,rock star,hip hop,live performance,record
        label,world tour""",
    "mystery": """myster* detective* investigat* clue* disappear* missing secret secrets murder* vanish* puzzle*
        sleuth* suspect* unsolved whodunit* amnesia enigma* strange conspiracy uncover* private truth bizarre
        inspector* solve solves solving sherlock poirot missing,private investigator,mysterious
        death,disappearance of""",
    "reality": """reality contestant* compete* competing competition challenge* host hosted celebrity celebrities
        makeover* dating bachelor* bachelorette* housewives prize cash judges season episode home homes chefs chef
        cook* bake* baking renovation* singles docuseries follow follows show stars winner
        designers,real estate,real housewives,reality series,reality show,reality tv,win the""",
    "romance": """romance* romantic* love loves lover* falls falling fell marry marriage married wedding* engaged
        engagement fiancé* fiance* boyfriend* girlfriend* affair* couple* passion* kiss* heart hearts dating date
        attraction bride* groom* soulmate* sparks matchmak* relationship* beautiful valentine* chemistry,in
        love,true love,fall in,love triangle,love story,love with""",
    "science-fiction": """sci fi alien* space spaceship* spacecraft* planet* galax* robot* cyborg* android* future*
        futuristic scientist* experiment* dystop* apocalyp* post-apocalyptic clone* cloning mutant* mutat* virus
        extraterrestrial* astronaut* starship* laser* invasion technology artificial virtual genetic* nuclear
        humanity superhero* mars universe laboratory interstellar cyber* godzilla kaiju,time travel,outer
        space,parallel universe,artificial intelligence,science fiction,time machine,near future""",
    "sport": """sport* football soccer baseball basketball hockey boxing boxer* wrestl* tennis golf* athlete* coach
        team teams championship* tournament* olympic* league race races racing racer* surf* skat* ski skier*
        snowboard* swimmer* runner* marathon cricket rugby quarterback player players stadium martial fighter
        nba nfl mma ufc wwe champion cycling gymnast* climber*,world cup,super bowl""",
    "thriller": """thriller* suspense* deadly danger* conspiracy killer* murder* kidnap* hostage* stalk* terror*
        terrorist* escape obsess* psycholog* paranoi* twisted hunted trapped sinister assassin* blackmail* agent*
        spy spies espionage survive survival revenge threat* suspect* psychopath* hitman cia fbi cat
        mouse,serial killer,on the run,cat and,dark secret,dark secrets,race against""",
    "war": """war wars wartime soldier* army battle* military nazi* troops combat general regiment* invasion
        platoon marines marine navy pilot* bomb* bomber* vietnam iraq afghanistan gestapo holocaust occupied
        resistance wwii ww2 sergeant lieutenant captain battlefield frontline front prisoner* trench* german
        germans japanese enemy,world war,civil war,prisoners of,second world,first world""",
    "western": """western* cowboy* sheriff* outlaw* gunslinger* gunfighter* rancher* ranch frontier saloon marshal*
        posse texas arizona wyoming apache* comanche* sioux cattle stagecoach* railroad bandit* bounty settlers
        homestead* prospector* gunfight* deadwood dodge tombstone indians horse horses rustler*,wild
        west,old west,billy the,bounty hunter,gold rush""",
}


_KNOWN_WORDS = 50_000
_KNOWN_TEXTS = 4096
_PLAIN_WORDS = 30


def _entries(words: str) -> list[str]:
    single, *pairs = " ".join(words.split()).split(",")
    return [*single.split(), *(pair.strip() for pair in pairs)]


# Keyword → the genres it speaks for, and the same keywords apart: whole words, pairs, beginnings of words.
_GENRES_OF: dict[str, list[int]] = {}
for _column, _genre in enumerate(GENRES):
    for _entry in dict.fromkeys(_entries(KEYWORDS[_genre])):
        _GENRES_OF.setdefault(_entry, []).append(_column)
_PAIRS = frozenset(entry for entry in _GENRES_OF if " " in entry)
_FIRST_OF_PAIR = frozenset(pair.split()[0] for pair in _PAIRS)
_LENGTHS = sorted({len(entry) - 1 for entry in _GENRES_OF if entry.endswith("*")})


@lru_cache(maxsize=_KNOWN_WORDS)
def _keywords_of(word: str) -> tuple[str, ...]:
    """The keywords that a word is a form of."""
    forms = (word, *(f"{word[:length]}*" for length in _LENGTHS if length <= len(word)))
    return tuple(form for form in forms if form in _GENRES_OF)


def keywords_in(words: Sequence[str]) -> set[str]:
    """The different keywords in a text.

    Args:
        words: the text's words in lower case and in order.
    """
    keywords = {keyword for word in set(words) for keyword in _keywords_of(word)}
    return keywords | _PAIRS & {f"{first} {second}" for first, second in pairwise(words) if first in _FIRST_OF_PAIR}


def keyword_genres(keyword: str) -> list[int]:
    """The places in the taxonomy of the genres that a keyword speaks for."""
    return _GENRES_OF[keyword]


def keyword_hits(words: Sequence[str]) -> npt.NDArray[np.int64]:
    """Number of different keywords of each genre of the taxonomy in a text, shape (20,).

    Args:
        words: the text's words in lower case and in order.
    """
    hits = [0] * len(GENRES)
    for keyword in keywords_in(words):
        for column in _GENRES_OF[keyword]:
            hits[column] += 1
    return np.array(hits, dtype=np.int64)


def keyword_scores(words: Sequence[str]) -> npt.NDArray[np.float64]:
    """Hits of each genre, shape (20,), divided by the square root of how many times 30 words the text has.

    A long text hits a few keywords of any genre by chance. Words count once each; a text of up to 30
    different ones keeps its number of hits.

    Args:
        words: the text's words in lower case and in order.
    """
    length = max(len(set(words)), _PLAIN_WORDS) / _PLAIN_WORDS
    return np.asarray(keyword_hits(words) / np.sqrt(length), dtype=np.float64)


@lru_cache(maxsize=_KNOWN_TEXTS)
def text_keyword_scores(text: str) -> npt.NDArray[np.float64]:
    """:func:`keyword_scores` of a text, shape (20,), not to be written to; a training asks for each text many times."""
    scores = keyword_scores(words_of(text))
    scores.flags.writeable = False
    return scores
