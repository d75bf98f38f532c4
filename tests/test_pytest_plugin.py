"""The pytest plugin documents itself, loads nothing heavy, and works as documented."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from inner_runs import Passes, run_alone


pytest_plugins = ["pytester"]
pytestmark = pytest.mark.external

ROOT = Path(__file__).parents[1]


class TestPlugin:
    def test_its_marker_and_fixtures_are_documented(self, pytester: pytest.Pytester) -> None:
        markers = pytester.runpytest_inprocess("--markers")
        markers.stdout.fnmatch_lines(["@pytest.mark.cognito(*fail): *"])

        fixtures = pytester.runpytest_inprocess("--fixtures").stdout.str()
        _, ours = fixtures.split("fixtures defined from cognito_devtoken.pytest_plugin")
        ours = ours.partition("fixtures defined from")[0]
        assert set(re.findall(r"^(\w+) -- ", ours, re.MULTILINE)) == {
            "async_token_session",
            "cognito_emulator",
            "cognito_environ",
            "manual_clock",
            "token_session",
        }
        assert "no docstring" not in ours

    def test_a_missing_extra_fails_the_test_and_is_named(self, pytester: pytest.Pytester) -> None:
        pytester.makeconftest("import sys; sys.modules['uvicorn'] = None")
        pytester.makepyfile("def test_it(token_session): pass")

        result = run_alone(pytester)

        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(
            [
                "The emulator needs uvicorn, which is not installed.",
                "Install the extra: pip install 'cognito-devtoken[[]emulator[]]'",
            ]
        )

    def test_importing_it_loads_only_pytest_and_the_package(
        self, pytester: pytest.Pytester
    ) -> None:
        # Everything loaded before this test runs was loaded by the plugin.
        pytester.makepyfile(
            """
            import sys

            def test_it():
                heavy = {"asyncio", "boto3", "botocore", "cachetools", "joserfc", "starlette"}
                heavy |= {"uvicorn", "cognito_devtoken.emulator", "cognito_devtoken.testing"}
                assert "cognito_devtoken.pytest_plugin" in sys.modules
                assert heavy & {*sys.modules} <= {"asyncio"}
            """
        )
        run_alone(pytester).assert_outcomes(passed=1)


class TestDocumentation:
    def test_its_examples_pass(self, passes: Passes) -> None:
        passes(3, documented("python"))

    def test_its_application_passes(self, pytester: pytest.Pytester) -> None:
        pytest.importorskip("fastapi", reason="FastAPI is not installed")
        if not (find_spec("httpx2") or find_spec("httpx")):
            pytest.skip("FastAPI's test client lacks a dependency")
        pytester.makepyfile(documented("py"))
        pytester.syspathinsert(ROOT / "examples")

        pytester.runpytest_inprocess().assert_outcomes(passed=2)


def documented(language: str) -> str:
    """The code blocks in this language in the documentation of the fixtures."""
    _, section = (ROOT / "docs" / "testing.md").read_text().split("\n## Use the pytest fixtures\n")
    section = section.partition("\n## ")[0]
    blocks: list[str] = re.findall(
        rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE
    )
    return "\n".join(blocks)
