"""Run pytest inside a test, to use the fixtures as users' tests do."""

import threading
from collections.abc import Callable
from typing import TypeAlias

import pytest

from patience import PATIENCE


Passes: TypeAlias = Callable[[int, str], None]


def run_passing(pytester: pytest.Pytester, tests: int, source: str) -> None:
    """Run a test file; it must have exactly this many tests, and all must pass."""
    pytester.makepyfile(source)
    before = set(threading.enumerate())
    result = pytester.runpytest_inprocess("-W", "error", "--strict-markers")
    result.assert_outcomes(passed=tests)
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert "cognito-devtoken-emulator" not in left


def run_alone(pytester: pytest.Pytester) -> pytest.RunResult:
    """Run the files in a separate process, with no plugin but ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        return pytester.runpytest_subprocess(
            "-W", "error", "-p", "cognito_devtoken.pytest_plugin", timeout=PATIENCE
        )
