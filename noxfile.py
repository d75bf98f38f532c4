"""
The commands of this project: ``nox`` runs what continuous integration runs, ``nox -l`` lists all.

Every session installs what it needs, into an environment that the next run reuses.
"""

import os
import shutil
import sys
import tarfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from email.parser import HeaderParser
from filecmp import cmp
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from zipfile import ZipFile

import nox


nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_external_run = True
# Test each installed Python; report the others as skipped.
nox.options.error_on_missing_interpreters = False

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)
OLDEST = PYTHONS[0]
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
# This extra pins an older botocore, so only its own session installs it.
AIOBOTO3 = EXTRAS.pop("aioboto3")
CONFIGURATIONS = ["hatch_build.py", "noxfile.py"]
FOR_ASYNCIO = "*/cognito_devtoken/aioboto3.py,*/cognito_devtoken/_clients/asynchronous.py"

# tests-3.12 is left out, because the tests run with an older and with newer Pythons.
nox.options.sessions = [
    *("lint", "typing", f"everything-{OLDEST}", *(f"tests-{python}" for python in PYTHONS[2:])),
    *("minimums", "aioboto3(aioboto3)", "docs"),
]

# Spread the test files over worker processes; all tests of a file run in the same process. There
# are twice as many workers as processors, because many tests wait for a process that they start.
WORKERS = str(2 * (os.cpu_count() or 1))
PYTEST = ["pytest", "-n", WORKERS, "--dist", "loadfile", "--no-loadscope-reorder"]
# The tests that start neither a process nor a server. They rarely wait, so one worker per processor
# is enough.
LIGHT = ["-m", "not external", "-n", str(os.cpu_count() or 1)]
DIST = Path("dist")

os.environ["UV_PYTHON_DOWNLOADS"] = "never"
# Without cached bytecode, each process that a test starts would compile everything that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# pyenv's python3.12 shim fails unless that version is active: use the real executable.
VERSIONS = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
for python in PYTHONS:
    for bin_dir in sorted(VERSIONS.glob(f"{python}.*/bin")):
        os.environ["PATH"] = f"{bin_dir}{os.pathsep}{os.environ['PATH']}"


def requirements(*groups: str, editable: bool = False) -> list[str]:
    """Return the requirements: this package with all its extras, and the dependency groups."""
    package = f".[{','.join(EXTRAS)}]"
    found = nox.project.dependency_groups(PYPROJECT, *groups)
    return [*(["-e"] if editable else []), package, *found]


def install(session: nox.Session, *groups: str, pins: Sequence[str] = ()) -> None:
    """Build the package from the current sources, and install it with its extras and groups."""
    # uv reuses an earlier build if pyproject.toml has not changed; pip always builds.
    rebuild = ["--reinstall-package", "cognito-devtoken"] if session.venv_backend == "uv" else []
    session.install(*rebuild, *requirements(*groups), *pins)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format and import contracts."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", env={"PYTHONPATH": "src"})
    session.run("zizmor", "--offline", "--quiet", "--no-progress", "--pedantic", ".github")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types with mypy and pyright, both strict, and that every public name is typed."""
    install(session, "typing")
    # Each folder of examples is checked on its own, because each is a program, and two have modules
    # of the same name.
    programs = (Path("examples").glob("*.py"), ["examples/browser"], ["examples/django_app"])
    commands = [
        ["mypy", "src", "tests", "benchmarks", "chaos", "docs", *CONFIGURATIONS],
        ["pyright"],
        ["pyright", "--ignoreexternal", "--verifytypes", "cognito_devtoken"],
        *(["mypy", *map(str, program)] for program in programs),
    ]
    # Each command uses one processor.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda command: session.run(*command, silent=True), commands))


@nox.session(python=PYTHONS)
def everything(session: nox.Session) -> None:
    """Run all tests on the built package, with coverage; arguments go to pytest."""
    install(session, "tests", "external", "peers", "coverage")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", *PYTEST, *session.posargs)
    if session.posargs:
        return
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--omit", FOR_ASYNCIO)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests that need neither a process nor a server; arguments go to pytest."""
    install(session, "tests")
    session.run(*PYTEST, *LIGHT, *session.posargs)


