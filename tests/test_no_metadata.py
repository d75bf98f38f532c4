"""Without ``*.dist-info``, which packagers for AWS Lambda remove, everything works the same."""

import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

import cognito_devtoken
from patience import PATIENCE


# The package and what it needs.
NEEDED = ["attr", "attrs", "botocore", "cachetools", "cognito_devtoken", "dateutil", "jmespath"]
NEEDED += ["six", "urllib3"]

SCRIPT = """

import cognito_devtoken
from importlib.metadata import distributions
from cognito_devtoken import DevTokenClient, TokenRequest, TokenSession
from cognito_devtoken.cli import main

assert not list(distributions()), "the environment has metadata"
with TokenSession("us-east-1:0", developer_provider="login.example.com"):
    pass
with DevTokenClient(endpoint_url="http://127.0.0.1:1") as client:
    print(client._client_for("us-east-1")._client_config.user_agent.split()[0])
try:
    main(["--version"])
except SystemExit as stopped:
    assert stopped.code == 0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of modules without any metadata."""
    folder = tmp_path_factory.mktemp("slim")
    for name in NEEDED:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        if origin.name == "__init__.py":
            # Linked, because botocore's data has thousands of files.
            (folder / name).symlink_to(origin.parent)
        else:
            shutil.copy(origin, folder)
    return folder


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-S", *arguments],  # -S: without site-packages
        cwd=folder,
        env={"PYTHONPATH": str(folder), "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_version_is_that_of_the_installed_package() -> None:
    assert cognito_devtoken.__version__ == version("cognito-devtoken")


@pytest.mark.external
def test_without_metadata_the_library_works_and_knows_its_version(folder: Path) -> None:
    expected = cognito_devtoken.__version__

    assert run(folder, "-c", SCRIPT).splitlines() == [
        f"cognito-devtoken/{expected}",
        f"cognito-devtoken {expected}",
    ]


@pytest.mark.external
def test_without_metadata_the_command_line_runs_as_a_module(folder: Path) -> None:
    expected = f"cognito-devtoken {cognito_devtoken.__version__}\n"

    assert run(folder, "-m", "cognito_devtoken", "--version") == expected


def test_no_module_reads_metadata_of_a_package() -> None:
    package = Path(cognito_devtoken.__file__).parent
    readers = [
        path for path in package.rglob("*.py") if "importlib.metadata" in path.read_text("utf-8")
    ]

    assert readers == []
