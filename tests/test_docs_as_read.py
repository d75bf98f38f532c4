"""
Each page of the documentation works for its reader.

A new environment gets what the page installs, and nothing else: no variable that the page does
not export, no emulator that it does not start, no package that it does not name. This package
is not released yet, so a wheel built from these sources stands for its name.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

import pytest

from pages import ROOT, Page, pages, run_console
from patience import PATIENCE
from servers import free_port


Environments: TypeAlias = Callable[[frozenset[str]], Path]

PAGES = pages()
NAME = lambda page: page.path.stem  # noqa: E731
# How a server takes its port. The aiohttp application has no such option.
PORT_OPTIONS = {"uvicorn": "--port={}", "gunicorn": "--bind=127.0.0.1:{}", "runserver": "{}"}
SERVED = [page for page in PAGES if page.server and not PORT_OPTIONS.keys().isdisjoint(page.server)]

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
        pytest.skip(f"cannot reach the package index: {str(error).splitlines()[0]}")
    return call


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, uv: Callable[..., None]) -> Path:
    """Build this package."""
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--out-dir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def environment(
    tmp_path_factory: pytest.TempPathFactory, uv: Callable[..., None], wheel: Path
) -> Environments:
    """Make an environment with these requirements; pages with the same ones share it."""
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


@pytest.fixture
def environ(
    page: Page,
    environment: Environments,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """What the reader's shell has before the page exports anything, with the page's packages."""
    return {
        "PATH": f"{environment(page.requirements) / 'bin'}{os.pathsep}{os.defpath}",
        "HOME": str(tmp_path),
        # Not in the folders of this repository, where the applications are.
        "PYTHONPYCACHEPREFIX": str(tmp_path_factory.getbasetemp() / "bytecode"),
        "PYTHONPATH": os.environ["PYTHONPATH"],  # refuses connections to other machines
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.mark.parametrize("page", PAGES, ids=NAME)
def test_the_examples_of_a_page_work_for_its_reader(
    page: Page, environ: dict[str, str], tmp_path: Path
) -> None:
    with page.followed(environ) as exports:
        environ |= exports
        run_included(page.included, environ)
        run_python(page, environ, tmp_path)
        run_tests(page, environ, tmp_path)
        for block in page.blocks:
            if block.language == "console":
                run_console(block.code, environ)


@pytest.mark.parametrize("page", SERVED, ids=NAME)
def test_the_application_of_a_page_answers_the_request_of_the_page(
    page: Page, environ: dict[str, str], tmp_path: Path
) -> None:
    if not shutil.which("curl", path=environ["PATH"]):
        pytest.skip("needs curl")
    with page.followed(environ) as exports:
        environ |= exports
        with serving(page, environ, tmp_path) as curl:
            done = subprocess.run(curl, capture_output=True, text=True, env=environ)

    assert json.loads(done.stdout).keys() == {"IdentityId", "Token"}, done


@contextmanager
def serving(page: Page, environ: Mapping[str, str], folder: Path) -> Generator[list[str]]:
    """Start the page's application, and give the command that sends it the page's request."""
    assert page.server
    assert page.curl
    port = free_port()
    # Only the port differs from the page's: others may use that port on this machine.
    option = next(PORT_OPTIONS[word] for word in page.server if word in PORT_OPTIONS)
    if page.saved_as:
        (folder / page.saved_as).write_text(application(page))
    with subprocess.Popen(
        [*page.server, option.format(port)],
        stdin=subprocess.DEVNULL,
        env=environ,
        cwd=folder if page.saved_as else ROOT / "examples" / "django_app",
        start_new_session=True,  # Django's server starts another process
    ) as process:
        try:
            wait_for(port, process)
            address = re.compile(r"(?<=^http://127\.0\.0\.1:)\d+")
            yield [address.sub(str(port), word) for word in page.curl]
        finally:
            with suppress(ProcessLookupError):  # it has exited
                os.killpg(process.pid, signal.SIGKILL)


def application(page: Page) -> str:
    """Return what the reader saves: the file that the page shows, or else its first block."""
    shown = (path.read_text() for path in page.included if path.name == page.saved_as)
    return next(shown, None) or next(b.code for b in page.blocks if b.language == "python")


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    pause, end = threading.Event(), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, "the server has exited"
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        pause.wait(0.02)
    raise AssertionError("the server did not start")


def run_included(paths: Sequence[Path], environ: Mapping[str, str]) -> None:
    """Import the applications that the page shows, or run the tests and checks of its project."""
    for path in paths:
        if ROOT / "examples" not in path.parents:
            continue  # a test of this project, shown for what it says
        project = next((each for each in path.parents if (each / "manage.py").exists()), None)
        arguments = ["manage.py", "test"] if project else ["-c", f"import {path.stem}"]
        run("python", *arguments, environ=environ, folder=project or path.parent)


def run_python(page: Page, environ: Mapping[str, str], folder: Path) -> None:
    """Run the Python blocks as one program, with the page's line numbers."""
    program: list[str] = []
    for block in page.blocks:
        if block.language == "python" and not block.has_tests:
            program += [""] * (block.line - 1 - len(program)) + block.code.splitlines()
    path = folder / "examples_of_the_page.py"  # not the name of a module that it imports
    path.write_text("\n".join(program))
    run("python", path, environ=environ, folder=folder)


def run_tests(page: Page, environ: Mapping[str, str], folder: Path) -> None:
    """Run each block of tests with pytest. Its reader has the applications of other pages."""
    for block in page.blocks:
        if block.has_tests:
            path = folder / f"test_line_{block.line}.py"
            path.write_text(block.code)
            paths = os.pathsep.join([environ["PYTHONPATH"], str(ROOT / "examples")])
            run("pytest", path, environ={**environ, "PYTHONPATH": paths}, folder=folder)
