"""Assets, a package a group of the lineage. A body reads, calls the domain, writes, and records metadata."""

import warnings

import dagster as dg

# Backfill policies and partition mappings are beta in the pinned version of Dagster; the exact pin is what
# keeps them from changing, and a warning a decorator would bury the warnings that matter.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
