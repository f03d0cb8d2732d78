"""``python -m trending_assets``: the same as ``trending``."""

from trending_assets.cli import main

main()
