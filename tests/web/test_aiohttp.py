"""aiohttp's error middleware; test_frameworks.py and test_svcs.py test the rest."""

import asyncio
import json
from typing import Any

import pytest


pytest.importorskip("aiohttp", reason="aiohttp is not installed")

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from cognito_devtoken.aiohttp import error_middleware
from cognito_devtoken.exceptions import TokenUnavailableError


async def fail(request: web.Request) -> web.StreamResponse:
    raise TokenUnavailableError("arn:aws:iam::123456789012:user/shop")


def ask(**headers: str) -> Any:
    async def one() -> Any:
        return await error_middleware(make_mocked_request("GET", "/", headers=headers), fail)

    return asyncio.run(one())


def test_an_error_becomes_problem_details_without_the_text_of_aws() -> None:
    response = ask()

    assert (response.status, response.content_type) == (503, "application/problem+json")
    assert int(response.headers["Retry-After"]) > 0
    assert json.loads(response.text)["status"] == 503
    assert "arn:" not in response.text


def test_an_error_of_a_websocket_is_left_to_its_handler() -> None:
    with pytest.raises(TokenUnavailableError):
        ask(Upgrade="WebSocket")
