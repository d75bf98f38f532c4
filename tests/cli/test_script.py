"""The installed command: a Ctrl-C is quiet from its first line on."""

import sys
from importlib.metadata import distribution

import pytest
from cli_process import finished

import _cognito_devtoken_script


# Sends this process a Ctrl-C when it is about to import a module.
RUN = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
signal.signal(signal.SIGINT, signal.{handler})
sys.argv[1:] = ["completion", "bash"]
from _cognito_devtoken_script import main
main()
"""


@pytest.mark.external
@pytest.mark.parametrize(
    "module",
    [
        "cognito_devtoken.exceptions",
        "attr",
        "cognito_devtoken._session",
        "cognito_devtoken.cli",
        "cognito_devtoken.cli.completion",
    ],
)
def test_ctrl_c_during_an_import_is_quiet(module: str) -> None:
    script = RUN.format(module=module, handler="default_int_handler")

    done = finished([sys.executable, "-c", script])

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.external
def test_a_background_job_ignores_ctrl_c() -> None:
    done = finished([sys.executable, "-c", RUN.format(module="attr", handler="SIG_IGN")])

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("# Completion")


def test_it_is_what_the_package_installs() -> None:
    (script,) = distribution("cognito-devtoken").entry_points.select(group="console_scripts")

    assert script.load() is _cognito_devtoken_script.main
