"""Group ``raw``: documents exactly as they were fetched. Nothing is read out of them here."""
