"""Experiments from the command line: started on the aliases of the registry, and reported from the prediction log."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table

from trending_assets.domain.predictions.comparison import Comparison, Difference
from trending_assets.domain.predictions.experiments import Experiment, Unit
from trending_assets.storage.experiments import Experiments
from trending_assets.storage.registry import ModelRegistry

_UNKNOWN = "unknown"


class NothingToCompareError(LookupError):
    """The registry has no champion, or nothing that challenges it."""


def start_experiment(
    experiments: Experiments, registry: ModelRegistry, *, unit: Unit, share: float, shadow: float, now: datetime
) -> Experiment:
    """Starts an experiment with the champion and the challenger of a registry, after verifying the challenger's files.

    Args:
        experiments: the home's.
        registry: has both aliases.
        unit: what gets a variant for good.
        share: of the units that the challenger answers.
        shadow: of the champion's answers that the challenger gives too, unseen.
        now: when it starts.

    Raises:
        NothingToCompareError: an alias is missing.
        TamperedModelError: the challenger's files are not those that were registered.
        ExperimentRunningError: another experiment runs.
    """
    aliases = registry.aliases()
    for alias in ("champion", "challenger"):
        if alias not in aliases:
            raise NothingToCompareError(f"no version is {alias}: `trending models list` shows the aliases")
    registry.verified(aliases["challenger"])
    champion, challenger = str(aliases["champion"]), str(aliases["challenger"])
    return experiments.start(champion, challenger, unit=unit, share=share, shadow=shadow, now=now)


def show_experiments(console: Console, experiments: Sequence[Experiment]) -> None:
    """Prints experiments as a table."""
    table = Table()
    for column in ("id", "unit", "share", "shadow", "champion", "challenger", "started", "stopped"):
        table.add_column(column)
    for each in experiments:
        stopped = f"{each.stopped_at:%Y-%m-%d %H:%M:%S}" if each.stopped_at else "runs"
        shares = (f"{each.share:g}", f"{each.shadow:g}")
        table.add_row(
            each.experiment_id,
            each.unit,
            *shares,
            each.champion,
            each.challenger,
            f"{each.started_at:%Y-%m-%d %H:%M:%S}",
            stopped,
        )
    console.print(table)


def show_comparison(console: Console, experiment: Experiment, found: Comparison) -> None:
    """Prints what an experiment found; what is not known is said to be unknown."""
    show_experiments(console, [experiment])
    table = Table()
    for column in ("variant", "answers", f"{experiment.unit}s", "outcomes", "macro-F1", "micro-F1"):
        table.add_column(column)
    for name, arm in found.arms.items():
        figures = [_figure(value) for value in (arm.macro_f1, arm.micro_f1)]
        table.add_row(name, str(arm.predictions), str(arm.units), str(arm.outcomes), *figures)
    console.print(table)
    console.print(f"shadow: {found.shadowed} answers of the challenger that nobody saw")
    if found.strays:
        console.print(f"left out: {found.strays} answers by another variant than the lot says")
    alike = found.agreement
    console.print(
        f"agreement: exact match {_figure(alike.exact_match)}, mean Jaccard similarity {_figure(alike.jaccard)}, "
        f"on {alike.inputs} inputs that both answered"
    )
    for each in found.differences:
        interval = _interval(each) if experiment.stopped_at else "told when it was stopped"
        measured = f"{each.method}, {each.outcomes} outcomes"
        console.print(f"challenger minus champion: {each.value:+.4f} macro-F1, 95 % interval {interval}, {measured}")
    if not found.differences:
        console.print(f"challenger minus champion: {_UNKNOWN}")
    console.print(f"winner: {found.winner}; {found.reason}" if found.winner else f"winner: {found.reason}")


def _interval(difference: Difference) -> str:
    if not difference.spread_known:
        return f"{_UNKNOWN} of {difference.units} units"
    return f"{difference.low:+.4f} to {difference.high:+.4f}"


def _figure(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.4f}"
