"""On the wire it is Cognito: for boto3, for a browser, and for who sends it nonsense."""

import base64
import contextlib
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from xml.etree import ElementTree as ET

import boto3
import jwt as pyjwt
import pytest
import uvicorn
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cognito_devtoken.emulator import Behavior, Call, Emulator, Pool
from pools import OTHER_POOL, POOL


USER = {POOL.developer_provider: "user-42"}
GET_TOKEN = "GetOpenIdTokenForDeveloperIdentity"
COGNITO = "cognito-identity.amazonaws.com"
ROLE = "arn:aws:iam::123456789012:role/app"


class Clock:
    at = 1_700_000_000.0

    def __call__(self) -> float:
        return self.at


def client(service: str, emulator: Emulator, **config: Any) -> Any:
    session: Any = boto3.session.Session(region_name=POOL.region)
    options = Config(retries={"total_max_attempts": 1}, **config)
    return session.client(service, endpoint_url=emulator.endpoint_url, config=options)


@pytest.fixture
def cognito(emulator: Emulator) -> Any:
    return client("cognito-identity", emulator)


@pytest.fixture
def sts(emulator: Emulator) -> Any:
    return client("sts", emulator)


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
    return pyjwt.encode(claims, "a key of some provider that nobody checks" * 2, "HS512")


class TestGetOpenIdTokenForDeveloperIdentity:
    def test_the_same_user_has_the_same_identity(self, cognito: Any) -> None:
        assert ask(cognito)["IdentityId"] == ask(cognito)["IdentityId"]

    def test_a_missing_pool(self, cognito: Any) -> None:
        gone = Pool("us-east-1:0")

        assert refusal(ask, cognito, pool=gone) == (
            "ResourceNotFoundException",
            "IdentityPool 'us-east-1:0' not found.",
        )

    def test_a_missing_developer_provider(self, cognito: Any) -> None:
        assert refusal(ask, cognito, {"idp.example": "a"}) == (
            "NotAuthorizedException",
            "This identity pool does not support the specified developer provider",
        )

    def test_an_unknown_provider_beside_it(self, cognito: Any) -> None:
        code, message = refusal(ask, cognito, USER | {"graph.facebook.com": "a"})

        assert code == "NotAuthorizedException"
        assert message == "Token is not from a supported provider of this identity pool."

    def test_an_identity_that_is_not_the_users(self, cognito: Any) -> None:
        identity_id = ask(cognito)["IdentityId"]
        other = {POOL.developer_provider: "user-43"}

        code, message = refusal(ask, cognito, other, IdentityId=identity_id)

        assert code == "NotAuthorizedException"
        assert message.startswith("Logins don't match. Please include at least one valid login")

    def test_an_unauthenticated_identity_is_upgraded(self, cognito: Any) -> None:
        guest = cognito.get_id(IdentityPoolId=OTHER_POOL.identity_pool_id)["IdentityId"]
        logins = {OTHER_POOL.developer_provider: "user-42"}

        assert ask(cognito, logins, OTHER_POOL, IdentityId=guest)["IdentityId"] == guest
        assert ask(cognito, logins, OTHER_POOL)["IdentityId"] == guest

    def test_a_broken_constraint(self, cognito: Any) -> None:
        code, message = refusal(ask, cognito, TokenDuration=86_401)

        assert code == "ValidationException"
        assert message.startswith("1 validation error detected: Value '86401' at 'tokenDuration'")

    @pytest.mark.parametrize(
        ("proof", "why"),
        [
            (jwt(iss="https://other.example", sub="a", aud="b", exp=2e9), "Issuer doesn't match"),
            (jwt(iss="https://idp.example", sub="a", exp=2e9), "Missing a required claim: aud"),
            (jwt(iss="idp.example", sub="a", aud="b", exp=1_600_000_000), ">= 1600000000"),
            (jwt(iss="idp.example", sub="a", aud="b", exp=2e9).replace(".", ".e30", 1), "Couldn't"),
        ],
    )
    def test_a_bad_proof_of_a_public_provider(self, cognito: Any, proof: str, why: str) -> None:
        code, message = refusal(ask, cognito, USER | {"idp.example": proof})

        assert code == "NotAuthorizedException"
        assert message.startswith("Invalid login token. ")
        assert why in message

    @pytest.mark.parametrize(
        "changes",
        [
            {"exp": "never"},
            {"exp": None},
            {"exp": float("nan")},
            {"exp": 10**400},
            {"exp": True},
            {"sub": None},
            {"sub": ""},
            {"sub": [1]},
            {"sub": "\ud800"},
            {"aud": None},
        ],
    )
    def test_a_proof_with_odd_claims(self, cognito: Any, changes: dict[str, Any]) -> None:
        good = {"iss": "idp.example", "sub": "a", "aud": "b", "exp": 2e9}
        payload = json.dumps(good | changes)
        proof = f"e30.{base64.urlsafe_b64encode(payload.encode()).decode().rstrip('=')}.x"

        assert "Couldn't verify" in refusal(ask, cognito, USER | {"idp.example": proof})[1]

    def test_a_proof_expires_at_its_exp(self) -> None:
        clock = Clock()
        proof = jwt(iss="idp.example", sub="a", aud="b", exp=clock.at + 1)
        with Emulator(POOL, clock=clock) as emulator:
            cognito = client("cognito-identity", emulator)
            ask(cognito, USER | {"idp.example": proof})
            clock.at += 1

            _, message = refusal(ask, cognito, USER | {"idp.example": proof})

        assert message == "Invalid login token. Token expired: 1700000001 >= 1700000001.0"

    def test_a_good_proof_of_a_public_provider_is_its_subject(self, cognito: Any) -> None:
        first, second = (
            jwt(iss="https://idp.example", sub="ana", aud="app", exp=2e9, iat=iat) for iat in (1, 2)
        )

        identity_id = ask(cognito, USER | {"idp.example": first})["IdentityId"]

        by_google = cognito.get_id(
            IdentityPoolId=POOL.identity_pool_id, Logins={"idp.example": second}
        )
        assert by_google["IdentityId"] == identity_id

    @pytest.mark.parametrize("provider", [POOL.developer_provider, COGNITO])
    def test_a_token_of_its_own_is_no_login(self, cognito: Any, provider: str) -> None:
        token = ask(cognito)["Token"]

        code, message = refusal(ask, cognito, USER | {provider: token})

        assert code == "NotAuthorizedException"
        assert message == "Invalid login token. Can't pass in a Cognito token."

    def test_a_public_login_of_somebody_else(self, cognito: Any) -> None:
        other = {POOL.developer_provider: "user-43"}
        ask(cognito, USER | {"idp.example": "ana"})
        ask(cognito, other)

        code, _ = refusal(ask, cognito, other | {"idp.example": "ana"})

        assert code == "ResourceConflictException"

    def test_a_user_who_is_registered_elsewhere(self, cognito: Any) -> None:
        logins = {OTHER_POOL.developer_provider: "user-42"}
        ask(cognito, logins, OTHER_POOL)
        guest = cognito.get_id(IdentityPoolId=OTHER_POOL.identity_pool_id)["IdentityId"]

        code, _ = refusal(ask, cognito, logins, OTHER_POOL, IdentityId=guest)

        assert code == "DeveloperUserAlreadyRegisteredException"


