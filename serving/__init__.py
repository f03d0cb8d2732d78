"""The REST API: reads the catalogue, Feast's online store and the model registry; writes nothing but its log.

Built from ``trending_assets.domain`` and ``trending_assets.storage``. It never imports Dagster, the feature
repository or the asset code: what it serves is what they left under ``TRENDING_HOME``.
"""
