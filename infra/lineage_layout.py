"""Layout of the lineage picture: which shelf, column and height each asset has.

A layered layout (Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system
structures", 1981) for each shelf: columns by the longest way to a node, their order by barycentres, heights by
least squares. Nothing here depends on chance or on the order in which assets were defined.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

SHELVES = (("sources", "raw", "parsed", "cleaned"), ("features", "training", "sensors"), ("models", "monitoring"))
MARGIN, PADDING, GUTTER, BETWEEN_BOXES, NODE_HEIGHT, GAP = 34, 20, 36, 14, 48, 18
SWEEPS = 24

Point = tuple[float, float]
Boxes = dict[str, tuple[float, float]]


class OutOfOrderError(ValueError):
    """An asset's group has no place in the lineage, or an asset depends on one that stands after it."""


@dataclass
class Node:
    """An asset, a sensor, or a point that an edge passes on its way through a column (without a name)."""

    key: str
    group: str
    deps: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    checks: int = 0
    partitioned: bool = False
    launches: str | None = None
    shelf: int = 0
    column: int = 0
    x: float = 0.0
    y: float = 0.0
    room: float = 0.0
    links: set[str] = field(default_factory=set)

    @property
    def passing(self) -> bool:
        """Whether only an edge is here."""
        return not self.group

    @property
    def width(self) -> float:
        """Width that holds the name and the tags."""
        if self.passing:
            return 0.0
        return max(92.0, text_width(self.key, 14) + 26, sum(tag_width(tag) + 4 for tag in self.tags) + 18)

    @property
    def height(self) -> float:
        """Height of the box, or of the room that an edge takes."""
        return 8.0 if self.passing else float(NODE_HEIGHT)

    @property
    def left(self) -> Point:
        """Where edges arrive."""
        return self.x - (self.room if self.passing else self.width) / 2, self.y

    @property
    def right(self) -> Point:
        """Where edges leave."""
        return self.x + (self.room if self.passing else self.width) / 2, self.y


def text_width(text: str, size: float) -> float:
    """Width of a text in Helvetica or a font of its metrics, rounded up."""
    narrow = sum(text.count(letter) for letter in "iljtfr/. ")
    return size * (0.57 * (len(text) - narrow) + 0.33 * narrow)


def tag_width(tag: str) -> float:
    """Width of a kind's tag."""
    return text_width(tag, 9.5) + 9


def place_in_columns(nodes: dict[str, Node]) -> None:
    """Gives each node its shelf and column: groups side by side, in a group by the longest way to the node.

    Raises:
        OutOfOrderError: a group is not on a shelf, or an edge leads back.
    """
    shelf_of = {group: i for i, shelf in enumerate(SHELVES) for group in shelf}
    for node in nodes.values():
        if node.group not in shelf_of:
            raise OutOfOrderError(f"{node.key}: group {node.group!r} has no place in the lineage: add it to SHELVES")
        node.shelf = shelf_of[node.group]

    def rank(node: Node) -> int:
        inner = [nodes[dep] for dep in node.deps if nodes[dep].group == node.group]
        return 1 + max(map(rank, inner), default=-1)

    for number, shelf in enumerate(SHELVES):
        first = 0
        for group in shelf:
            members = [node for node in nodes.values() if node.group == group]
            for node in members:
                node.column = first + rank(node)
            first = max([first, *(node.column + 1 for node in members)])
        for node in (node for node in nodes.values() if node.shelf == number):
            for dep in (nodes[dep] for dep in node.deps):
                if (dep.shelf, dep.column) >= (node.shelf, node.column) and dep.shelf >= node.shelf:
                    raise OutOfOrderError(f"{node.key} depends on {dep.key}, which stands after it")


def implied(nodes: dict[str, Node]) -> set[tuple[str, str]]:
    """Edges that say what a longer way between the same two nodes says already."""

    def reaches(start: str, end: str) -> bool:
        return start == end or any(reaches(start, dep) for dep in nodes[end].deps)

    edges = [(dep, node.key) for node in nodes.values() for dep in node.deps]
    return {(dep, key) for dep, key in edges if any(dep != other and reaches(dep, other) for other in nodes[key].deps)}


def route_through_columns(nodes: dict[str, Node]) -> tuple[dict[str, Node], list[tuple[str, str, str, str]]]:
    """Passing points for edges that skip columns of their shelf, one a source and column.

    Returns:
        All nodes with the passing points, and the pieces of edges: from, to, source and target.
    """
    everything, pieces = dict(nodes), []
    for node in nodes.values():
        for source in (nodes[dep] for dep in node.deps if nodes[dep].shelf == node.shelf):
            before = source.key
            for column in range(source.column + 1, node.column):
                key = f"{source.key} at {column}"
                everything.setdefault(key, Node(key, "", shelf=node.shelf, column=column))
                pieces.append((before, key, source.key, node.key))
                before = key
            pieces.append((before, node.key, source.key, node.key))
    for start, end, _, _ in pieces:
        everything[start].links.add(end)
        everything[end].links.add(start)
    return everything, pieces


def columns_of(nodes: dict[str, Node], shelf: int) -> list[list[Node]]:
    """The shelf's columns, left to right, each in the order of its names."""
    found: dict[int, list[Node]] = defaultdict(list)
    for node in sorted(nodes.values(), key=lambda node: node.key):
        if node.shelf == shelf:
            found[node.column].append(node)
    return [found[column] for column in sorted(found)]


