"""YAML, which needs the extra ``cli``."""

from __future__ import annotations

import json
from typing import Any

from ..exceptions import ConfigurationError


def read_yaml(text: str) -> Any:
    """
    Read one document.

    Raises:
        ValueError: If the text is not YAML.

        ConfigurationError: If PyYAML is missing.
    """
    yaml = _pyyaml()
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ValueError("The text is not YAML.") from None


def write_yaml(value: Any) -> str:
    """
    Write one document.

    Raises:
        ConfigurationError: If PyYAML is missing.
    """
    yaml = _pyyaml()
    if isinstance(value, bool | int | float | str | None):
        # PyYAML would end a scalar with "...". Like the AWS CLI, write JSON, which is YAML, too.
        return json.dumps(value, ensure_ascii=False) + "\n"
    return str(yaml.safe_dump(value, default_flow_style=False, allow_unicode=True))


def _pyyaml() -> Any:
    try:
        import yaml
    except ModuleNotFoundError:
        raise missing("YAML", "PyYAML") from None
    return yaml


def missing(what: str, package: str) -> ConfigurationError:
    """Return the error for a missing extra."""
    return ConfigurationError(
        f"{what} needs {package}, which is not installed.",
        hint="Install the extra: pip install 'cognito-devtoken[cli]'",
    )
