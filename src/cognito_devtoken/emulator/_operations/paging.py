"""Split lists into pages."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from .._wire import Refusal
from .inputs import MAX_RESULTS


def page(
    keys: Iterable[str], members: Mapping[str, Any], scope: str
) -> tuple[list[str], dict[str, str]]:
    """
    Return one page of keys, and ``NextToken`` if there are more.

    ``NextToken`` holds the last key of the page, and not the number of the page. So if keys are
    added or deleted between two calls, no other key is repeated or skipped.

    Args:
        keys: All keys, in any order.

        members: The input of the call, with ``MaxResults`` and ``NextToken``.

        scope: Names the list. A ``NextToken`` is valid only for the list that it was made for.
    """
    token = members.get("NextToken")
    after = "" if token is None else _key_in(token, scope)
    size = members.get("MaxResults") or MAX_RESULTS
    rest = sorted(key for key in keys if key > after)
    if len(rest) <= size:
        return rest, {}
    text = json.dumps([scope, rest[size - 1]]).encode()
    return rest[:size], {"NextToken": base64.urlsafe_b64encode(text).decode()}


def _key_in(token: str, scope: str) -> str:
    try:
        found: Any = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, RecursionError):
        found = None
    match found:
        case [str(given), str(key)] if given == scope:
            return key
        case _:
            raise Refusal("InvalidParameterException", "Invalid NextToken.")
