"""The sites of the live sources on one day, served from 127.0.0.1, and a crawler that takes them for the internet."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from trending_assets.ingest import schema_org, tmdb, tvmaze, wikipedia
from trending_assets.ingest.documents import Document
from trending_assets.ingest.http.client import PoliteClient
from trending_assets.ingest.live import LiveDocuments, with_hosts
from trending_assets.ingest.source import Politeness, Source
from trending_assets_tests.data import shared_data
from trending_assets_tests.ingest.http.serving import (
    CONTACT,
    START,
    Answer,
    FakeClock,
    Seen,
    Site,
    client_of,
    page,
    reply,
)

DAY = START.date().isoformat()
# A key goes into the query of a request, behind what the source asked for itself.
KEY, KEY_PARAMETER = "0123456789abcdef0123456789abcdef", "&api_key="

TMDB = "https://api.themoviedb.org/3"
TVMAZE = "https://api.tvmaze.com"
WIKI = "https://en.wikipedia.org/w/api.php"
PAGEVIEWS = "https://wikimedia.org/api/rest_v1/metrics/pageviews"


@dataclass(frozen=True)
class LiveSite:
    """What a source's hosts have of the day.

    Attributes:
        source: the source.
        options: its settings.
        pages: URL → what is there, None where it is gone; in the order in which a crawl asks.
        lists: the URLs that a crawl reads to know what else to ask for.
        listings: those of them that are asked for again while the day goes on.
        detail: a URL that holds a title, and on which no other depends.
        documents: URL → type and id of its document.
        titles: the names of all titles.
        malformed: payload → why no title can be read of it.
        quarantined: URL → what is wrong with the recorded payload.
    """

    source: Source
    options: Mapping[str, str]
    pages: Mapping[str, Answer | None]
    lists: Sequence[str]
    listings: Sequence[str]
    detail: str
    documents: Mapping[str, tuple[str, str]]
    titles: Sequence[str]
    malformed: Mapping[bytes, str]
    quarantined: Mapping[str, str] = field(default_factory=dict)

    @property
    def politeness(self) -> Politeness:
        assert self.source.politeness is not None
        return self.source.politeness

    @property
    def payloads(self) -> dict[str, bytes]:
        """URL → what comes from there."""
        return {url: there.raw.partition(b"\r\n\r\n")[2] for url, there in self.pages.items() if there}

    def answer(self, payload: bytes, **headers: str) -> Answer:
        """A document of the type that the source asks for."""
        return reply(200, payload, {"Content-Type": max(self.politeness.content_types), **headers})


class Internet(Site):
    """A local server that stands for any number of hosts: it answers by whole URL, and never minds the key."""

    def find(self, seen: Seen) -> list[Answer]:
        return self.answers.get(url_of(seen), [reply(404)])

    @property
    def asked(self) -> list[str]:
        """The URLs that were asked for, robots.txt left out."""
        return [url_of(seen) for seen in self.seen if seen.target != "/robots.txt"]


@dataclass
class Crawler:
    """Crawls the day of a source's site as a run does, through its real client.

    Attributes:
        site: of the source.
        internet: where it asks.
        folder: holds the journals.
        held: what raw holds of the day.
        clock: passes only while the client waits.
    """

    site: LiveSite
    internet: Internet
    folder: Path
    held: list[Document] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)

    @property
    def live(self) -> LiveDocuments:
        return LiveDocuments(
            self.site.source, self.site.options, CONTACT, self.folder, lambda day: self.held, self.clock.now
        )

    def serve(self, before: Callable[[Answer], list[Answer]] = lambda there: []) -> None:
        """Puts the site on the internet; ``before`` says what comes at a URL before what is there."""
        for url, content in self.site.pages.items():
            there = content or reply(404)
            self.internet.answers[url] = [*before(there), there]

    def crawl(self) -> list[Document]:
        """One crawl; what was asked before it is forgotten."""
        self.internet.seen.clear()
        return self.live.documents(DAY)

    def afresh(self, name: str) -> "Crawler":
        """A crawler that has fetched nothing yet."""
        return replace(self, folder=self.folder / name)

    def client(self, politeness: Politeness, **given: Any) -> PoliteClient:
        """Stands for the class of the client, so that its makers need not know where the internet is."""
        return client_of(self.internet, politeness, clock=self.clock, **given)


def url_of(seen: Seen) -> str:
    return f"https://{seen.host}{seen.target.partition(KEY_PARAMETER)[0]}"


def document(payload: object) -> Answer:
    """A JSON document that can be asked about again."""
    return page(json.dumps(payload).encode(), ETag='"a"')


_NO_JSON = {
    b'{"id": 1, "name": "Cut': "payload is not JSON",
    b"[]": "payload is a JSON list",
}


def _tmdb() -> LiveSite:
    def recorded(name: str) -> Any:
        return json.loads(shared_data("fixtures", "tmdb", name).read_bytes())

    def listed(name: str, *numbers: int) -> Answer:
        payload = recorded(name)
        rows = [row | {"id": number} for row, number in zip(payload["results"], numbers, strict=False)]
        return document(payload | {"results": rows, "page": 1, "total_pages": 1})

    def details(medium: str, number: int) -> str:
        return f"{TMDB}/{medium}/{number}?language=en-US&append_to_response=external_ids,keywords,reviews"

    def lists(medium: str, released: str) -> list[str]:
        changes = f"{TMDB}/{medium}/changes?start_date=2025-06-02&end_date=2025-06-03&page=1"
        discover = (
            f"{TMDB}/discover/{medium}?{released}.gte=2025-06-02&{released}.lte=2025-06-02"
            "&include_adult=false&language=en-US&sort_by=popularity.desc&page=1"
        )
        return [changes, discover, f"{TMDB}/trending/{medium}/day?language=en-US&page=1"]

    films, shows = lists("movie", "primary_release_date"), lists("tv", "first_air_date")
    further = f"{TMDB}/movie/550/reviews?language=en-US&page=2"
    reviews = recorded("movies/reviews.json")
    first, second = (
        reviews | {"page": number, "results": rows, "total_pages": 2}
        for number, rows in enumerate((reviews["results"][:4], reviews["results"][4:]), start=1)
    )
    pages = {
        films[0]: listed("changes/movie_list.json", 550, 603),
        films[1]: listed("discover/movies.json", 12313),
        films[2]: listed("trending/movies.json", 550),
        details("movie", 550): document(recorded("movies/details.json") | {"reviews": first}),
        further: document(second),
        details("movie", 12313): document(recorded("movies/details_with_append_to_response.json")),
        details("movie", 603): None,
        shows[0]: listed("changes/tv_list.json"),
        shows[1]: listed("discover/tv.json", 1399),
        shows[2]: listed("trending/tv.json", 1399),
        details("tv", 1399): document(recorded("tv_series/details_with_append_to_response.json")),
    }
    types = [f"{medium}_{name}" for medium in ("movie", "tv") for name in ("changes", "discover", "trending")]
    return LiveSite(
        tmdb.SOURCE,
        {"api_key": KEY},
        pages,
        lists=[*films, *shows],
        listings=[*films, *shows],
        detail=details("tv", 1399),
        documents={
            **{url: (kind, f"{DAY}-1") for url, kind in zip([*films, *shows], types, strict=True)},
            details("movie", 550): ("movie", "movie-550"),
            details("movie", 12313): ("movie", "movie-12313"),
            details("tv", 1399): ("tv", "tv-1399"),
            further: ("movie_reviews", "movie-550-2"),
        },
        titles=["Fight Club", "Game of Thrones"],
        # Where TMDB says null, this recording has a word.
        quarantined={details("movie", 12313): "external_ids.wikidata_id: 'wikidata' is not a Wikidata id"},
        malformed=_NO_JSON,
    )


def _tvmaze() -> LiveSite:
    shows = {show["id"]: show for show in json.loads(shared_data("fixtures", "tvmaze", "shows.json").read_bytes())}
    episodes = json.loads(shared_data("fixtures", "tvmaze", "episodes_show82.json").read_bytes())
    updated = int(datetime(2025, 6, 2, 9, tzinfo=UTC).timestamp())
    updates = f"{TVMAZE}/updates/shows?since=week"
    gone, thrones, breaking = (f"{TVMAZE}/shows/{number}?embed=episodes" for number in (3, 82, 169))
    return LiveSite(
        tvmaze.SOURCE,
        {},
        pages={
            updates: document({"169": updated, "82": updated, "3": updated, "1": updated - 86_400}),
            gone: None,
            thrones: document(shows[82] | {"_embedded": {"episodes": episodes}}),
            breaking: document(shows[169]),
        },
        lists=[updates],
        listings=[updates],
        detail=thrones,
        documents={updates: ("updates", f"{DAY}?since=week"), thrones: ("show", "82"), breaking: ("show", "169")},
        titles=["Breaking Bad", "Game of Thrones"],
        malformed=_NO_JSON,
    )


def _wikipedia() -> LiveSite:
    def query(titles: str, **parameters: str) -> str:
        usual = {"action": "query", "format": "json", "formatversion": "2", "redirects": "1"}
        return f"{WIKI}?{urlencode({**usual, **parameters, 'titles': titles})}"

    def views(article: str) -> str:
        return f"{PAGEVIEWS}/per-article/en.wikipedia/all-access/user/{article}/daily/20250602/20250602"

    def described(title: str, description: str, **more: object) -> dict[str, object]:
        return {"ns": 0, "title": title, "description": description, **more}

    parasite, severance = ("Parasite (2019 film)", "2019 film by Bong Joon-ho"), ("Severance", "American TV series")
    top = f"{PAGEVIEWS}/top/en.wikipedia/all-access/2025/06/02"
    read = ["Main_Page", "Severance", "Elvis_Presley", "Parasite_(2019_film)"]
    descriptions = query("Severance|Elvis_Presley|Parasite_(2019_film)", prop="description")
    more = {"prop": "extracts|description|pageprops", "exintro": "1", "explaintext": "1", "ppprop": "wikibase_item"}
    introductions = query("Severance|Parasite (2019 film)", **more)
    uncounted, counted = views("Severance"), views("Parasite_%282019_film%29")
    return LiveSite(
        wikipedia.SOURCE,
        {},
        pages={
            top: document({"items": [{"articles": [{"article": name} for name in read]}]}),
            descriptions: document(
                {
                    "query": {
                        "pages": [
                            described(*severance),
                            described("Elvis Presley", "American singer"),
                            described(*parasite),
                        ]
                    }
                }
            ),
            introductions: document(
                {
                    "query": {
                        "pages": [
                            described(*severance, extract="Severance is an American science fiction TV series."),
                            described(
                                *parasite,
                                extract="Parasite is a 2019 South Korean black comedy film.",
                                pageprops={"wikibase_item": "Q61448040"},
                            ),
                        ]
                    }
                }
            ),
            uncounted: None,
            counted: document(
                {"items": [{"article": "Parasite_(2019_film)", "timestamp": "2025060200", "views": 12_345}]}
            ),
        },
        lists=[top, descriptions],
        listings=[top],
        detail=introductions,
        documents={
            top: ("top", DAY),
            descriptions: ("descriptions", f"{DAY}-1"),
            introductions: ("pages", "Severance|Parasite (2019 film)"),
            counted: ("views", f"Parasite_(2019_film)/{DAY}"),
        },
        titles=["Parasite", "Severance"],
        malformed={
            **_NO_JSON,
            b'{"error": {"code": "internal_api_error", "info": "Oops"}}': "the error 'internal_api_error'",
        },
    )


def _schema_org() -> LiveSite:
    def described(name: str, kind: str, charset: str) -> Answer:
        markup = json.dumps({"@context": "https://schema.org", "@type": kind, "name": name}, ensure_ascii=False)
        html = f'<html><script type="application/ld+json">{markup}</script></html>'
        return reply(200, html.encode(charset), {"Content-Type": f"text/html; charset={charset}", "ETag": '"a"'})

    alien, gone, elite = "https://films.example/alien", "https://films.example/gone", "https://shows.example/elite?s=1"
    options = {"hosts": "films.example shows.example", "urls": f"{gone} {alien} {elite}"}
    return LiveSite(
        with_hosts(schema_org.SOURCE, options),
        options,
        # Only the header says how the last is written.
        pages={
            gone: None,
            alien: described("Alien", "Movie", "utf-8"),
            elite: described("Élite", "TVSeries", "iso-8859-1"),
        },
        lists=[],
        listings=[],
        detail=alien,
        documents={alien: ("page", alien), elite: ("page", elite)},
        titles=["Alien", "Élite"],
        malformed={
            b"<html><h1>Alien</h1></html>": "describes no Movie, TVSeries or Review",
            b'<script type="application/ld+json">{"@type": "Movie", "name": "Ali': "JSON-LD block 1: ",
        },
    )


# By the names of their sources; a site of recorded payloads is made only where those are at hand.
LIVE_SITES: Mapping[str, Callable[[], LiveSite]] = {
    "tmdb": _tmdb,
    "tvmaze": _tvmaze,
    "wikipedia": _wikipedia,
    "schema_org": _schema_org,
}
