"""Lineage from the command line: what a prediction was made from, and what a document touched."""

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from trending_assets.domain.predictions.lineage import (
    DocumentLineage,
    DocumentUse,
    ModelLineage,
    PartitionLineage,
    PredictionLineage,
)

_COMPARED = {True: "as it is in the lake", False: "not as it is in the lake", None: "compared with nothing"}


def show_prediction(console: Console, found: PredictionLineage) -> None:
    """Prints a prediction as a tree, from the model down to raw documents."""
    tree = Tree(_line(f"prediction {found.prediction_id}", found.title_id or "text of a caller", found.predicted_at))
    tree.add(_line(f"input {found.input_sha256}", _COMPARED[found.input_found]))
    model = tree.add(_line(f"model {found.model.name}/{found.model.version}", *_trained(found.model)))
    if found.model.training_set:
        model.add(_partition(found.model.training_set))
    service = tree.add(_line(f"features {found.feature_service}"))
    for feature in found.features:
        view = service.add(_line(feature.view, f"of {feature.event_timestamp}", feature.unknown))
        if feature.partition:
            view.add(_partition(feature.partition))
    if found.partitions:
        above = tree.add("computed from")
        for partition in found.partitions:
            above.add(_partition(partition))
    for record in found.records:
        source = tree.add(_line(f"record {record.source}:{record.source_id}", f"arrived {record.arrived_at}"))
        source.add(_document(record.document))
    for reason in found.unknown:
        tree.add(escape(f"unknown: {reason}"))
    console.print(tree)


def show_document(console: Console, found: DocumentUse) -> None:
    """Prints what a document touched: titles, models, and the predictions of these titles that read it."""
    for document in found.documents:
        console.print(_document(document))
    console.print(f"titles: {', '.join(found.titles) or 'none'}", markup=False)
    console.print(f"learned from by: {', '.join(found.models) or 'no model'}", markup=False)
    console.print(f"predictions: {len(found.predictions)}")
    for made in found.predictions:
        line = f"  {made.prediction_id}  {made.predicted_at}  {made.title_id}  {made.model}/{made.version}"
        console.print(line, markup=False)
    for reason in found.unknown:
        console.print(f"unknown: {reason}", markup=False)


def _trained(model: ModelLineage) -> Iterator[str | None]:
    if model.trained_at:
        days = model.data_partitions
        yield f"trained {model.trained_at} by run {', '.join(model.run_ids) or 'unknown'}, code {model.code_version}"
        yield f"on {len(days)} days, {days[0]} to {days[-1]}" if days else None
    yield model.unknown


def _partition(found: PartitionLineage) -> str:
    name = f"{found.table} of {found.day}" if found.day else found.table
    run = f"written {found.written_at} by run {found.run_id}" if found.run_id else None
    since = "another file is there now" if found.current is False else None
    return _line(name, found.sha256 and f"sha-256 {found.sha256}", run, since, found.unknown)


def _document(found: DocumentLineage) -> str:
    landed = f"landed by {found.source} on {found.day}" if found.source else None
    fetched = f"fetched {found.fetched_at}" if found.fetched_at else None
    return _line(f"document {found.sha256}", landed, found.url, fetched, found.unknown)


def _line(*parts: object) -> str:
    return escape(", ".join(str(part) for part in parts if part is not None))
