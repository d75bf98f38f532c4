"""The drawings of the documentation fit into its pages; the one in the README is up to date."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from drawings import DRAWINGS, IN_README, draw
from drawings.canvas import NARROW, PALETTE, WIDE


DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_says_in_words_what_it_shows(name: str) -> None:
    for layout in draw(name):
        root = ET.fromstring(layout)

        assert root.get("role") == "img"
        assert root.get("aria-label")


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_has_no_ids_because_a_page_may_show_several(name: str) -> None:
    for layout in draw(name):
        assert [each for each in ET.fromstring(layout).iter() if each.get("id")] == []


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_narrow_layout_fits_a_phone(name: str) -> None:
    wide, narrow = (ET.fromstring(layout).get("viewBox", "") for layout in draw(name))

    assert float(narrow.split()[2]) == NARROW
    assert float(wide.split()[2]) >= WIDE


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_has_only_colours_that_the_theme_sets(name: str) -> None:
    for layout in draw(name):
        shapes = layout.partition("</style>")[2]
        used = set(re.findall(r"var\(--drawing-(\w+)\)", layout))

        assert not re.search(r'(?:fill|stroke)="(?!none)', shapes)
        assert used <= PALETTE.keys()


def test_every_drawing_is_shown_on_a_page() -> None:
    pages = "".join(path.read_text() for path in DOCS.glob("*.md"))

    assert set(re.findall(r"^```\{drawing\} (\w+)$", pages, re.MULTILINE)) == DRAWINGS.keys()


@pytest.mark.parametrize("name", IN_README)
def test_the_drawing_in_the_readme_is_up_to_date(name: str) -> None:
    assert IN_README[name].read_text() == draw(name)[0], "run: python docs/drawings"
