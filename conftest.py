"""
Run everything on this machine, with fake AWS credentials, whatever the environment.

The examples in README and docs are tests. They run against what their page starts.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


# A shell makes its background processes, and their children, ignore SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)

ONLY_LOOPBACK = Path(__file__).parent / "tests" / "only_loopback"
sys.path.insert(0, str(ONLY_LOOPBACK))
sys.modules.pop("sitecustomize", None)
import sitecustomize  # noqa: E402, F401  # refuses other connections from here on


for name in list(os.environ):
    if name.startswith("AWS_") or name.lower().endswith("_proxy"):
        del os.environ[name]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "AKIATEST",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "PYTHONPATH": str(ONLY_LOOPBACK),
    # The command of the package under test comes first, whatever else is installed.
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}

from hypothesis import HealthCheck, settings  # noqa: E402
from sybil import Example, Sybil  # noqa: E402
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser  # noqa: E402

from pages import Page, run_console  # noqa: E402


# No deadline: how long an example takes depends on the machine.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


# The test files that take longest. They run first, because the worker that began one of them last
# would work on alone.
LONGEST = (
    *("test_docs_as_read", "test_browser", "test_servers", "test_demo", "test_frameworks"),
    *("test_aws_cli_parity", "test_exec_and_credentials", "test_invalidation_listener"),
    *("test_interruptions", "test_processes", "test_fleet_demo", "test_chaos", "test_lost_logs"),
    *("test_django_processes", "test_request", "test_interleavings"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that take longest first."""
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


def evaluate_console(example: Example) -> None:
    """Run the commands of a console block and compare their output."""
    run_console(example.parsed, os.environ)


@pytest.fixture(scope="module")
def documented_setup() -> Iterator[None]:
    """What the page of an example starts and exports, and nothing else."""
    # Not from the fixture "request": sybil puts fixtures into the namespace of the examples,
    # and a variable of theirs has the same name.
    name, _, _ = os.environ["PYTEST_CURRENT_TEST"].partition("::")
    page = Page.read(Path(__file__).parent / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ACCESS_KEY_ID")
        patch.delenv("AWS_SECRET_ACCESS_KEY")
        with page.followed(os.environ) as exports:
            for name, value in exports.items():
                patch.setenv(name, value)
            yield


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser("console", evaluate_console)],
    patterns=["README.md", "docs/*.md"],
    fixtures=["documented_setup"],
).pytest()
