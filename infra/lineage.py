"""Draws the asset lineage from the live definitions as one SVG: ``python infra/lineage.py docs/lineage.svg``.

Groups stand on shelves in the order of the lineage. On a shelf, assets stand in columns by how far they are
from the group's first asset; columns are ordered by barycentres, so that few edges cross, and edges of one
source share a line for as long as they go the same way. The same definitions give the same bytes.
"""

import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from lineage_layout import (
    MARGIN,
    PADDING,
    SHELVES,
    Boxes,
    Node,
    Point,
    columns_of,
    implied,
    order_columns,
    place_in_columns,
    route_through_columns,
    set_columns,
    set_heights,
    tag_width,
    text_width,
)  # fmt: skip

# A sensor does not declare what it looks at; it is drawn from the asset whose landings its code reads.
WATCHES = {"features_on_landing": "titles", "retrain_on_new_partitions": "online_store"}
COLOURS = {
    "sources": "#a8b3c7", "raw": "#f2a65a", "parsed": "#e8c547", "cleaned": "#5fd38d", "features": "#4fc3f7",
    "training": "#a99bff", "models": "#f48fb1", "monitoring": "#ff8a65", "sensors": "#ffd166",
}  # fmt: skip
BACKGROUND, BOX, NODE, TEXT, QUIET = "#0f1524", "#161f33", "#1e2a44", "#eef2fb", "#9fb0cc"

TITLE_HEIGHT, LEGEND_HEIGHT, HEADER, LANE, LANE_GAP = 74, 58, 38, 11, 10


def read_nodes() -> tuple[dict[str, Node], dict[str, list[str]], str]:
    """Assets and sensors of the definitions by name, the jobs of each group, and a line that counts them all."""
    from trending_assets.definitions import build_defs

    definitions = build_defs()
    graph = definitions.resolve_asset_graph()
    checks = Counter(key.asset_key.to_user_string() for key in graph.asset_check_keys)
    nodes: dict[str, Node] = {}
    for spec in sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key.path):
        key = spec.key.to_user_string()
        nodes[key] = Node(
            key,
            str(spec.group_name),
            tuple(sorted({dep.asset_key.to_user_string() for dep in spec.deps})),
            tuple(sorted(spec.kinds)),
            checks[key],
            spec.partitions_def is not None,
        )
    assets, jobs = len(nodes), defaultdict(list)
    reached: dict[str, set[str]] = {}
    for job in sorted(definitions.jobs or [], key=lambda job: job.name):
        keys = definitions.resolve_job_def(job.name).asset_layer.executable_asset_keys
        reached[job.name] = {nodes[key.to_user_string()].group for key in keys}
        for group in reached[job.name]:
            jobs[group].append(job.name)
    order = [group for shelf in SHELVES for group in shelf]
    sensors = sorted(definitions.sensors or [], key=lambda sensor: sensor.name)
    for sensor in sensors:
        job_name = sensor.job_name if sensor.has_jobs else None
        nodes[sensor.name] = Node(
            sensor.name,
            "sensors",
            tuple(filter(None, [WATCHES.get(sensor.name)])),
            (f"requests {job_name}" if job_name else "watches runs",),
            launches=min(reached[job_name], key=order.index) if job_name else None,
        )
    daily = sum(spec.partitions_def is not None for spec in definitions.resolve_all_asset_specs())
    counts = [
        # A number of partitions would be another one each day.
        f"{assets} assets, {daily} of them daily",
        f"{sum(checks.values())} checks",
        f"{len(definitions.jobs or [])} jobs",
        f"{len(sensors)} sensors",
    ]
    return nodes, jobs, "  ·  ".join(counts)


def mixed(colour: str, other: str, share: float) -> str:
    """A colour with a share of another; what is faint is mixed, so that lines over each other look like one."""
    pairs = [(int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a * (1 - share) + b * share):02x}" for a, b in pairs)


def element(tag: str, text: str = "", **attributes: object) -> str:
    """An SVG element; ``_`` in an attribute's name stands for ``-``."""
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    shown = " ".join(f'{k}="{round(v, 1) if isinstance(v, float) else v}"' for k, v in given.items())
    return f"<{tag} {shown}>{escape(text)}</{tag}>" if text else f"<{tag} {shown}/>"


