"""
What continuous integration runs, and you with it: ``nox``, or ``nox -s lint``.

Every session installs what it needs.
"""

import os
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import nox


nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_external_run = True
# Each Python that is installed is tested; one that is not is reported as skipped.
nox.options.error_on_missing_interpreters = False
# The files of tests are spread over the processors, each file on one.
PYTEST = ["pytest", "-n", "auto", "--dist", "loadfile"]

nox.options.sessions = ["lint", "typing", "tests", "minimums", "coverage", "docs"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)

os.environ["UV_PYTHON_DOWNLOADS"] = "never"
# pyenv's own python3.12 exists but fails unless that version is active: look behind it.
VERSIONS = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
for python in PYTHONS:
    for bin_dir in sorted(VERSIONS.glob(f"{python}.*/bin")):
        os.environ["PATH"] = f"{bin_dir}{os.pathsep}{os.environ['PATH']}"


EXTRAS = PYPROJECT["project"]["optional-dependencies"]


def install(session: nox.Session, *groups: str, pins: Sequence[str] = ()) -> None:
    """Install the built package with all its extras, and dependency groups."""
    extras = ",".join(EXTRAS)
    session.install(f".[{extras}]", *pins, *nox.project.dependency_groups(PYPROJECT, *groups))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types: mypy and pyright, both strict, and that no public name lacks one."""
    install(session, "typing")
    session.run("mypy", "src", "tests", "benchmarks", "docs/conf.py", "noxfile.py")
    # Each is a program of its own, and two have modules of the same name.
    for example in (Path("examples").glob("*.py"), ["examples/browser"], ["examples/django_app"]):
        session.run("mypy", *map(str, example))
    session.run("pyright")
    session.run("pyright", "--ignoreexternal", "--verifytypes", "cognito_devtoken")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests on the built package."""
    if session.python != PYTHONS[0]:
        install(session, "tests", "peers")
        session.run(*PYTEST, *session.posargs)
        return
    install(session, "tests", "peers", "browser")
    # Coverage doubles the time. The interleavings run what other tests cover.
    apart = "tests/cache/test_interleavings.py"
    session.run("coverage", "run", "-m", *PYTEST, f"--ignore={apart}", *session.posargs)
    if not session.posargs:
        session.run("pytest", apart)


@nox.session(python=PYTHONS[0])
def minimums(session: nox.Session) -> None:
    """Run the tests with the oldest dependencies and frameworks that are supported."""
    frameworks = PYPROJECT["dependency-groups"]["web"]
    required = chain(PYPROJECT["project"]["dependencies"], *EXTRAS.values(), frameworks)
    oldest = [requirement.replace(">=", "==") for requirement in required]
    install(session, "tests", pins=oldest)
    # What the interleavings run depends on none of them.
    apart = "tests/cache/test_interleavings.py"
    session.run(*PYTEST, f"--ignore={apart}", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Report what the tests have run."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "coverage"))
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    install(session, "docs")
    session.run("sphinx-build", "-n", "-W", "-q", "docs", "docs/_build/html")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Compare with calling boto3 directly, side by side, as ratios."""
    install(session, "bench")
    for script in sorted(Path("benchmarks").glob("bench_*.py")):
        session.run("python", str(script), *session.posargs)
