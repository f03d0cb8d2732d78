"""A folder of a few rows in the layout of the files that a simulation replays."""

import gzip
import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from trending_assets.simulation import script

WEEKS = 14
_LAST = date(2018, 9, 24)
FAVOURITE = 7
TITLES = 60


def write_data(folder: Path) -> Path:
    """Writes them: :data:`TITLES` titles, and of each of :data:`WEEKS` weeks two ratings."""
    days = [_LAST - timedelta(weeks=n) for n in range(WEEKS)]
    _csv(folder / script.FILMS, "movieId,title,genres\n", ["7,Rope (1948),Crime", "8,Sand (1999),Drama"])
    _csv(folder / script.LINKS, "movieId,imdbId,tmdbId\n", ["7,0040746,1", "8,0000008,2"])
    seconds = [int((day - date(1970, 1, 1)).total_seconds()) for day in days]
    ratings = [f"{n},{FAVOURITE},4.0,{at}" for n, at in enumerate(seconds)]
    ratings += [f"{n},{100 + n},3.0,{at}" for n, at in enumerate(seconds)]
    _csv(folder / script.RATINGS, "userId,movieId,rating,timestamp\n", ratings)
    _csv(folder / script.CATALOGUE, "id,title,genres\n", [f"tm{n},Film {n},['g{n}']" for n in range(TITLES)])
    plots = [
        json.dumps({"moviebox_id": n, "title": f"Long {n}", "genres": [], "plot": "So. " * 200}) for n in range(400)
    ]
    (folder / script.LONG_PLOTS).write_bytes(gzip.compress("\n".join(plots).encode()))
    return folder


def _csv(path: Path, header: str, rows: Sequence[str]) -> None:
    path.write_bytes(gzip.compress((header + "\n".join(rows) + "\n").encode()))
