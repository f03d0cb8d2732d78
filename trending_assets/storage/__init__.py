"""Storage: the lake, the model registry and the feature store of a home. Knows nothing of Dagster."""
