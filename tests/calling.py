"""Call the emulator: with boto3, and with plain HTTP requests."""

import http.client
import json
from collections.abc import Callable
from typing import Any

import boto3
import jwt as pyjwt
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from pytest_httpserver import HTTPServer
from werkzeug import Request

from cognito_devtoken.emulator import Emulator, Pool
from patience import PATIENCE
from pools import POOL


USER = {POOL.developer_provider: "user-42"}
GET_TOKEN = "GetOpenIdTokenForDeveloperIdentity"
COGNITO = "cognito-identity.amazonaws.com"
ROLE = "arn:aws:iam::123456789012:role/app"
OPAQUE = {"IdentityId": "us-east-1:0", "Token": "opaque"}
APP_ID: Any = {"user_agent_appid": "shop"}  # the stubs lack it
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})


class Clock:
    at = 1_700_000_000.0

    def __call__(self) -> float:
        return self.at


def boto(service: str, emulator: Emulator, **config: Any) -> Any:
    session: Any = boto3.session.Session(region_name=POOL.region)
    options = ONE_ATTEMPT.merge(Config(**config))
    return session.client(service, endpoint_url=emulator.endpoint_url, config=options)


def caller_identity(emulator: Emulator, credentials: dict[str, Any]) -> Any:
    """Return what STS says about the owner of credentials."""
    session: Any = boto3.session.Session(
        credentials["AccessKeyId"],
        credentials.get("SecretKey") or credentials["SecretAccessKey"],
        credentials["SessionToken"],
        region_name=POOL.region,
    )
    sts = session.client("sts", endpoint_url=emulator.endpoint_url, config=ONE_ATTEMPT)
    return sts.get_caller_identity()


def ask(cognito: Any, logins: dict[str, str] = USER, pool: Pool = POOL, **members: Any) -> Any:
    return cognito.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool.identity_pool_id, Logins=logins, **members
    )


def refusal(call: Callable[..., Any], *args: Any, **members: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(*args, **members)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def jwt(**claims: Any) -> str:
    return pyjwt.encode(claims, "a provider's key, which is never verified" * 2, "HS512")


def post(
    emulator: Emulator,
    body: bytes | str,
    headers: dict[str, str],
    method: str = "POST",
    path: str = "/",
) -> tuple[int, dict[str, str], bytes]:
    """Send a plain HTTP request; return status, headers and body."""
    address = emulator.endpoint_url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def post_form(emulator: Emulator, fields: str) -> tuple[int, dict[str, str], bytes]:
    return post(emulator, fields, {"Content-Type": "application/x-www-form-urlencoded"})


def post_json(
    emulator: Emulator, body: bytes | str, operation: str = GET_TOKEN, **headers: str
) -> tuple[int, dict[str, str], Any]:
    target = {"X-Amz-Target": f"AWSCognitoIdentityService.{operation}"}
    json_type = {"Content-Type": "application/x-amz-json-1.1"}
    status, got, text = post(emulator, body, json_type | target | headers)
    return status, got, json.loads(text)


def last_request(server: HTTPServer) -> Request:
    return server.log[-1][0]


def boto3_client(endpoint_url: str) -> Any:
    # Not boto3's default session, which caches the first credentials it finds.
    session = boto3.session.Session(region_name=POOL.region)
    return session.client("cognito-identity", endpoint_url=endpoint_url)
