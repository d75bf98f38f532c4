"""
What importing the package loads, how it is laid out, and where its public names come from.

The import contracts in ``pyproject.toml`` check which module may import which.
"""

import ast
import importlib
from inspect import isclass
from pathlib import Path
from types import ModuleType
from typing import get_type_hints

import attrs
import pytest

import cognito_devtoken
from scripts import run_script


PACKAGE = Path(cognito_devtoken.__file__).parent
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
PUBLIC = [
    "cognito_devtoken",
    "cognito_devtoken.boto3",
    "cognito_devtoken.credentials",
    "cognito_devtoken.emulator",
    "cognito_devtoken.events",
    "cognito_devtoken.exceptions",
    "cognito_devtoken.opentelemetry",
    "cognito_devtoken.prometheus",
    "cognito_devtoken.stores",
    "cognito_devtoken.stores.redis",
    "cognito_devtoken.testing",
    "cognito_devtoken.typing",
]


# Calls without arguments that could wait for ever, and why these do not.
BOUNDED_WAITS = {
    "_cache/waiting.py: gate.acquire()",  # a new lock, which is free
    "_cache/worker_slots.py: self.gate.acquire()",  # the same
    "_sharing/source.py: gate.acquire()",  # the same
    "cli/demo/fleet_member.py: answered.result()",  # of a future that is done
    "cli/emulator.py: stop.wait()",  # until Ctrl-C: that is what the command is for
    "emulator/_server.py: self._interrupted.wait()",  # inside asyncio.wait_for()
}


def loaded_by(script: str, *modules: str) -> str:
    """Run a script and print which of the modules it has loaded."""
    script += f"\nimport sys; print(sorted({set(modules)} & {{*sys.modules}}))"
    return run_script(script).strip()


@pytest.mark.external
def test_importing_the_package_loads_none_of_its_modules_but_the_version() -> None:
    script = """
import sys
import cognito_devtoken
roots = ("attr", "cognito_devtoken")
print(sorted(name for name in sys.modules if name.partition(".")[0] in roots))
"""

    assert run_script(script).strip() == "['cognito_devtoken', 'cognito_devtoken._version']"


@pytest.mark.external
def test_importing_a_session_loads_neither_botocore_nor_an_extra() -> None:
    heavy = (
        *("asyncio", "boto3", "botocore", "cachetools", "cryptography", "joserfc", "logging"),
        *("opentelemetry", "prometheus_client", "redis", "starlette", "ruamel", "uvicorn"),
    )

    script = "from cognito_devtoken import *; import cognito_devtoken.cli"
    assert loaded_by(script, *heavy) == "[]"


@pytest.mark.external
@pytest.mark.parametrize("name", ["events", "exceptions", "typing"])
def test_a_public_module_is_available_once_the_package_is_imported(name: str) -> None:
    script = f"import cognito_devtoken; print(cognito_devtoken.{name}.__name__)"

    assert run_script(script).strip() == f"cognito_devtoken.{name}"


@pytest.mark.external
def test_the_public_names_are_listed_before_they_are_loaded() -> None:
    script = """
import sys
import cognito_devtoken
print(sorted(set(cognito_devtoken.__all__) - set(dir(cognito_devtoken))))
print("attr" in sys.modules)
"""

    assert run_script(script).split() == ["[]", "False"]


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'cognito_devtoken' has no attribute 'Sess"):
        cognito_devtoken.Session  # type: ignore[attr-defined]  # noqa: B018


def test_every_public_name_is_loaded_from_the_module_that_defines_it() -> None:
    for name, module in cognito_devtoken._MODULES.items():
        found = vars(importlib.import_module(f"cognito_devtoken.{module}"))[name]

        assert getattr(cognito_devtoken, name) is found


def test_what_the_interpreter_keeps_to_its_end_does_not_refer_to_typing() -> None:
    kept = vars(importlib.import_module("cognito_devtoken._runtime.fork"))

    assert "typing" not in {getattr(each, "__module__", None) for each in kept.values()}


@pytest.mark.external
def test_a_session_without_a_store_does_not_load_the_sharing_package() -> None:
    script = (
        "import cognito_devtoken as c; from cognito_devtoken.testing import FakeFetcher\n"
        "with c.TokenSession('a:0', developer_provider='b', client=FakeFetcher()) as session:\n"
        "    session.get_token('user-42')"
    )

    sharing = ("cognito_devtoken._sharing", "cryptography", "redis")
    assert loaded_by(script, *sharing) == "[]"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_module_has_more_than_400_lines(module: Path) -> None:
    assert len((PACKAGE / module).read_text().splitlines()) <= 400


def test_no_wait_is_without_a_limit() -> None:
    found = {
        f"{module.as_posix()}: {ast.unparse(node)}"
        for module in MODULES
        for node in ast.walk(ast.parse((PACKAGE / module).read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("acquire", "communicate", "join", "result", "wait")
        and not node.args
        and not node.keywords
    }

    assert found == BOUNDED_WAITS


def test_the_package_root_has_only_these_private_modules() -> None:
    private = [path.name for path in PACKAGE.glob("_*.py") if not path.name.startswith("__")]

    assert sorted(private) == ["_metrics.py", "_version.py", "_web.py"]


def test_the_package_exports_these_names() -> None:
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
        "__version__",
        "exceptions",
    ]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_classes_name_the_module_that_users_import_them_from(name: str) -> None:
    module = importlib.import_module(name)
    public = [getattr(module, each) for each in module.__all__]
    ours = [
        each for each in public if getattr(each, "__module__", "").startswith("cognito_devtoken")
    ]

    assert {each.__module__ for each in ours if not isinstance(each, ModuleType)} == {name}


@pytest.mark.parametrize("name", PUBLIC)
def test_annotations_of_public_values_can_be_evaluated(name: str) -> None:
    # Frameworks such as Litestar evaluate them, in the module that a class names as its own.
    module = importlib.import_module(name)
    values = [each for each in vars(module).values() if isclass(each) and attrs.has(each)]

    for value in values:
        get_type_hints(value)