def edge(path: str, group: str, *, faint: bool = False, arrow: bool = True) -> str:
    """A line in the colour of the group it comes from; a sensor's is dashed."""
    style: dict[str, object] = {"stroke": COLOURS[group], "stroke_width": 1.9}
    if faint:
        style = {"stroke": mixed(COLOURS[group], BOX, 0.62), "stroke_width": 1.2}
    if group == "sensors":
        style |= {"stroke_dasharray": "5 4", "stroke_width": 1.6}
    if arrow:
        style["marker_end"] = f"url(#{group}{'-faint' if faint else ''})"
    return element("path", d=path, fill="none", **style)


def curve(start: Point, end: Point) -> str:
    """A smooth curve that leaves and arrives level."""
    (x0, y0), (x1, y1) = start, end
    middle = (x0 + x1) / 2
    return f"M{x0:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"


def bend(points: Sequence[Point], radius: float = 9.0) -> str:
    """A line along the points with rounded corners."""
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        entry, leave = _towards(corner, before, radius), _towards(corner, after, radius)
        path += f"L{entry[0]:.1f} {entry[1]:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {leave[0]:.1f} {leave[1]:.1f}"
    return path + f"L{points[-1][0]:.1f} {points[-1][1]:.1f}"


def _towards(start: Point, end: Point, distance: float) -> Point:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = max(abs(dx), abs(dy), 1e-9)
    step = min(distance, length / 2) / length
    return start[0] + dx * step, start[1] + dy * step


@dataclass
class Shelf:
    """One shelf: its columns, the boxes of its groups, and where it stands."""

    columns: list[list[Node]]
    boxes: Boxes
    content: float
    top: float = 0.0

    @property
    def bottom(self) -> float:
        """The lower edge of its boxes."""
        return self.top + HEADER + self.content + PADDING


def lanes_of(nodes: dict[str, Node]) -> list[list[tuple[str, str]]]:
    """The lanes in the channel above each shelf, top to bottom: what runs there, and whether a sensor caused it."""
    lanes: list[set[tuple[str, str]]] = [set() for _ in SHELVES]
    shelf_of = {group: i for i, shelf in enumerate(SHELVES) for group in shelf}
    for node in nodes.values():
        if node.launches:
            lanes[shelf_of[node.launches]].add((node.key, "sensors"))
        for dep in (nodes[dep] for dep in node.deps if nodes[dep].shelf < node.shelf):
            for channel in {dep.shelf + 1, node.shelf}:
                lanes[channel].add((dep.key, "sensors" if node.group == "sensors" else dep.group))
    # What comes from the right runs below, so that lines turn off without crossing those beneath.
    return [
        sorted(found, key=lambda lane: (nodes[lane[0]].group == "sensors", -nodes[lane[0]].column, lane))
        for found in lanes
    ]


def edges_between_shelves(
    nodes: dict[str, Node], shelves: list[Shelf], width: float, redundant: set[tuple[str, str]]
) -> Iterable[tuple[bool, str]]:
    """Lines that run down a gutter, along the channel between two shelves and down again, and whether faintly."""
    lanes = lanes_of(nodes)
    leaving: dict[tuple[int, int], list[tuple[str, str]]] = defaultdict(list)
    entering: dict[tuple[int, int], list[tuple[str, str]]] = defaultdict(list)

    def y_of(channel: int, lane: tuple[str, str]) -> float:
        below = len(lanes[channel]) - 1 - lanes[channel].index(lane)
        return shelves[channel].top - LANE_GAP - LANE * below

    def offset(gutter: list[tuple[str, str]], lane: tuple[str, str]) -> int:
        if lane not in gutter:
            gutter.append(lane)
        return 8 + 5 * gutter.index(lane)

    for node in nodes.values():
        for dep in (nodes[dep] for dep in node.deps if nodes[dep].shelf < node.shelf):
            group = "sensors" if node.group == "sensors" else dep.group
            lane, faint = (dep.key, group), (dep.key, node.key) in redundant
            out = dep.x + dep.room / 2 + offset(leaving[dep.shelf, dep.column], lane)
            into = node.x - node.room / 2 - offset(entering[node.shelf, node.column], lane) - 4
            y, last = y_of(dep.shelf + 1, lane), y_of(node.shelf, lane)
            edge_of_page = width - MARGIN / 2
            aside = [(edge_of_page, y), (edge_of_page, last)] if node.shelf > dep.shelf + 1 else []
            points = [dep.right, (out, dep.y), (out, y), *aside, (into, last), (into, node.y), node.left]
            yield faint, edge(bend(points), group, faint=faint)
        if node.launches:
            target = next(shelf for shelf in shelves if node.launches in shelf.boxes)
            lane = (node.key, "sensors")
            out = width - MARGIN + 3 + offset(leaving[node.shelf, -1], lane) - 2
            y, end = y_of(shelves.index(target), lane), sum(target.boxes[node.launches]) / 2
            points = [node.right, (out, node.y), (out, y), (end, y), (end, target.top - 1)]
            yield False, edge(bend(points), "sensors")


