"""Writes the data card of every source of the registry: ``python infra/cards.py docs/data-cards``."""

import sys
from pathlib import Path

from trending_assets.ingest.cards import card_of
from trending_assets.ingest.registry import SOURCES


def main(folder: Path) -> None:
    """Writes a card a source, and removes cards of sources that are no more."""
    for card in folder.glob("*.md"):
        if card.stem not in {source.name for source in SOURCES}:
            card.unlink()
    for source in SOURCES:
        (folder / f"{source.name}.md").write_text(card_of(source), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
