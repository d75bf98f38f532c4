"""docs/emulator.md lists the operations of the emulator, their settings, and those it lacks."""

import re
from pathlib import Path

import attrs
import pytest
from botocore.loaders import Loader

from cognito_devtoken.emulator import Behavior, Pool, Role
from cognito_devtoken.emulator._operations import OPERATIONS
from cognito_devtoken.emulator._wire import COGNITO, STS


TEXT = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text()
ROW = re.compile(r"^\| `(\w+)`( of STS)? \| ([^|]+) \| ([^|]*)\|$", re.MULTILINE)
NAME = re.compile(r"`(\w+)`")


def test_the_table_has_the_operations_and_their_settings() -> None:
    documented = {
        name: (STS if sts else COGNITO, tuple(NAME.findall(settings)))
        for name, sts, _, settings in ROW.findall(TEXT)
    }

    assert documented == {
        name: (operation.service, operation.settings) for name, operation in OPERATIONS.items()
    }


def test_the_missing_operations_are_listed() -> None:
    line = next(line for line in TEXT.splitlines() if line.startswith("Missing: "))
    documented = NAME.findall(line.partition(", and all other")[0])
    model = Loader().load_service_model("cognito-identity", "service-2")

    assert documented == sorted(model["operations"].keys() - OPERATIONS.keys())


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda each: each.name)
def test_each_setting_exists(operation: object) -> None:
    known = {field.name for kind in (Behavior, Pool, Role) for field in attrs.fields(kind)}

    assert set(getattr(operation, "settings", ())) <= known