class TestGetId:
    def test_guests_are_told_apart(self, cognito: Any) -> None:
        pool_id = OTHER_POOL.identity_pool_id

        assert cognito.get_id(IdentityPoolId=pool_id) != cognito.get_id(IdentityPoolId=pool_id)

    def test_guests_are_refused_where_the_pool_has_none(self, cognito: Any) -> None:
        assert refusal(cognito.get_id, IdentityPoolId=POOL.identity_pool_id) == (
            "NotAuthorizedException",
            "Unauthenticated access is not supported for this identity pool.",
        )

    def test_a_developer_provider_is_no_public_one(self, cognito: Any) -> None:
        assert refusal(cognito.get_id, IdentityPoolId=POOL.identity_pool_id, Logins=USER) == (
            "InvalidParameterException",
            "Please provide a valid public provider",
        )


class TestGetCredentialsForIdentity:
    def credentials(self, cognito: Any, identity_id: str, **logins: str) -> Any:
        return cognito.get_credentials_for_identity(
            IdentityId=identity_id,
            Logins={COGNITO if name == "token" else name: text for name, text in logins.items()},
        )

    def test_a_token_is_traded_for_credentials(self, cognito: Any) -> None:
        answer = ask(cognito)

        got = self.credentials(cognito, answer["IdentityId"], token=answer["Token"])

        assert got["IdentityId"] == answer["IdentityId"]
        assert got["Credentials"].keys() == {
            "AccessKeyId",
            "SecretKey",
            "SessionToken",
            "Expiration",
        }
        assert re.fullmatch(r"ASIA[A-Z2-7]{16}", got["Credentials"]["AccessKeyId"])

    def test_a_token_that_somebody_else_signed(self, cognito: Any) -> None:
        identity_id = ask(cognito)["IdentityId"]
        with Emulator(POOL) as other:
            token = ask(client("cognito-identity", other))["Token"]

        for bad in (token, "nonsense", "ü.ü.ü", token[:-4]):
            assert refusal(self.credentials, cognito, identity_id, token=bad) == (
                "NotAuthorizedException",
                "Invalid login token. Couldn't verify signed token.",
            )

    def test_a_token_that_has_expired(self) -> None:
        clock = Clock()
        with Emulator(POOL, clock=clock) as emulator:
            cognito = client("cognito-identity", emulator)
            answer = ask(cognito, TokenDuration=60)
            clock.at += 59
            self.credentials(cognito, answer["IdentityId"], token=answer["Token"])
            clock.at += 1

            assert refusal(
                self.credentials, cognito, answer["IdentityId"], token=answer["Token"]
            ) == (
                "NotAuthorizedException",
                "Invalid login token. Token expired: 1700000060 >= 1700000060",
            )

    def test_a_token_of_another_identity(self, cognito: Any) -> None:
        identity_id = ask(cognito)["IdentityId"]
        other = ask(cognito, {POOL.developer_provider: "user-43"})

        code, message = refusal(self.credentials, cognito, identity_id, token=other["Token"])

        assert code == "NotAuthorizedException"
        assert message.startswith("Logins don't match.")

    def test_no_login_for_an_identity_that_has_one(self, cognito: Any) -> None:
        identity_id = ask(cognito)["IdentityId"]

        assert refusal(self.credentials, cognito, identity_id) == (
            "NotAuthorizedException",
            f"Access to Identity '{identity_id}' is forbidden.",
        )

    def test_a_guest_needs_no_login(self, cognito: Any) -> None:
        guest = cognito.get_id(IdentityPoolId=OTHER_POOL.identity_pool_id)["IdentityId"]

        assert self.credentials(cognito, guest)["Credentials"]["AccessKeyId"]

    def test_a_public_login_in_place_of_the_token(self, cognito: Any) -> None:
        identity_id = ask(cognito, USER | {"idp.example": "ana"})["IdentityId"]

        assert self.credentials(cognito, identity_id, **{"idp.example": "ana"})["Credentials"]
        code, _ = refusal(self.credentials, cognito, identity_id, **{"idp.example": "bob"})
        assert code == "NotAuthorizedException"

    def test_one_bad_login_among_good_ones(self, cognito: Any) -> None:
        answer = ask(cognito, USER | {"idp.example": "ana"})
        good = {"token": answer["Token"], "idp.example": "ana"}

        assert self.credentials(cognito, answer["IdentityId"], **good)
        code, _ = refusal(self.credentials, cognito, answer["IdentityId"], **good, nobody="x")
        assert code == "InvalidParameterException"

    def test_an_identity_that_has_been_merged_away(self) -> None:
        merge = Behavior(public_login_of_another_identity="merge")
        with Emulator(POOL, behavior=merge) as emulator:
            cognito = client("cognito-identity", emulator)
            ask(cognito)
            pool_id, logins = POOL.identity_pool_id, {"idp.example": "ana"}
            gone = cognito.get_id(IdentityPoolId=pool_id, Logins=logins)["IdentityId"]
            ask(cognito, USER | logins)

            code, message = refusal(self.credentials, cognito, gone)

        assert (code, message) == (
            "NotAuthorizedException",
            f"Access to Identity '{gone}' is forbidden.",
        )

    def test_an_unknown_identity(self, cognito: Any) -> None:
        assert refusal(self.credentials, cognito, "us-east-1:0") == (
            "ResourceNotFoundException",
            "Identity 'us-east-1:0' not found.",
        )


