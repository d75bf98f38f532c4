"""The packages that npm installs are pinned by their hashes, and come from its public registry."""

import json
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
REGISTRY = "https://registry.npmjs.org/"
PROJECTS = [ROOT / "examples" / "browser", ROOT / "tests" / "real_clients" / "javascript"]


@pytest.mark.parametrize("project", PROJECTS, ids=lambda each: each.name)
def test_each_package_is_pinned_and_comes_from_the_public_registry(project: Path) -> None:
    packages = json.loads((project / "package-lock.json").read_text())["packages"]
    root = packages.pop("")

    assert (
        root["dependencies"] == json.loads((project / "package.json").read_text())["dependencies"]
    )
    assert packages
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        # Without an address, npm takes the registry that it is configured for.
        assert package.get("resolved", REGISTRY).startswith(REGISTRY), name
