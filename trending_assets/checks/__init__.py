"""Asset checks: what must hold, and what is stopped when it does not."""