def edges_on_shelves(
    nodes: dict[str, Node], pieces: Sequence[tuple[str, str, str, str]], redundant: set[tuple[str, str]]
) -> Iterable[tuple[bool, str]]:
    """Curves between the columns of a shelf."""
    users: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for start, end, source, target in pieces:
        users[start, end].append((source, target))
    for (start, end), used_by in sorted(users.items()):
        faint = all(pair in redundant for pair in used_by)
        a, b = nodes[start], nodes[end]
        group = (
            "sensors" if all(nodes[target].group == "sensors" for _, target in used_by) else nodes[used_by[0][0]].group
        )
        yield faint, edge(curve(a.right, b.left), group, faint=faint, arrow=not b.passing)
        if b.passing:
            (x0, y), (x1, _) = b.left, b.right
            yield faint, edge(f"M{x0:.1f} {y:.1f}L{x1:.1f} {y:.1f}", group, faint=faint, arrow=False)


def draw_box(group: str, shelf: Shelf, jobs: Sequence[str]) -> Iterable[str]:
    """A group's box with its name and the job that computes it."""
    left, right = shelf.boxes[group]
    dash = {"stroke_dasharray": "5 4"} if group == "sensors" else {}
    yield element(
        "rect", x=left, y=shelf.top, width=right - left, height=shelf.bottom - shelf.top, rx=12, fill=BOX,
        stroke=mixed(COLOURS[group], BOX, 0.6), stroke_width=1.2, **dash,
    )  # fmt: skip
    yield element(
        "text", group, x=left + PADDING, y=shelf.top + 22, fill=COLOURS[group], font_size=14, font_weight="bold",
        letter_spacing=0.6,
    )  # fmt: skip
    label = f"job {', '.join(jobs)}" if jobs else ""
    if label and right - left >= text_width(group, 16) + text_width(label, 11) + 2 * PADDING:
        yield element("text", label, x=right - PADDING, y=shelf.top + 22, fill=QUIET, font_size=11, text_anchor="end")


def draw_node(node: Node) -> Iterable[str]:
    """An asset or a sensor: name, tags, a second sheet where it is partitioned, and the number of its checks."""
    x, y, width, height = node.x - node.width / 2, node.y - node.height / 2, node.width, node.height
    colour = COLOURS[node.group]
    sheet = {"rx": 9, "width": width, "height": height, "fill": NODE, "stroke": colour}
    if node.partitioned:
        yield element("rect", x=x + 4, y=y + 4, stroke_opacity=0.55, **sheet)
    if node.group == "sensors":
        sheet |= {"rx": 24}
    yield element("rect", x=x, y=y, stroke_width=1.4, **sheet)
    name = {"font_size": 14, "font_weight": "bold", "fill": TEXT, "text_anchor": "middle"}
    yield element("text", node.key, x=node.x, y=y + 20, **name)
    start = node.x - (sum(tag_width(tag) + 4 for tag in node.tags) - 4) / 2
    for tag in node.tags:
        yield element("rect", x=start, y=y + 28, width=tag_width(tag), height=14, rx=7, fill=mixed(colour, NODE, 0.78))
        middle = start + tag_width(tag) / 2
        yield element(
            "text", tag, x=middle, y=y + 38.3, font_size=9.5, fill=mixed(colour, TEXT, 0.35), text_anchor="middle"
        )
        start += tag_width(tag) + 4
    if node.checks:
        yield from draw_checks(x + width - 6, y, node.checks)


def draw_checks(x: float, y: float, number: int) -> Iterable[str]:
    """The badge with the number of checks."""
    width = 22.0 + text_width(str(number), 10)
    yield element(
        "rect", x=x - width / 2, y=y - 8, width=width, height=16, rx=8, fill="#1f8a4c", stroke=BOX, stroke_width=2
    )
    tick = f"M{x - width / 2 + 6:.1f} {y:.1f}l2.6 2.8l4.8 -5.6"
    yield element("path", d=tick, fill="none", stroke="#ffffff", stroke_width=1.7, stroke_linecap="round")
    yield element(
        "text", str(number), x=x + 6, y=y + 3.7, font_size=10, font_weight="bold", fill="#ffffff", text_anchor="middle"
    )


