"""The domain: pure Python. No Dagster, Feast, FastAPI, network or environment."""
