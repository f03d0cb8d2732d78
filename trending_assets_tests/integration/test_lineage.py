"""The lineage picture in docs/ is what infra/lineage.py draws from the definitions as they are now."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from trending_assets.definitions import build_defs

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "lineage.svg"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_picture_in_docs_is_what_the_script_draws_now(seed: str, tmp_path: Path) -> None:
    target, home = tmp_path / "lineage.svg", tmp_path / f"home {seed}"
    environment = os.environ | {"TRENDING_HOME": str(home), "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "infra" / "lineage.py"), str(target)]
    subprocess.run(command, env=environment, cwd=tmp_path, check=True)
    assert target.read_bytes() == PICTURE.read_bytes(), "run `make lineage`"
    assert not home.exists()


def test_every_asset_group_and_sensor_is_named_in_the_picture() -> None:
    definitions = build_defs()
    texts = [element.text for element in ElementTree.parse(PICTURE).iter(f"{SVG}text")]
    for spec in definitions.resolve_all_asset_specs():
        assert texts.count(spec.key.to_user_string()) == 1
        assert spec.group_name in texts
    for sensor in definitions.sensors or []:
        assert texts.count(sensor.name) == 1


def test_no_two_boxes_overlap_and_all_stand_on_the_page() -> None:
    picture = ElementTree.parse(PICTURE).getroot()
    width, height = (float(picture.attrib[side]) for side in ("width", "height"))
    boxes = []
    for rect in picture.findall(f"{SVG}rect"):
        x, y, w, h = (float(rect.attrib.get(name, 0)) for name in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height
        # The box of an asset or a sensor is the only rectangle of this height that is not a second sheet.
        if h == 48 and "stroke-opacity" not in rect.attrib:
            boxes.append((x, y, x + w, y + h))
    definitions = build_defs()
    assert len(boxes) == len(list(definitions.resolve_all_asset_specs())) + len(list(definitions.sensors or []))
    for i, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[i + 1 :]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


@pytest.fixture
def layout(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "infra"))
    import lineage_layout

    return lineage_layout


def test_a_group_without_a_place_is_named(layout: ModuleType) -> None:
    with pytest.raises(layout.OutOfOrderError, match=r"group 'index' has no place"):
        layout.place_in_columns({"chunks": layout.Node("chunks", "index")})


def test_an_asset_that_depends_on_a_later_group_is_named(layout: ModuleType) -> None:
    nodes = {
        "titles": layout.Node("titles", "cleaned", deps=("title_text",)),
        "title_text": layout.Node("title_text", "features"),
    }
    with pytest.raises(layout.OutOfOrderError, match="titles depends on title_text"):
        layout.place_in_columns(nodes)
