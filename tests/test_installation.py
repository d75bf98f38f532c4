"""The page on installing names every extra, and what it and the package itself install."""

import re
import tomllib

from pages import ROOT


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PAGE = (ROOT / "docs" / "installation.md").read_text()


def split(requirement: str) -> tuple[str, str]:
    """Return the name and the oldest version of a requirement."""
    found = re.match(r"([\w.-]+)(?:\[\w+\])?>=([\d.]+)", requirement)
    assert found, requirement
    return found[1], found[2]


def test_the_page_has_every_extra_with_what_it_installs() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (`.+`) \|$", PAGE, re.MULTILINE)

    shown = {extra: set(re.findall(r"`([^`]+)`", packages)) for extra, packages in rows}
    extras = PROJECT["optional-dependencies"].items()
    assert shown == {extra: {split(each)[0] for each in needed} for extra, needed in extras}


def test_the_page_has_what_is_always_installed() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", PAGE, re.MULTILINE)

    assert dict(rows) == dict(map(split, PROJECT["dependencies"]))


def test_the_page_has_the_supported_versions_of_python() -> None:
    label = "Programming Language :: Python :: "
    labels = [each.removeprefix(label) for each in PROJECT["classifiers"] if label in each]
    versions = [each for each in labels if each.startswith("3.")]

    assert f"You need Python {versions[0]} or later" in PAGE
    assert f"on {versions[0]} to {versions[-1]}" in PAGE