class TestAssumeRoleWithWebIdentity:
    def assume(self, sts: Any, token: str, **members: Any) -> Any:
        return sts.assume_role_with_web_identity(
            RoleArn=ROLE, RoleSessionName="app", WebIdentityToken=token, **members
        )

    def test_a_token_is_traded_for_credentials(self, cognito: Any, sts: Any) -> None:
        answer = ask(cognito)

        got = self.assume(sts, answer["Token"], DurationSeconds=900)

        assert got["SubjectFromWebIdentityToken"] == answer["IdentityId"]
        assert got["Audience"] == POOL.identity_pool_id
        assert got["Provider"] == COGNITO
        assert got["AssumedRoleUser"]["Arn"] == "arn:aws:sts::123456789012:assumed-role/app/app"
        assert got["Credentials"]["Expiration"].utcoffset() is not None

    def test_a_token_that_nobody_here_signed(self, sts: Any) -> None:
        assert refusal(self.assume, sts, "nonsense")[0] == "InvalidIdentityToken"

    def test_a_token_that_has_expired(self) -> None:
        clock = Clock()
        with Emulator(POOL, clock=clock) as emulator:
            token = ask(client("cognito-identity", emulator), TokenDuration=1)["Token"]
            clock.at += 1

            assert refusal(self.assume, client("sts", emulator), token) == (
                "ExpiredTokenException",
                "Token expired: current date/time 1700000001 must be before the expiration "
                "date/time 1700000001",
            )

    def test_credentials_live_as_long_as_asked_for(self) -> None:
        with Emulator(POOL, clock=Clock()) as emulator:
            token = ask(client("cognito-identity", emulator))["Token"]
            got = self.assume(client("sts", emulator), token, DurationSeconds=900)

        assert got["Credentials"]["Expiration"].timestamp() == Clock.at + 900

    def test_characters_that_xml_cannot_hold(self, cognito: Any, emulator: Emulator) -> None:
        fields = f"RoleArn={ROLE}&RoleSessionName=a%00b&WebIdentityToken={ask(cognito)['Token']}"

        status, _, body = post_form(emulator, f"Action=AssumeRoleWithWebIdentity&{fields}")

        assert status == 200
        assert ET.fromstring(body).findtext(".//{*}Arn", "").endswith("/a?b")

    def test_a_form_of_too_many_fields(self, emulator: Emulator) -> None:
        status, _, body = post_form(emulator, "a=1&" * 1000)

        assert (status, b"<Code>InvalidAction</Code>" in body) == (400, True)

    @pytest.mark.parametrize(
        "seconds", ["899", "43201", "1h", "9" * 5000, "00090000000000000000000"]
    )
    def test_a_duration_out_of_range(self, cognito: Any, emulator: Emulator, seconds: str) -> None:
        token = ask(cognito)["Token"]
        fields = f"RoleArn={ROLE}&RoleSessionName=a&WebIdentityToken={token}"
        fields += f"&DurationSeconds={seconds}"

        status, headers, body = post_form(emulator, f"Action=AssumeRoleWithWebIdentity&{fields}")

        assert status == 400
        assert headers["content-type"] == "text/xml"
        assert b"<Code>ValidationError</Code>" in body

    def test_a_member_is_missing(self, emulator: Emulator) -> None:
        _, _, body = post_form(emulator, "Action=AssumeRoleWithWebIdentity&RoleArn=a")

        assert b"at 'roleSessionName' failed to satisfy constraint: Member must not" in body

    def test_another_operation(self, sts: Any) -> None:
        assert refusal(sts.get_caller_identity) == (
            "InvalidAction",
            "Could not find operation GetCallerIdentity for version 2011-06-15",
        )


