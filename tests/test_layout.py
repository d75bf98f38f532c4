"""What imports what: dependencies point one way, and nothing is loaded before it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cognito_devtoken


PACKAGE = Path(cognito_devtoken.__file__).parent
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def imported(module: Path) -> set[str]:
    """The modules that a module imports anywhere, ours with a leading dot."""
    names = set()
    package = module.parts[:-1]
    for node in ast.walk(ast.parse((PACKAGE / module).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(str(node.module).partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            if node.module:
                names.add("." + ".".join((*base, node.module)))
            else:
                names |= {"." + ".".join((*base, alias.name)) for alias in node.names}
    return names


def importers(name: str) -> set[str]:
    return {str(module) for module in MODULES if name in imported(module)}


def test_only_the_client_and_the_command_line_know_botocore() -> None:
    assert importers("botocore") == {
        "_client.py",
        "_errors.py",
        "cli/_service.py",
        "cli/demo.py",
    }


@pytest.mark.parametrize("module", ["opentelemetry", "prometheus"])
def test_nobody_imports_the_metrics_but_who_wants_them(module: str) -> None:
    assert importers(f".{module}") == set()


@pytest.mark.parametrize(
    ("name", "modules"),
    {
        "redis": {"stores/redis.py", "stores/_connection.py", "cli/_fleet.py"},
        "cryptography": {"stores/_sealing.py"},
    }.items(),
)
def test_only_the_stores_know_redis_and_cryptography(name: str, modules: set[str]) -> None:
    assert importers(name) == modules


def test_without_a_store_nothing_of_it_is_loaded() -> None:
    assert importers("._shared") == {"_engine.py"}
    script = (
        "import sys, cognito_devtoken as c; from cognito_devtoken.testing import FakeFetcher\n"
        "with c.TokenSession('a:0', developer_provider='b', client=FakeFetcher()) as session:\n"
        "    session.get_token('user-42')\n"
        "print({'cognito_devtoken._shared', 'cryptography', 'redis'} & {*sys.modules})"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.stdout == "set()\n", done.stderr


def test_the_engine_does_not_know_asyncio() -> None:
    assert importers("asyncio") & {"_cache.py", "_engine.py", "_session.py"} == set()


EMULATOR = {"emulator/_emulator.py", "emulator/_server.py"}
DJANGO = {"_sessions", "_setting", "apps", "middleware"}


@pytest.mark.parametrize(
    ("framework", "modules"),
    {
        "uvicorn": {"emulator/_server.py"},
        "starlette": EMULATOR | {"starlette.py"},
        "fastapi": {"fastapi.py"},
        "flask": {"flask.py"},
        "litestar": {"litestar.py"},
        "svcs": {"svcs.py"},
        "django": {f"django/{name}.py" for name in DJANGO},
        "pytest": {"pytest_plugin.py"},
    }.items(),
)
def test_a_framework_is_known_to_its_integration_only(framework: str, modules: set[str]) -> None:
    assert importers(framework) == modules


@pytest.mark.parametrize("module", ["fastapi", "flask", "litestar", "svcs", "pytest_plugin"])
def test_nobody_imports_an_integration_but_who_wants_it(module: str) -> None:
    assert importers(f".{module}") == set()


def test_the_rules_are_pure() -> None:
    allowed = {
        "_request.py": {"._secret", ".exceptions"},
        "_token.py": {"._clock", "._request", "._secret", ".exceptions"},
        "_clock.py": set(),
        "_entries.py": {
            "._clock",
            "._request",
            "._secret",
            "._token",
            "._trouble",
        },
        "_breaker.py": {"._clock"},
        "_flight.py": {"._clock", "._entries", "._pace", "._request", "._token", ".events"},
        "_news.py": {"._entries", "._removal", "._token"},
        "_pace.py": {"._clock"},
        "_removal.py": {"._entries", "._secret", "._token", ".exceptions"},
        "_policy.py": {".exceptions"},
        "_trouble.py": {"._clock", "._policy", ".exceptions"},
        "_health.py": {"._clock", "._policy", ".exceptions"},
        "events.py": set(),
        "typing.py": {"._clock", "._request", "._token", ".events", ".stores"},
        "_secret.py": set(),
        "exceptions.py": set(),
        "emulator/_identities.py": {".emulator._settings", ".emulator._wire"},
        "emulator/_settings.py": {"._request"},
        "emulator/_validation.py": {"._request", ".emulator._wire"},
        "emulator/_wire.py": set(),
        "emulator/_sigv4.py": {".emulator._wire"},
    }
    impure = {"time", "logging", "socket", "threading", "asyncio", "os", "random", "secrets"}
    for module, wanted in allowed.items():
        names = imported(Path(module))
        assert {name for name in names if name.startswith(".")} == wanted, module
        assert names & impure == _IMPURITIES.get(module, set()), module


# The clock itself; the lock by which an idle thread is woken; what a log entry is made with.
_IMPURITIES = {"_clock.py": {"time"}, "_flight.py": {"threading"}, "events.py": {"logging"}}


def test_the_emulator_does_not_know_the_client() -> None:
    for module in MODULES:
        if module.parts[0] == "emulator":
            assert not imported(module) & {"._client", "._errors", ".cli"}, module


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_module_is_too_long_to_be_read(module: Path) -> None:
    assert len((PACKAGE / module).read_text().splitlines()) <= 400


def test_importing_the_package_loads_neither_botocore_nor_an_extra() -> None:
    heavy = (
        "{'asyncio', 'boto3', 'botocore', 'cachetools', 'cryptography', 'joserfc', 'logging', "
        "'opentelemetry', 'prometheus_client', 'redis', 'starlette', 'uvicorn', 'yaml'}"
    )
    script = (
        f"import sys, cognito_devtoken, cognito_devtoken.cli; print({heavy} & {{*sys.modules}})"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.stdout == "set()\n", done.stderr


def test_the_public_names_are_there() -> None:
    assert cognito_devtoken.__all__ == [
        "AsyncTokenSession",
        "DevTokenClient",
        "Health",
        "OpenIdToken",
        "RefreshPolicy",
        "Stats",
        "TokenCache",
        "TokenRequest",
        "TokenSession",
        "exceptions",
    ]
    for name in cognito_devtoken.__all__:
        assert getattr(cognito_devtoken, name)
    for name in cognito_devtoken.exceptions.__all__:
        assert getattr(cognito_devtoken.exceptions, name)