@nox.session(python=OLDEST)
def minimums(session: nox.Session) -> None:
    """Run the same tests with the oldest supported dependencies and frameworks."""
    frameworks = PYPROJECT["dependency-groups"]["web"]
    required = chain(PYPROJECT["project"]["dependencies"], *EXTRAS.values(), frameworks)
    oldest = [requirement.replace(">=", "==") for requirement in required]
    install(session, "tests", pins=oldest)
    session.run(*PYTEST, *LIGHT, *session.posargs)


@nox.session(python=OLDEST)
@nox.parametrize("newest", [False, True], ids=["aioboto3", "aiobotocore"])
def aioboto3(session: nox.Session, newest: bool) -> None:
    """Run the tests of the users' clients with aioboto3, or with the newest aiobotocore alone."""
    install(session, "tests", "coverage", pins=["aiobotocore"] if newest else AIOBOTO3)
    run = ["coverage", "run", "-m", "pytest", "tests/clients/test_aioboto3.py", *session.posargs]
    data = {"COVERAGE_FILE": str(Path(session.create_tmp(), "coverage"))}
    session.run("coverage", "erase", env=data)
    session.run(*run, env=data)
    session.run("coverage", "combine", "--quiet", env=data)
    # With either package, some lines only run if the other package is not installed.
    session.run("coverage", "report", "--include", FOR_ASYNCIO, "--fail-under=95", env=data)


@nox.session(python=OLDEST, default=False)
def thorough(session: nox.Session) -> None:
    """Run all cases of the tests that usually run a random sample; takes a minute."""
    install(session, "tests")
    drawn = ["interleavings", "interruptions", "stateful"]
    files = [f"tests/cache/test_{name}.py" for name in drawn]
    session.run(*PYTEST, *files, *session.posargs, env={"THOROUGH": "1"})


@nox.session(python=OLDEST, default=False)
def setup(session: nox.Session) -> None:
    """Check the documented set-up of a pool; needs Node.js, and terraform with its AWS provider."""
    install(session, "tests", "external", "peers", pins=["aws-cdk-lib"])
    session.run("pytest", "tests/test_setup.py", *session.posargs, env={"SETUP": "1"})


