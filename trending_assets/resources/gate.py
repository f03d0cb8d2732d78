"""The gate as a resource: what a person has set of it."""

import dagster as dg


class GateResource(dg.ConfigurableResource["GateResource"]):
    """How the gate goes about what it decided.

    Attributes:
        require_approval: leaves it to a person to promote what passed.
    """

    require_approval: bool = False
