"""Group ``training``: labelled examples as they stood at a moment, joined point in time by Feast."""
