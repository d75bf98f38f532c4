"""The reference has every public name, once. Sphinx checks that its links lead somewhere."""

import ast
import re
from itertools import chain
from pathlib import Path

import pytest

from cognito_devtoken import fastapi, starlette
from pages import ROOT


SRC = ROOT / "src"
PAGES = "\n".join(path.read_text() for path in (ROOT / "docs" / "reference").glob("*.md"))
# A directive of Sphinx: its kind, its name, and the options below it.
DIRECTIVE = re.compile(r"^\.\. (\w+):: (\S+)\n((?: {3}:.*\n)*)", re.MULTILINE)
MEMBERS = re.compile(r":members: (.+)")
# The names of fixtures on the page for users of pytest.
FIXTURE = re.compile(r"^`(\w+)`(?:, `(\w+)`)?\n: ", re.MULTILINE)
# What the page of another module shows, because it is the same.
ELSEWHERE = {"cognito_devtoken.fastapi": ["exception_handlers", "lifespan"]}
# A class for Django's settings, which name it by its module.
NAMED_IN_SETTINGS = "DevTokenErrorMiddleware"


def path_of(module: str) -> Path:
    path = SRC.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def names_of(module: str) -> list[str]:
    """Return what a module exports, without importing it: its library may not be installed."""
    for node in ast.parse(path_of(module).read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    raise AssertionError(f"{module} has no __all__")


def public_modules() -> list[str]:
    package = SRC / "cognito_devtoken"
    names = {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }
    # The command line is not for import.
    public = [name for name in sorted(names) if not name.startswith("_") and name != "cli"]
    return [package.name, *(f"{package.name}.{name}" for name in [*public, "stores.redis"])]


def documented() -> dict[str, list[str]]:
    """Return the names in the reference, by module."""
    found: dict[str, list[str]] = {}
    module = ""
    for kind, name, options in DIRECTIVE.findall(PAGES):
        if kind not in ("module", "currentmodule", "automodule"):
            found[module].append(name.removesuffix("()").rpartition(".")[2])
            continue
        module = name
        names = found.setdefault(module, [])
        if listed := MEMBERS.search(options):
            names += listed[1].split(", ")
        elif kind == "automodule" and ":members:" in options:
            names += names_of(module)
    fixtures = FIXTURE.findall((ROOT / "docs" / "testing.md").read_text())
    found["cognito_devtoken.pytest_plugin"] += filter(None, chain(*fixtures))
    return found


def test_the_reference_has_every_public_module_and_no_other() -> None:
    assert documented().keys() == set(public_modules())


@pytest.mark.parametrize("module", public_modules())
def test_the_reference_has_every_public_name_of_a_module_once(module: str) -> None:
    shown = [name for name in documented()[module] if name != NAMED_IN_SETTINGS]

    expected = [name for name in names_of(module) if name != "exceptions"]  # has its own page
    assert sorted(shown + ELSEWHERE.get(module, [])) == sorted(expected)


def test_a_name_that_another_page_shows_is_the_same() -> None:
    for name in ELSEWHERE["cognito_devtoken.fastapi"]:
        assert getattr(fastapi, name) is getattr(starlette, name)


def test_the_index_of_the_reference_lists_every_page() -> None:
    listed = re.findall(
        r"^reference/(\w+)$", (ROOT / "docs" / "reference.md").read_text(), re.MULTILINE
    )

    assert sorted(listed) == sorted(p.stem for p in (ROOT / "docs" / "reference").glob("*.md"))
