"""The champion's model card as files under ``reports/model_cards``: whatever made it the champion."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from trending_assets.domain.genres.blend import MEMBERS, BlendModel
from trending_assets.storage.atomic import write_bytes
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.model_card import model_card
from trending_assets.storage.registry import Manifest, ModelRef, ModelRegistry

_TRAINING_SET = "genre_training_set"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1e }}
table {{ border-collapse: collapse; margin: 1rem 0 }} th, td {{ border: 1px solid #d0d0d5; padding: .2rem .6rem }}
td:not(:first-child) {{ text-align: right }} img {{ max-width: 100% }} code {{ overflow-wrap: anywhere }}
</style></head><body>
{body}
</body></html>
"""


@dataclass(frozen=True)
class WrittenCard:
    """A model card that was written.

    Attributes:
        champion: what it describes.
        text: the card in Markdown.
        files: suffix, without its dot → the file.
    """

    champion: ModelRef
    text: str
    files: Mapping[str, Path]


def write_model_card(home: Home, registry: ModelRegistry) -> WrittenCard | None:
    """Writes the card of the champion, in Markdown and HTML; None where there is no champion.

    What only the training set tells is said to be unknown where the home holds another one, or none.
    """
    champion = registry.aliases().get("champion")
    if champion is None:
        return None
    manifest, lake = registry.manifest(champion), Lake(home.lake)
    same = lake.exists(_TRAINING_SET) and manifest.training_set_sha256 == lake.sha256(_TRAINING_SET)
    frame = lake.read(_TRAINING_SET).to_pandas() if same else None
    members = [registry.manifest(ref) for ref in _members(manifest) if registry.exists(ref)]
    card = model_card(manifest, registry.size(champion), registry.decisions(), frame, members)
    plots = sorted(registry.verified(champion).glob("*.png"))
    cards = home.reports / "model_cards"
    files = {suffix: cards / champion.model / f"{champion.version}.{suffix}" for suffix in ("md", "html")}
    for suffix, content in {"md": card, "html": _page(str(champion), card, plots)}.items():
        write_bytes(files[suffix], content.encode(), cards / ".staging")
    return WrittenCard(champion, card, files)


def _members(manifest: Manifest) -> list[ModelRef]:
    """The versions that a blend is made of; empty for another model."""
    named = (manifest.parameters.get(name) for name in MEMBERS) if manifest.model == BlendModel.name else ()
    return [ModelRef.parse(ref) for ref in named if isinstance(ref, str)]


def _page(title: str, card: str, plots: list[Path]) -> str:
    from markdown_it import MarkdownIt

    # What a manifest holds is text, whatever it looks like.
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(card)
    images = [
        f"<h2>{escape(plot.stem.replace('_', ' ').capitalize())}</h2>"
        f'<img alt="{escape(plot.stem)}" src="data:image/png;base64,{base64.b64encode(plot.read_bytes()).decode()}">'
        for plot in plots
    ]
    return _PAGE.format(title=escape(title), body="\n".join([body, *images]))