def post(
    emulator: Emulator,
    body: bytes | str,
    headers: dict[str, str],
    method: str = "POST",
    path: str = "/",
) -> tuple[int, dict[str, str], bytes]:
    """A request without a library that knows better: status, headers, body."""
    address = emulator.endpoint_url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=10)
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


class TestWire:
    def test_an_answer(self, emulator: Emulator) -> None:
        members = {"IdentityPoolId": POOL.identity_pool_id, "Logins": USER}

        status, headers, body = post_json(emulator, json.dumps(members))

        assert status == 200
        assert headers["content-type"] == "application/x-amz-json-1.1"
        assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-amzn-requestid"])
        assert body.keys() == {"IdentityId", "Token"}

    def test_an_error(self, emulator: Emulator) -> None:
        members = {"IdentityPoolId": "us-east-1:0", "Logins": USER}

        status, headers, body = post_json(emulator, json.dumps(members))

        assert status == 400
        assert headers["x-amzn-errortype"] == "ResourceNotFoundException:"
        assert headers["x-amzn-errormessage"] == "IdentityPool 'us-east-1:0' not found."
        assert body == {
            "__type": "ResourceNotFoundException",
            "message": "IdentityPool 'us-east-1:0' not found.",
        }

    @pytest.mark.parametrize(
        "code",
        [
            "AccessDeniedException",
            "ExpiredTokenException",
            "IncompleteSignatureException",
            "InvalidSignatureException",
            "MissingAuthenticationTokenException",
            "UnrecognizedClientException",
        ],
    )
    def test_an_error_of_the_front_door(self, emulator: Emulator, code: str) -> None:
        emulator.fail_next(code, "Nö.\nReally.")

        _, headers, body = post_json(emulator, "{}")

        assert body == {"__type": code, "Message": "Nö.\nReally."}
        assert headers["x-amzn-errormessage"] == "N?. Really."

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"text"', b"[" * 200_000, b'{"a": NaN']
    )
    def test_a_body_that_is_none(self, emulator: Emulator, body: bytes) -> None:
        status, headers, answer = post_json(emulator, body)

        assert status == 400
        assert answer["__type"] == "SerializationException"
        assert headers["x-amzn-errortype"] == "SerializationException:"

    @pytest.mark.parametrize(
        "changes",
        [
            {"TokenDuration": None, "IdentityId": None, "PrincipalTags": None},
            {"Other": "\ud800"},
        ],
    )
    def test_what_is_null_is_absent_and_what_is_unknown_ignored(
        self, emulator: Emulator, changes: dict[str, Any]
    ) -> None:
        members = {"IdentityPoolId": POOL.identity_pool_id, "Logins": USER}

        assert post_json(emulator, json.dumps(members | changes))[0] == 200

    @pytest.mark.parametrize(
        "changes",
        [
            {"Logins": {POOL.developer_provider: "\ud800"}},
            {"Logins": {"\ud800": "a"}},
            {"IdentityPoolId": "a\x00b"},
            {"IdentityPoolId": "a" * 200_000},
            {"IdentityId": "ü\r\nX-Injected: yes"},
            {"Logins": dict.fromkeys(map(str, range(3000)), "")},
        ],
    )
    def test_an_odd_member_of_a_good_request(
        self, emulator: Emulator, changes: dict[str, Any]
    ) -> None:
        members = {"IdentityPoolId": POOL.identity_pool_id, "Logins": USER}

        status, headers, body = post_json(emulator, json.dumps(members | changes))

        assert (status, body["__type"]) in {
            (400, "ValidationException"),
            (400, "SerializationException"),
        }
        assert "x-injected" not in headers

    def test_a_token_with_an_odd_header(self, cognito: Any, sts: Any) -> None:
        header = json.dumps({"alg": "RS512", "kid": "eu-central-1-1", "crit": 1}).encode()
        _, claims, signature = ask(cognito)["Token"].split(".")
        token = f"{base64.urlsafe_b64encode(header).decode().rstrip('=')}.{claims}.{signature}"

        code, _ = refusal(
            sts.assume_role_with_web_identity,
            RoleArn=ROLE,
            RoleSessionName="app",
            WebIdentityToken=token,
        )

        assert code == "InvalidIdentityToken"

    def test_a_target_of_another_service(self, emulator: Emulator) -> None:
        target = {"X-Amz-Target": f"AWSCognitoIdentityProviderService.{GET_TOKEN}"}

        assert json.loads(post(emulator, "{}", target)[2])["__type"] == "UnknownOperationException"

    @pytest.mark.parametrize("operation", ["DescribeIdentity", "", "a" * 5000, "../x"])
    def test_an_unknown_operation(self, emulator: Emulator, operation: str) -> None:
        status, _, answer = post_json(emulator, "{}", operation)

        assert (status, answer["__type"]) == (400, "UnknownOperationException")

    @pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/nowhere"), ("PUT", "/")])
    def test_an_unknown_page(self, emulator: Emulator, method: str, path: str) -> None:
        status, _, body = post(emulator, b"", {}, method, path)

        assert (status, json.loads(body)["__type"]) == (404, "UnknownOperationException")

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        body=st.binary()
        | st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda values: (
                st.lists(values)
                | st.dictionaries(
                    st.sampled_from(["IdentityPoolId", "IdentityId", "Logins", "TokenDuration"])
                    | st.text(),
                    values,
                )
            ),
        ).map(lambda value: json.dumps(value).encode()),
        operation=st.sampled_from([GET_TOKEN, "GetId", "GetCredentialsForIdentity"]),
    )
    def test_no_body_is_an_internal_error(
        self, emulator: Emulator, body: bytes, operation: str
    ) -> None:
        status, headers, answer = post_json(emulator, body, operation)

        assert status == 400
        assert headers["x-amzn-errortype"] == f"{answer['__type']}:"

    def test_a_browser_may_call_and_read_the_errors(self, emulator: Emulator) -> None:
        origin = {"Origin": "https://app.example"}
        preflight = origin | {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-amz-target,amz-sdk-request",
        }

        status, headers, _ = post(emulator, b"", preflight, "OPTIONS")
        assert status == 200
        assert headers["access-control-allow-origin"] == "*"
        assert "x-amz-target" in headers["access-control-allow-headers"]

        _, headers, _ = post_json(emulator, "{}", **origin)
        assert "x-amzn-ErrorType" in headers["access-control-expose-headers"]
        assert headers["access-control-allow-origin"] == "*"

    def test_answers_do_not_wait_for_acknowledgements(self, emulator: Emulator) -> None:
        address = emulator.endpoint_url.removeprefix("http://").rpartition(":")
        with socket.create_connection((address[0], int(address[2]))) as connection:
            connection.sendall(b"GET /.well-known/jwks_uri HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
            server = emulator._running._server.server_state.connections
            (accepted,) = (c.transport.get_extra_info("socket") for c in server)
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


class TestFaults:
    @pytest.mark.parametrize(
        ("code", "status"), [("A\nB", None), ("", None), ("AccessDenied", 200), ("Gone", 99)]
    )
    def test_an_error_that_cannot_be_is_refused(
        self, emulator: Emulator, code: str, status: int | None
    ) -> None:
        with pytest.raises(ValueError, match="no code or no status"):
            emulator.fail_next(code, status=status)

    @pytest.mark.parametrize("times", [0, -1])
    def test_faults_come_once_or_more_often(self, emulator: Emulator, times: int) -> None:
        with pytest.raises(ValueError, match="times must be 1 or more"):
            emulator.drop_next(times=times)

    @pytest.mark.parametrize("fault", ["drop_next", "cut_next"])
    def test_a_proxys_header_does_not_save_a_connection(
        self, emulator: Emulator, fault: str
    ) -> None:
        getattr(emulator, fault)()

        with pytest.raises((ConnectionError, http.client.HTTPException)):
            post_json(emulator, "{}", **{"X-Forwarded-For": "10.0.0.1"})

    def test_a_client_that_has_left_is_no_error(
        self, emulator: Emulator, caplog: pytest.LogCaptureFixture
    ) -> None:
        host, _, port = emulator.endpoint_url.removeprefix("http://").rpartition(":")
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
        emulator.drop_next()
        emulator.latency = 0.05
        try:
            for body in (b"half", b"all of it"):
                with socket.create_connection((host, int(port))) as connection:
                    connection.sendall(head + body)
                # Answered after the server has read what came first.
                post(emulator, b"", {}, "GET", "/.well-known/jwks_uri")
            post_json(emulator, "{}")
        finally:
            emulator.latency = 0

        assert "Traceback" not in caplog.text

    def test_as_many_calls_fail_as_asked_for(self, emulator: Emulator, cognito: Any) -> None:
        emulator.fail_next("ResourceConflictException", "Taken.", times=2)

        assert refusal(ask, cognito) == ("ResourceConflictException", "Taken.")
        assert refusal(ask, cognito)[0] == "ResourceConflictException"
        assert ask(cognito)["Token"]

    def test_an_internal_error_is_a_500(self, emulator: Emulator) -> None:
        emulator.fail_next("InternalErrorException")

        assert post_json(emulator, "{}")[0] == 500

    def test_sts_fails_too(self, emulator: Emulator, sts: Any) -> None:
        emulator.fail_next("IDPCommunicationError", "Gone.", status=500)

        code, _ = refusal(
            sts.assume_role_with_web_identity,
            RoleArn=ROLE,
            RoleSessionName="app",
            WebIdentityToken="token",
        )
        assert code == "IDPCommunicationError"

    def test_a_dropped_call_has_been_carried_out(self, emulator: Emulator) -> None:
        members = {"IdentityPoolId": POOL.identity_pool_id, "Logins": USER}
        emulator.drop_next()

        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            post_json(emulator, json.dumps(members))
        assert emulator.calls == {GET_TOKEN: 1}
        assert post_json(emulator, json.dumps(members))[0] == 200

    def test_a_cut_answer_promises_more_than_it_holds(self, emulator: Emulator) -> None:
        members = {"IdentityPoolId": POOL.identity_pool_id, "Logins": USER}
        emulator.cut_next()

        with pytest.raises(http.client.IncompleteRead) as caught:
            post_json(emulator, json.dumps(members))

        assert caught.value.partial.startswith(b'{"IdentityId": "eu-central-1:')

    def test_clear_forgets_everything(self, emulator: Emulator, cognito: Any) -> None:
        identity_id = ask(cognito)["IdentityId"]
        emulator.fail_next("InternalErrorException")

        emulator.clear()

        assert emulator.calls == {}
        assert refusal(ask, cognito, IdentityId=identity_id)[0] == "ResourceNotFoundException"
        assert ask(cognito)["IdentityId"] == identity_id

    def test_calls_are_throttled_to_so_many_a_second(self) -> None:
        clock = Clock()
        with Emulator(POOL, calls_per_second=2, clock=clock) as emulator:
            cognito = client("cognito-identity", emulator)

            def passed() -> int:
                codes = [post_json(emulator, "{}")[2]["__type"] for _ in range(5)]
                return codes.count("ValidationException")

            assert passed() == 2
            clock.at += 0.5
            assert passed() == 1
            clock.at += 60
            assert passed() == 2
            assert refusal(ask, cognito) == ("TooManyRequestsException", "Rate exceeded")
            assert refusal(cognito.get_id, IdentityPoolId="a:0")[0] == "ResourceNotFoundException"

    def test_less_than_one_call_a_second(self) -> None:
        clock = Clock()
        with Emulator(POOL, calls_per_second=0.5, clock=clock) as emulator:
            codes = []
            for _ in range(3):
                codes.append(post_json(emulator, "{}")[2]["__type"])
                clock.at += 1

        assert codes == ["ValidationException", "TooManyRequestsException", "ValidationException"]

    def test_an_answer_takes_as_long_as_the_latency(self, emulator: Emulator) -> None:
        emulator.latency = 0.05
        try:
            began = time.monotonic()
            post_json(emulator, "{}")
            assert time.monotonic() - began >= 0.05
        finally:
            emulator.latency = 0

    def test_signatures_are_checked_if_asked_for(self) -> None:
        with Emulator(POOL, credentials={"AKIATEST": "test-secret"}) as emulator:
            assert ask(client("cognito-identity", emulator))["Token"]
            unsigned = client("cognito-identity", emulator, signature_version=UNSIGNED)
            assert refusal(ask, unsigned) == (
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            )

    def test_an_error_in_the_hook_is_an_internal_error(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        def hook(call: Call) -> None:
            raise ZeroDivisionError

        with Emulator(POOL, on_call=hook) as emulator:
            status, _, answer = post_json(emulator, "{}")

            _, headers, _ = post_form(emulator, "Action=AssumeRoleWithWebIdentity")

        assert (status, answer["__type"]) == (500, "InternalErrorException")
        assert headers["content-type"] == "text/xml"
        assert "ZeroDivisionError" in caplog.text


class TestLife:
    def test_calls_are_told_to_the_hook(self) -> None:
        calls: list[Call] = []
        with Emulator(POOL, on_call=calls.append) as emulator:
            identity_id = ask(client("cognito-identity", emulator))["IdentityId"]
            post_json(emulator, "{}", "Nonsense")

        assert calls == [
            Call(GET_TOKEN, identity_id, None),
            Call("Nonsense", None, "UnknownOperationException"),
        ]

    def test_it_listens_on_loopback_and_a_free_port(self, emulator: Emulator) -> None:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", emulator.endpoint_url)
        assert emulator.pools == (POOL, OTHER_POOL)

    def test_ipv6(self) -> None:
        with Emulator(host="::1") as emulator:
            assert emulator.endpoint_url.startswith("http://[::1]:")
            assert ask(client("cognito-identity", emulator), pool=emulator.pools[0])["Token"]

    def test_the_port_is_free_again_afterwards(self) -> None:
        with Emulator() as emulator:
            port = int(emulator.endpoint_url.rpartition(":")[2])
        with Emulator(port=port) as again:
            assert again.endpoint_url == emulator_url(port)

    def test_a_port_in_use_is_the_callers_error(self, emulator: Emulator) -> None:
        port = int(emulator.endpoint_url.rpartition(":")[2])

        with pytest.raises(OSError, match="in use"):
            Emulator(port=port).start()

    def test_it_has_no_address_before_and_after(self) -> None:
        emulator = Emulator()
        for _ in range(2):
            with pytest.raises(RuntimeError, match="not running"):
                emulator.endpoint_url  # noqa: B018
            emulator.start()
            url = emulator.endpoint_url
            assert emulator.start().endpoint_url == url
            emulator.stop()
            emulator.stop()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))

    def test_it_stops_while_an_answer_is_waiting(self) -> None:
        emulator = Emulator(POOL, latency=60).start()
        address = emulator.endpoint_url.removeprefix("http://")
        with contextlib.closing(http.client.HTTPConnection(address, timeout=30)) as waiting:
            waiting.request("POST", "/", "{}", {"X-Amz-Target": "AWSCognitoIdentityService.GetId"})
            # Answered after the server has read what came first.
            post(emulator, b"", {}, "GET", "/.well-known/jwks_uri")

            emulator.stop()

            assert json.loads(waiting.getresponse().read())["__type"] == "ValidationException"

    def test_it_may_be_started_and_stopped_from_many_threads_at_once(self) -> None:
        before = threading.active_count()
        emulator = Emulator()
        with ThreadPoolExecutor(8) as pool:
            for _ in range(3):
                list(pool.map(lambda _: emulator.start(), range(8)))
                list(pool.map(lambda _: emulator.stop(), range(8)))

        assert threading.active_count() == before

    def test_a_server_that_cannot_run_is_an_error_and_not_a_wait(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: object, **options: object) -> None:
            raise OSError("no more files")

        monkeypatch.setattr(uvicorn.Server, "run", fail)
        monkeypatch.setattr(threading, "excepthook", lambda _: None)

        with pytest.raises(RuntimeError, match="did not start"):
            Emulator().start()

    def test_requests_in_flight_are_answered_when_it_stops(self) -> None:
        members = json.dumps({"IdentityPoolId": POOL.identity_pool_id, "Logins": USER})
        statuses = []

        def call_until_it_is_gone(emulator: Emulator) -> None:
            with contextlib.suppress(ConnectionError, http.client.HTTPException, RuntimeError):
                while True:
                    statuses.append(post_json(emulator, members)[0])

        with Emulator(POOL) as emulator, ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(call_until_it_is_gone, emulator)
            while len(statuses) < 20:
                post(emulator, b"", {}, "GET", "/.well-known/jwks_uri")
            emulator.stop()

        assert set(statuses) == {200}

    def test_its_threads_are_gone_when_it_has_stopped(self) -> None:
        before = threading.active_count()
        with Emulator() as emulator:
            post_json(emulator, "{}")
            assert threading.active_count() == before + 1

        assert threading.active_count() == before


