"""The drawing that ``cognito-devtoken plan --plot`` writes."""

import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from test_plan import DOCS, plan_of

from cognito_devtoken.cli import main
from cognito_devtoken.cli.plan.capacity import Plan, users_supported
from cognito_devtoken.cli.plan.plot import svg_of


PAGE = (DOCS / "quota.md").read_text()
DRAWING = re.compile(r"^cognito-devtoken (plan .* --plot )(\S+)$", re.MULTILINE)
SVG = "{http://www.w3.org/2000/svg}"


class TestPlot:
    @pytest.mark.parametrize(
        ("plan", "names"),
        [
            (Plan(users=10), ["with or without a shared store"]),
            (Plan(users=10, hosts=2), ["each host on its own", "with a shared store"]),
            (
                Plan(users=10, hosts=2, has_shared_store=True),
                ["with a shared store", "each host on its own"],
            ),
            (
                Plan(users=10, hosts=2, has_sticky_users=True),
                ["sticky users, with or without a shared store"],
            ),
        ],
    )
    def test_a_store_has_a_curve_of_its_own_if_it_matters_and_the_plan_is_marked(
        self, plan: Plan, names: list[str]
    ) -> None:
        drawing = ET.fromstring(svg_of(plan))

        texts = [text.text for text in drawing.iter(f"{SVG}text")]
        assert [text for text in texts if text in names] == names
        assert f"{users_supported(plan):,} users" in texts
        assert "your 10 users" in texts
        (circle,) = drawing.iter(f"{SVG}circle")
        assert circle.get("class") == f"{'shared' if plan.has_shared_store else 'own'}-text"
        title = drawing.find(f"{SVG}title")
        assert title is not None
        assert all(name in str(title.text) for name in names)

    @pytest.mark.parametrize(
        "plan",
        [
            Plan(users=1, hosts=10**6, quota_per_second=0.1),
            Plan(users=10**10, token_seconds=1),
            Plan(users=10**10, token_seconds=86_400, quota_per_second=10**6, headroom_percent=0),
            Plan(users=1, requests_per_hour=0.001),
            Plan(users=2750, hosts=10, token_seconds=700, headroom_percent=0),
            Plan(users=1000, quota_per_second=2.3, credentials="basic", visits_per_day=0.001),
        ],
    )
    def test_everything_is_inside_the_drawing(self, plan: Plan) -> None:
        drawing = ET.fromstring(svg_of(plan))

        _, _, width, height = map(float, drawing.attrib["viewBox"].split())
        for path in drawing.iter(f"{SVG}path"):
            for x, y in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path.attrib["d"]):
                assert 0 <= float(x) <= width
                assert 0 <= float(y) <= height
        for text in drawing.iter(f"{SVG}text"):
            assert 0 <= float(text.attrib["x"]) <= width
            assert 15 <= float(text.attrib["y"]) <= height - 4

    def test_the_drawing_has_colours_for_light_and_for_dark_pages(self) -> None:
        style = ET.fromstring(svg_of(Plan(users=1, hosts=2))).find(f"{SVG}style")
        assert style is not None
        light, _, dark = str(style.text).partition("@media (prefers-color-scheme: dark)")

        colours = [
            dict(re.findall(r"\.([\w-]+) { (?:fill|stroke): (#\w+)", css)) for css in (light, dark)
        ]

        assert colours[0].keys() == colours[1].keys()
        for each in colours:
            for name in each.keys() - {"page", "label", "grid"}:
                assert contrast(each[name], each["page"]) >= 4.5, name

    def test_a_drawing_replaces_the_previous_one(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "plan.svg"
        path.write_text("before")

        plan_of(capsys, "--users", "7", "--plot", str(path))

        assert path.read_text() == svg_of(Plan(users=7))

    def test_the_drawing_in_the_documentation_is_what_its_command_draws(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        ((command, name),) = DRAWING.findall(PAGE)
        assert f"(_static/{name})" in PAGE

        main([*shlex.split(command), str(tmp_path / name)])

        assert (tmp_path / name).read_text() == (DOCS / "_static" / name).read_text()


def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours, as WCAG defines it."""
    darker, lighter = sorted(map(luminance, (first, second)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