def draw_legend(y: float) -> Iterable[str]:
    """What the signs mean."""
    x = float(MARGIN)
    text = {"y": y + 4, "font_size": 12, "fill": QUIET}

    def say(what: str) -> str:
        nonlocal x
        said = element("text", what, x=x, **text)
        x += text_width(what, 12) + 34
        return said

    for shift in (4, 0):
        yield element("rect", x=x + shift, y=y - 9 + shift, width=24, height=16, rx=4, fill=NODE, stroke=QUIET)
    x += 36
    yield say("one partition a day")
    x += 14
    yield from draw_checks(x, y, 8)
    x += 24
    yield say("asset checks")
    for faint, what in ((False, "reads"), (True, "also reads, though already upstream")):
        yield edge(f"M{x:.1f} {y:.1f}L{x + 30:.1f} {y:.1f}", "cleaned", faint=faint)
        x += 42
        yield say(what)
    yield edge(f"M{x:.1f} {y:.1f}L{x + 30:.1f} {y:.1f}", "sensors")
    x += 42
    yield say("sensor: sees landings, requests a run")


def draw(nodes: dict[str, Node], jobs: dict[str, list[str]], counts: str) -> str:
    """The whole picture."""
    place_in_columns(nodes)
    redundant = implied(nodes)
    everything, pieces = route_through_columns(nodes)
    stacks = [order_columns(columns_of(everything, number)) for number in range(len(SHELVES))]
    headers = {
        group: text_width(group, 16) + (text_width(f"job {', '.join(jobs[group])}", 11) + 14 if jobs.get(group) else 0)
        for shelf in SHELVES
        for group in shelf
    }
    inner = max(right for columns in stacks for _, right in set_columns(columns, headers).values()) - MARGIN
    width = math.ceil(inner + 2 * MARGIN)
    shelves = []
    for columns in stacks:
        content = set_heights(columns, everything)
        shelves.append(Shelf(columns, set_columns(columns, headers, inner), content))
    y = float(TITLE_HEIGHT)
    for number, (shelf, lanes) in enumerate(zip(shelves, lanes_of(nodes), strict=True)):
        shelf.top = y + (LANE * len(lanes) + 2 * LANE_GAP if lanes or number else 0)
        for node in (node for column in shelf.columns for node in column):
            node.y += shelf.top + HEADER
        y = shelf.bottom
    height = math.ceil(y + LEGEND_HEIGHT)
    edges = [*edges_on_shelves(everything, pieces, redundant), *edges_between_shelves(nodes, shelves, width, redundant)]
    body = [
        element("rect", width=width, height=height, rx=18, fill=BACKGROUND),
        element("text", "Trending Now: the asset lineage", x=MARGIN, y=46, font_size=24, font_weight="bold", fill=TEXT),
        element("text", counts, x=width - MARGIN, y=45, font_size=13, fill=QUIET, text_anchor="end"),
        *(part for shelf in shelves for group in shelf.boxes for part in draw_box(group, shelf, jobs.get(group, []))),
        *(part for faint, part in sorted(edges, key=lambda found: not found[0])),
        *(part for node in nodes.values() for part in draw_node(node)),
        *draw_legend(y + LEGEND_HEIGHT / 2),
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="Helvetica, Arial, sans-serif" role="img">'
    )
    return "\n".join([head, "<title>The asset lineage of Trending Now</title>", markers(), *body, "</svg>", ""])


def markers() -> str:
    """An arrow head for each colour of edge."""
    found = []
    for group, colour in COLOURS.items():
        for name, fill in ((group, colour), (f"{group}-faint", mixed(colour, BOX, 0.62))):
            tip = element("path", d="M0 0L8 4L0 8z", fill=fill)
            found.append(
                f'<marker id="{name}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" '
                f'markerUnits="userSpaceOnUse" orient="auto">{tip}</marker>'
            )
    return f"<defs>{''.join(found)}</defs>"


def main() -> int:
    """Writes the picture to the path that is given."""
    if len(sys.argv) != 2:
        print("usage: python infra/lineage.py OUTPUT.svg", file=sys.stderr)
        return 2
    Path(sys.argv[1]).write_text(draw(*read_nodes()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
