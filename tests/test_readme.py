"""What the README promises beyond its examples, which run as tests themselves."""

import re
import tomllib
from itertools import chain
from pathlib import Path


ROOT = Path(__file__).parents[1]


def test_ci_runs_the_commands_of_the_readme() -> None:
    commands = re.findall(
        r"^```sh\n(.*?)\n```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )

    assert len(commands) == 2
    assert (ROOT / ".ci/run").read_text().rstrip().splitlines()[-2:] == commands


def test_links_in_the_readme_resolve() -> None:
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text())

    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_the_oldest_documented_versions_are_the_tested_ones() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    required = chain(
        *project["project"]["optional-dependencies"].values(), project["dependency-groups"]["web"]
    )
    pattern = r"^(\w+)(?:\[\w+\])?>=(\S+)$"
    tested = {m[1]: m[2] for each in required if (m := re.match(pattern, each))}
    named = {
        name.lower(): version
        for page in (ROOT / "docs").glob("*.md")
        for name, version in re.findall(r"\b(\w+) (\d[\d.]*) or later\b", page.read_text())
    }

    frameworks = {"aiohttp", "django", "fastapi", "flask", "litestar", "starlette", "svcs"}
    assert frameworks <= named.keys()
    assert {name: tested[name] for name in frameworks} == {n: named[n] for n in frameworks}
