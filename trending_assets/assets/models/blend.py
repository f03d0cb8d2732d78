"""``genre_blend``: two models together, where cross-validation says that it is worth it."""

from dataclasses import replace
from typing import cast

import dagster as dg

from trending_assets.assets.models.genres import (
    CODE,
    READS,
    SEED,
    TRAINING_SET,
    contenders,
    held_out_of,
    model_metadata,
    register,
    version_of,
)
from trending_assets.assets.models.tracked import tracked_training
from trending_assets.domain.genres.blend import LEAST_GAIN, MEMBERS, BlendModel, Gain, blended
from trending_assets.domain.genres.training import TrainedModel
from trending_assets.resources.daily import OWNER, code_version_of, column_schema
from trending_assets.resources.home import HomeResource
from trending_assets.resources.pools import TRAINING
from trending_assets.resources.tracking import TrackingResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.registry import ModelRef, ModelRegistry, predictor_of

_NAME = BlendModel.name


@dg.asset(
    key=_NAME,
    deps=[dg.AssetKey(TRAINING_SET), *(dg.AssetKey(name) for name in MEMBERS)],
    code_version=code_version(__name__, "trending_assets.assets.models.genres", *CODE),
    group_name="models",
    owners=[OWNER],
    kinds={"python"},
    pool=TRAINING,
    description=(
        f"The weighted mean of {' and '.join(MEMBERS)}, registered only where predictions for titles that neither had "
        f"seen gain {LEAST_GAIN:g} of macro-F1 by it."
    ),
    metadata=column_schema(READS),
)
def genre_blend(
    context: dg.AssetExecutionContext, home: HomeResource, tracking: TrackingResource
) -> dg.MaterializeResult[None]:
    """The version for the newest members, or none where it is not worth its cost."""
    code = code_version_of(context, _NAME)
    members = {k: v for k, v in contenders(home.registry, home.lake.sha256(TRAINING_SET)).items() if k in MEMBERS}
    if len(members) < len(MEMBERS):
        missing = [name for name in MEMBERS if name not in members]
        return dg.MaterializeResult(metadata={"not made": f"{' and '.join(missing)} has not been trained"})
    ref = ModelRef(_NAME, version_of(home.lake, code, {name: str(member) for name, member in members.items()}))
    if home.registry.exists(ref):
        return dg.MaterializeResult(metadata=model_metadata(home.registry.manifest(ref), home))
    first, second = (_stored(home.registry, members[name]) for name in MEMBERS)
    trained, gain = blended(first, second, home.lake.read(TRAINING_SET).to_pandas())
    told = _told(gain)
    if trained is None:
        return dg.MaterializeResult(metadata={"not made": gain.why_not, **told})
    named = replace(trained, parameters=told | {name: str(member) for name, member in members.items()})
    of_first, of_second = (held_out_of(home, members[name]) for name in MEMBERS)
    mixed = cast("BlendModel", trained.model).mixed
    held_out = of_first.combined(of_second, mixed) if of_first and of_second else None
    with tracked_training(context, tracking, home, ref, code):
        register(home, ref, code, context.run.run_id, lambda _: named, held_out=held_out)
    return dg.MaterializeResult(metadata=model_metadata(home.registry.manifest(ref), home))


def _stored(registry: ModelRegistry, ref: ModelRef) -> TrainedModel:
    folder = registry.verified(ref)
    return TrainedModel.stored(folder, predictor_of(folder, registry.manifest(ref)), SEED)


def _told(gain: Gain) -> dict[str, float | str]:
    figures = {"macro_f1_gained": gain.macro_f1, "micro_f1_gained": gain.micro_f1}
    known = {name: "unknown" if value is None else value for name, value in figures.items()}
    return {"rows_compared": gain.rows, f"share_of_{MEMBERS[1]}": gain.share, **known}
