"""How a training becomes a run of Weights & Biases: what it depends on, what came of it, and its files."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from trending_assets.resources.home import HomeResource
from trending_assets.resources.tracking import TrackingResource
from trending_assets.storage.registry import Manifest, ModelRef
from trending_assets.storage.tracking import TrackedRun


@contextmanager
def tracked_training(
    context: dg.AssetExecutionContext, tracking: TrackingResource, home: HomeResource, ref: ModelRef, code: str
) -> Iterator[TrackedRun]:
    """Tracks the training and registration of a version in the block, as far as W&B can.

    Args:
        context: of the asset; its log gets the warnings.
        tracking: opens the run.
        home: holds the titles' days and the registry.
        ref: the version, which is registered when the block ends.
        code: version of the code that trains it.
    """
    days = home.lake.days("titles")
    begun = {
        "model": ref.model,
        "version": ref.version,
        "code_version": code,
        "data_partitions": {"count": len(days), "first": days[0], "last": days[-1]},
        "dagster_run_id": context.run.run_id,
    }
    tracker = tracking.tracker(context.log.warning)
    with tracker.run(kind="training", name=str(ref), group=context.run.run_id, config=begun) as run:
        yield run
        manifest = home.registry.manifest(ref)
        run.config(_learned(manifest))
        run.summary(_scores(manifest))
        # The registry's folder never changes, and holds no text of a title.
        run.artifact(home.registry.verified(ref), ref.model, ref.version, manifest.model_dump(mode="json"))


def _learned(manifest: Manifest) -> dict[str, Any]:
    of_data = {"training_set_sha256", "feature_service", "feature_views", "genres"}
    of_training = {"seed", "parameters", "thresholds", "library_versions"}
    return manifest.model_dump(mode="json", include=of_data | of_training)


def _scores(manifest: Manifest) -> dict[str, float]:
    groups = {"test": manifest.metrics, "test_masked": manifest.masked_metrics, "cost": manifest.costs}
    return {f"{group}/{name}": value for group, values in groups.items() for name, value in values.items()}
