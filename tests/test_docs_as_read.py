"""
Each page of the documentation works for its reader.

A new environment gets what the page installs, and nothing else: no variable that the page does
not export, no emulator that it does not start, no package that it does not name. This package
is not released yet, so a wheel built from these sources stands for its name.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from pages import ROOT, Page, pages, run_console
from patience import PATIENCE


Environments: TypeAlias = Callable[[frozenset[str]], Path]

pytestmark = pytest.mark.external


def run(*command: str | Path, environ: Mapping[str, str], folder: Path) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, env=environ, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def uv(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """Call uv, which may leave this machine as the tests may not."""
    command = shutil.which("uv") or pytest.skip("needs uv")
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    folder = tmp_path_factory.mktemp("uv")

    def call(*arguments: str | Path) -> None:
        run(command, "--quiet", *arguments, environ=environ, folder=folder)

    call("venv", "--python", sys.executable, "probe")
    try:
        call("pip", "install", "--python", "probe", "--dry-run", "--refresh", "attrs")
    except AssertionError as error:
        pytest.skip(f"cannot reach the package index: {error}")
    return call


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, uv: Callable[..., None]) -> Environments:
    """Make an environment with these requirements; pages with the same ones share it."""
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--out-dir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    made: dict[frozenset[str], Path] = {}

    def make(requirements: frozenset[str]) -> Path:
        if requirements not in made:
            path = tmp_path_factory.mktemp("environment")
            # "." is this package in a clone.
            named = [
                re.sub(r"^(?:\.|cognito-devtoken)(?![\w.-])(\[.*\])?$", rf"{wheel}\1", requirement)
                for requirement in sorted(requirements)
            ]
            uv("venv", "--python", sys.executable, path)
            uv("pip", "install", "--python", path, *named)
            made[requirements] = path
        return made[requirements]

    return make


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.path.stem)
def test_a_page_works_for_its_reader(page: Page, environment: Environments, tmp_path: Path) -> None:
    scripts = environment(page.requirements) / "bin"
    environ = {
        "PATH": f"{scripts}{os.pathsep}{os.defpath}",
        "HOME": str(tmp_path),
        "PYTHONPATH": os.environ["PYTHONPATH"],  # refuses connections to other machines
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with page.followed(environ) as exports:
        environ |= exports
        run_included(page.included, scripts, environ)
        run_python(page, scripts, environ, tmp_path)
        run_tests(page, scripts, environ, tmp_path)
        for block in page.blocks:
            if block.language == "console":
                run_console(block.code, environ)


def run_included(paths: Sequence[Path], scripts: Path, environ: Mapping[str, str]) -> None:
    """Import the applications that the page shows, or have Django check its project."""
    for path in paths:
        if ROOT / "examples" not in path.parents:
            continue  # a test of this project, shown for what it says
        project = next((each for each in path.parents if (each / "manage.py").exists()), None)
        arguments = ["manage.py", "check"] if project else ["-c", f"import {path.stem}"]
        run(scripts / "python", "-B", *arguments, environ=environ, folder=project or path.parent)


def run_python(page: Page, scripts: Path, environ: Mapping[str, str], folder: Path) -> None:
    """Run the Python blocks as one program, with the page's line numbers."""
    program: list[str] = []
    for block in page.blocks:
        if block.language == "python" and not block.has_tests:
            program += [""] * (block.line - 1 - len(program)) + block.code.splitlines()
    path = folder / "examples_of_the_page.py"  # not the name of a module that it imports
    path.write_text("\n".join(program))
    run(scripts / "python", path, environ=environ, folder=folder)


def run_tests(page: Page, scripts: Path, environ: Mapping[str, str], folder: Path) -> None:
    """Run each block of tests with pytest. Its reader has the applications of other pages."""
    for block in page.blocks:
        if block.has_tests:
            path = folder / f"test_line_{block.line}.py"
            path.write_text(block.code)
            paths = os.pathsep.join([environ["PYTHONPATH"], str(ROOT / "examples")])
            run(scripts / "pytest", path, environ={**environ, "PYTHONPATH": paths}, folder=folder)