def crossings(columns: Sequence[list[Node]]) -> int:
    """How many pairs of edges cross between neighbouring columns."""
    total = 0
    for left, right in pairwise(columns):
        place = {node.key: i for i, node in enumerate(right)}
        ends = [sorted(place[link] for link in node.links if link in place) for node in left]
        flat = [end for each in ends for end in each]
        total += sum(a > b for i, a in enumerate(flat) for b in flat[i + 1 :])
    return total


def order_columns(columns: list[list[Node]]) -> list[list[Node]]:
    """The columns with their nodes reordered by the barycentre of their neighbours, the best of all sweeps."""
    best, fewest = [list(column) for column in columns], crossings(columns)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        indices = range(1, len(columns)) if forward else range(len(columns) - 2, -1, -1)
        for index in indices:
            near = columns[index - 1 if forward else index + 1]
            place = {node.key: i / max(1, len(near) - 1) for i, node in enumerate(near)}
            own = {node.key: i / max(1, len(columns[index]) - 1) for i, node in enumerate(columns[index])}

            def centre(node: Node, place: dict[str, float] = place, own: dict[str, float] = own) -> float:
                found = [place[link] for link in sorted(node.links) if link in place]
                if not node.links:
                    return -1.0 if node.deps else 2.0  # above stands what comes from the shelf above
                return sum(found) / len(found) if found else own[node.key]

            columns[index].sort(key=lambda node: (round(centre(node), 6), node.passing, node.key))
        count = crossings(columns)
        if count < fewest:
            best, fewest = [list(column) for column in columns], count
    return best


def level(wanted: Sequence[float], room: Sequence[float]) -> list[float]:
    """The nearest heights to those that are wanted which keep the order and leave each its room.

    Least squares under ``y[i + 1] - y[i] >= room[i]``, by pooling adjacent violators.
    """
    offsets = [sum(room[:i]) for i in range(len(wanted))]
    blocks: list[tuple[float, int]] = []
    for value, offset in zip(wanted, offsets, strict=True):
        blocks.append((value - offset, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (low, n), (high, m) = blocks.pop(), blocks.pop()
            blocks.append(((low * n + high * m) / (n + m), n + m))
    flat = [value for value, count in blocks for _ in range(count)]
    return [value + offset for value, offset in zip(flat, offsets, strict=True)]


def set_heights(columns: list[list[Node]], nodes: dict[str, Node]) -> float:
    """Sets each node's height on its shelf, from 0 down, and returns the height of the shelf's content."""
    for column in columns:
        y = 0.0
        for node in column:
            node.y, y = y + node.height / 2, y + node.height + GAP
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wanted = []
            for node in column:
                near = [nodes[link].y for link in sorted(node.links)]
                wanted.append(sum(near) / len(near) if near else node.y)
            room = [(a.height + b.height) / 2 + GAP for a, b in pairwise(column)]
            for node, y in zip(column, level(wanted, room), strict=True):
                node.y = y
    for column in columns:
        _close_up(column)
    top = min(node.y - node.height / 2 for column in columns for node in column)
    for column in columns:
        for node in column:
            node.y = round(node.y - top, 1)
    return max(node.y + node.height / 2 for column in columns for node in column)


def _close_up(column: list[Node]) -> None:
    """Moves nodes that no edge of the shelf holds in place up to the others of their column."""
    held = [i for i, node in enumerate(column) if node.links]
    if held:
        for i in range(held[0] - 1, -1, -1):
            column[i].y = column[i + 1].y - (column[i].height + column[i + 1].height) / 2 - GAP
        for i in range(held[-1] + 1, len(column)):
            column[i].y = column[i - 1].y + (column[i].height + column[i - 1].height) / 2 + GAP


def group_of(column: Sequence[Node]) -> str:
    """The group that a column belongs to."""
    return next(node.group for node in column if node.group)


def set_columns(columns: list[list[Node]], headers: Mapping[str, float], width: float = 0.0) -> Boxes:
    """Sets each node's x so that the shelf fills a width; returns left and right edge of each group's box.

    Args:
        columns: the shelf's columns, left to right.
        headers: group → room that its header needs.
        width: the width to fill; as little as possible where the shelf needs more.
    """
    groups = [group_of(column) for column in columns]
    rooms = [
        max([headers[group] if groups.count(group) == 1 else 0.0, *(node.width for node in column)])
        for group, column in zip(groups, columns, strict=True)
    ]
    gutters = [GUTTER if group == following else 2 * PADDING + BETWEEN_BOXES for group, following in pairwise(groups)]
    spare = max(0.0, width - sum(rooms) - sum(gutters) - 2 * PADDING) / max(1, len(gutters))
    boxes: Boxes = {}
    x = float(MARGIN + PADDING)
    for column, group, room, gutter in zip(columns, groups, rooms, [*gutters, 0], strict=True):
        for node in column:
            node.x, node.room = round(x + room / 2, 1), room
        left, _ = boxes.get(group, (x - PADDING, 0.0))
        boxes[group] = (left, x + room + PADDING)
        x += room + gutter + spare
    return boxes
