"""Read and write YAML 1.2 with the library that AWS CLI v2 uses, from the extra ``cli``."""

from __future__ import annotations

import json
import warnings
from io import StringIO
from typing import Any

from ..exceptions import ConfigurationError


# Besides YAMLError, ruamel.yaml may raise these errors when it constructs a scalar.
_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


def read_yaml(text: str) -> Any:
    """
    Read one document.

    Raises:
        ValueError: If the text is not YAML, or has the same key twice in a map.

        ConfigurationError: If ruamel.yaml is missing.
    """
    # Only the parser written in Python reads YAML 1.2.
    yaml = _ruamel(pure=True)
    from ruamel.yaml.error import YAMLError

    try:
        # The parser's warnings quote the text.
        with warnings.catch_warnings(action="ignore"):
            return yaml.load(text)
    except (YAMLError, *_UNREADABLE):
        raise ValueError("The text is not YAML.") from None


def write_yaml(value: Any) -> str:
    """
    Write one document.

    Raises:
        ConfigurationError: If ruamel.yaml is missing.
    """
    yaml = _ruamel(pure=False)
    if isinstance(value, bool | int | float | str | None):
        # YAML would end a scalar with "...". Like the AWS CLI, write JSON, which is YAML, too.
        return json.dumps(value, ensure_ascii=False) + "\n"
    yaml.encoding = None  # the stream takes text
    yaml.representer.default_flow_style = False
    text = StringIO()
    yaml.dump(value, text)
    return text.getvalue()


def _ruamel(*, pure: bool) -> Any:
    try:
        from ruamel.yaml import YAML
    except ModuleNotFoundError:
        raise missing("YAML", "ruamel.yaml") from None
    return YAML(typ="safe", pure=pure)


def missing(what: str, package: str) -> ConfigurationError:
    """Return the error for a missing extra."""
    return ConfigurationError(
        f"{what} needs {package}, which is not installed.",
        hint="Install the extra: pip install 'cognito-devtoken[cli]'",
    )