def emulator_url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


class TestSettings:
    def test_a_developer_provider_has_a_name(self) -> None:
        with pytest.raises(ValueError, match="must be 1 to 128 letters, digits"):
            Pool(developer_provider="a b")

    def test_pools_have_different_ids(self) -> None:
        with pytest.raises(ValueError, match="an identity_pool_id of its own"):
            Emulator(Pool(), Pool(developer_provider="other"))

    def test_throttling_can_be_a_429(self) -> None:
        behavior = Behavior(throttled_status=429)
        with Emulator(behavior=behavior, calls_per_second=1, clock=Clock()) as emulator:
            assert [post_json(emulator, "{}")[0] for _ in range(2)] == [400, 429]

    def test_signatures_are_checked_by_the_clock_that_is_given(self) -> None:
        with Emulator(POOL, credentials={"AKIATEST": "test-secret"}, clock=Clock()) as emulator:
            code, message = refusal(ask, client("cognito-identity", emulator))

        assert code == "InvalidSignatureException"
        assert message.startswith("Signature expired: ")

    def test_a_pool_needs_an_id(self) -> None:
        with pytest.raises(
            ValueError, match="must be REGION:GUID of at most 55 characters, not 'pool'"
        ):
            Pool("pool")
        with pytest.raises(ValueError, match="must be REGION:GUID of at most 55 characters"):
            Pool("a:" + "0" * 54)

    def test_one_string_is_not_several_providers(self) -> None:
        with pytest.raises(ValueError, match="several names, not one string"):
            Pool(public_providers="accounts.google.com")

    @pytest.mark.parametrize(
        "setting",
        [{"amr": "x"}, {"throttled_status": 7}, {"public_login_of_another_identity": "x"}],
    )
    def test_a_behavior_that_is_not_known_is_refused(self, setting: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(setting))):
            Behavior(**setting)

    def test_behavior_is_a_setting(self) -> None:
        behavior = Behavior(unknown_developer_provider_code="InvalidParameterException")
        with Emulator(POOL, behavior=behavior) as emulator:
            code, _ = refusal(ask, client("cognito-identity", emulator), {"x": "y"})

        assert code == "InvalidParameterException"
