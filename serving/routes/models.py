"""The models of the registry, and which of them serves."""

from datetime import UTC
from typing import Annotated

from fastapi import APIRouter, Query

from serving.cursors import decode_cursor, encode_cursor
from serving.deps import State
from serving.observability import log
from serving.problems import problem_responses
from serving.schemas import ModelName, ModelPage, ModelsQuery, ModelVersion
from trending_assets.storage.model_aliases import UnreadableAliasesError
from trending_assets.storage.model_files import TamperedModelError
from trending_assets.storage.registry import Manifest, ModelRef, ModelRegistry

router = APIRouter(tags=["models"])


@router.get("/v1/models", responses=problem_responses(422))
def list_models(query: Annotated[ModelsQuery, Query()], state: State) -> ModelPage:
    """Model versions, the newest first, with what serves now."""
    scope: dict[str, object] = {"list": "models"}
    after = decode_cursor(query.cursor, scope, tuple[str, str, str]) if query.cursor else None
    manifests, unreadable = _manifests(state.registry)
    keyed = sorted(((_key(manifest), manifest) for manifest in manifests), key=lambda pair: pair[0], reverse=True)
    rest = [pair for pair in keyed if after is None or pair[0] < after]
    page = rest[: query.limit]
    aliases = _aliases(state.registry, unreadable)
    champion = state.champion.value
    return ModelPage(
        items=[_version(manifest, aliases, champion.ref if champion else None) for _, manifest in page],
        next_cursor=encode_cursor(scope, page[-1][0]) if len(rest) > len(page) else None,
        serving=champion.name if champion else None,
        aliases={alias: ModelName(name=ref.model, version=ref.version) for alias, ref in aliases.items()},
        unreadable=unreadable,
    )


def _manifests(registry: ModelRegistry) -> tuple[list[Manifest], list[str]]:
    """Every manifest that can be read, and the models of those that cannot."""
    manifests, unreadable = [], []
    for model in registry.models():
        try:
            manifests += registry.manifests(model)
        except (TamperedModelError, UnreadableAliasesError) as error:
            log.error("unreadable_manifest", model=model, message=str(error))
            unreadable.append(model)
    return manifests, unreadable


def _aliases(registry: ModelRegistry, unreadable: list[str]) -> dict[str, ModelRef]:
    try:
        return registry.aliases()
    except UnreadableAliasesError as error:
        log.error("unreadable_aliases", message=str(error))
        unreadable.append("aliases")
        return {}


def _key(manifest: Manifest) -> tuple[str, str, str]:
    return manifest.trained_at.astimezone(UTC).isoformat(), manifest.model, manifest.version


def _version(manifest: Manifest, aliases: dict[str, ModelRef], serving: ModelRef | None) -> ModelVersion:
    return ModelVersion(
        name=manifest.model,
        version=manifest.version,
        trained_at=manifest.trained_at,
        aliases=sorted(alias for alias, ref in aliases.items() if ref == manifest.ref),
        serving=manifest.ref == serving,
        feature_service=manifest.feature_service,
        feature_views=manifest.feature_views,
        genres=manifest.genres,
        thresholds=manifest.thresholds,
        metrics=manifest.metrics,
        data_partitions=len(manifest.data_partitions),
        code_version=manifest.code_version,
    )