@nox.session(default=False)
def quick(session: nox.Session) -> None:
    """Run the tests that need neither a process nor a server, in less than a minute."""
    install(session, "tests")
    session.run(*PYTEST, *LIGHT, *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """
    Build the documentation, and check it in a browser.

    The session fails on a warning, on a page that shows a secret, and on an unreadable page.
    """
    install(session, "docs")
    # Build all pages, with a secret in the environment, because the reference shows the repr of
    # defaults.
    canary = "canary-that-no-page-may-show"
    build = ["sphinx-build", "-j", "auto", "-E", "-n", "-W", "-q", "docs", "docs/_build/html"]
    session.run(
        *build, env={"AWS_SECRET_ACCESS_KEY": canary, "COGNITO_DEVTOKEN_STORE_KEYS": canary}
    )
    pages = [path for path in Path("docs/_build/html").rglob("*") if path.is_file()]
    if leaks := [str(path) for path in pages if canary.encode() in path.read_bytes()]:
        session.error(f"These pages show the environment: {', '.join(leaks)}")
    # --noconftest, because tests/conftest.py imports packages that are not installed here.
    session.run("pytest", "--noconftest", "tests/site/in_browser.py")


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Build sdist and wheel twice, compare and check them; then try the wheel on each Python."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "build"))
    # The files get the date of the last commit, so that every build has the same bytes.
    date = session.run("git", "log", "-1", "--format=%ct", external=True, silent=True)
    python_build = ["python", "-m", "build", "--no-isolation"]
    env = {"SOURCE_DATE_EPOCH": str(date).strip()}
    again = Path(session.create_tmp(), "again")
    for folder in (DIST, again):
        shutil.rmtree(folder, ignore_errors=True)
    session.run(*python_build, "--sdist", "--wheel", f"--outdir={DIST}", env=env)
    session.run(*python_build, f"--outdir={again}", env=env)  # this wheel is built from the sdist
    built = sorted(DIST.iterdir())
    if differing := [
        path.name for path in built if not cmp(path, again / path.name, shallow=False)
    ]:
        session.error(f"A second build differs: {', '.join(differing)}")

    tracked = session.run("git", "ls-files", "-z", external=True, silent=True, log=False)
    expected = {*str(tracked).strip("\0").split("\0"), "PKG-INFO"}
    with tarfile.open(next(DIST.glob("*.tar.gz"))) as sdist:
        packed = {name.partition("/")[2] for name in sdist.getnames()}
    if difference := packed ^ expected:
        session.error(f"Only in the sdist or only in git: {', '.join(sorted(difference))}")

    session.run("twine", "check", "--strict", *map(str, built))
    session.run("check-wheel-contents", str(DIST))
    for python in PYTHONS:
        session.notify(f"installed-{python}")


# Uses pip, as most users do, in a new environment that contains nothing else.
@nox.session(python=PYTHONS, default=False, venv_backend="venv", reuse_venv=False)
def installed(session: nox.Session) -> None:
    """Install the wheel from ``nox -s build``, import it, and run the demo."""
    wheel = next(DIST.glob("*.whl"), None)
    if wheel is None:
        session.error("There is no wheel in dist. Run nox -s build first")
    for wanted in (f"{wheel}", f"{wheel}[emulator]"):
        session.install(wanted)
        session.run("python", "-m", "pip", "check")
        # The star import loads every public name.
        session.run("python", "-W", "error", "-c", "from cognito_devtoken import *")
    session.run("cognito-devtoken", "demo")


@nox.session(default=False, venv_backend="none")
def release(session: nox.Session) -> None:
    """Check that the files from ``nox -s build`` may be released under the given tag."""
    wheel = next(DIST.glob("*.whl"))
    with ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = HeaderParser().parsestr(archive.read(names[0]).decode())
    if session.posargs != [f"v{metadata['Version']}"]:
        session.error(f"The tag of {wheel.name} is v{metadata['Version']}, not {session.posargs}")
    # Anybody must be able to report a vulnerability without an account there: see SECURITY.md.
    for name in ("Project-URL", "Maintainer-email"):
        if name not in metadata:
            session.error(f"{wheel.name} has no {name}: see hatch_build.py")


@nox.session(default=False, python=PYTHONS)
def bench(session: nox.Session) -> None:
    """Compare with boto3 and others, into bench.json; ``-- --write`` updates the documentation."""
    install(session, "bench")
    session.run("python", "benchmarks/run.py", *session.posargs)


@nox.session(default=False)
def chaos(session: nox.Session) -> None:
    """Use the sessions at random for five minutes, while everything around them fails."""
    install(session, "redis-server")
    session.run("python", "-m", "chaos", *session.posargs)


@nox.session(default=False, venv_backend="none")
def dev(session: nox.Session) -> None:
    """Make .venv a development environment, with this package installed from src/."""
    python = Path(".venv", *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
    if not python.exists():
        session.run(sys.executable, "-m", "venv", ".venv")
    # The groups are resolved here, because the pip of an older Python has no --group.
    pip = [sys.executable, "-m", "uv", "pip"] if find_spec("uv") else [str(python), "-m", "pip"]
    target = ["--python", str(python)] if find_spec("uv") else []
    session.run(*pip, "install", *target, *requirements("dev", editable=True))
