"""On the wire the emulator looks like Cognito, to browsers and to invalid requests alike."""

import base64
import json
import re
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calling import (
    GET_TOKEN,
    ROLE,
    USER,
    Clock,
    ask,
    post,
    post_form,
    post_json,
    refusal,
)
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.emulator._operations import OPERATIONS
from cognito_devtoken.emulator._operations.inputs import INPUTS
from cognito_devtoken.emulator._wire import COGNITO
from patience import PATIENCE
from pools import POOL


MEMBERS = {"IdentityPoolId": POOL.identity_pool_id, "Logins": USER}


class TestWire:
    def test_a_response_has_cognitos_headers_and_members(self, emulator: Emulator) -> None:
        members = {"IdentityPoolId": POOL.identity_pool_id, "Logins": USER}

        status, headers, body = post_json(emulator, json.dumps(members))

        assert status == 200
        assert headers["content-type"] == "application/x-amz-json-1.1"
        assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-amzn-requestid"])
        assert body.keys() == {"IdentityId", "Token"}

    def test_an_error_has_cognitos_headers_and_members(self, emulator: Emulator) -> None:
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
    def test_an_authentication_error_spells_message_with_a_capital(
        self, emulator: Emulator, code: str
    ) -> None:
        emulator.fail_next(code, "Nö.\nReally.")

        _, headers, body = post_json(emulator, "{}")

        assert body == {"__type": code, "Message": "Nö.\nReally."}
        assert headers["x-amzn-errormessage"] == "N?. Really."

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"text"', b"[" * 200_000, b'{"a": NaN']
    )
    def test_an_invalid_body_is_a_serialization_error(
        self, emulator: Emulator, body: bytes
    ) -> None:
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
    def test_null_and_unknown_members_are_ignored(
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
    def test_an_invalid_member_is_refused(
        self, emulator: Emulator, changes: dict[str, Any]
    ) -> None:
        members = {"IdentityPoolId": POOL.identity_pool_id, "Logins": USER}

        status, headers, body = post_json(emulator, json.dumps(members | changes))

        assert (status, body["__type"]) in {
            (400, "ValidationException"),
            (400, "SerializationException"),
        }
        assert "x-injected" not in headers

    def test_a_token_with_an_invalid_header_is_refused(self, cognito: Any, sts: Any) -> None:
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

    def test_a_target_of_another_service_is_an_unknown_operation(self, emulator: Emulator) -> None:
        target = {"X-Amz-Target": f"AWSCognitoIdentityProviderService.{GET_TOKEN}"}

        assert json.loads(post(emulator, "{}", target)[2])["__type"] == "UnknownOperationException"

    @pytest.mark.parametrize(
        ("operation", "why"),
        [
            ("TagResource", "The emulator has no operation TagResource."),
            ("GetCallerIdentity", "The emulator has no operation GetCallerIdentity."),  # STS has it
            ("", "X-Amz-Target names no operation of Cognito: AWSCognitoIdentityService."),
            ("a" * 5000, f"The emulator has no operation {'a' * 500}."),
            ("../x", "X-Amz-Target names no operation of Cognito: AWSCognitoIdentityService.../x"),
        ],
    )
    def test_an_unknown_operation_is_refused_by_its_name(
        self, emulator: Emulator, operation: str, why: str
    ) -> None:
        status, _, answer = post_json(emulator, "{}", operation)

        assert (status, answer["__type"]) == (400, "UnknownOperationException")
        assert answer["message"] == why

    def test_a_request_without_an_operation_is_refused(self, emulator: Emulator) -> None:
        answer = json.loads(post(emulator, "{}", {})[2])

        assert answer["__type"] == "UnknownOperationException"
        assert answer["message"] == "The request has no X-Amz-Target, which names the operation."

    def test_an_unknown_operation_of_sts_is_refused_by_its_name(self, emulator: Emulator) -> None:
        for operation in ("AssumeRole", "GetId"):
            status, _, body = post_form(emulator, f"Action={operation}&Version=2011-06-15")

            assert (status, b"<Code>InvalidAction</Code>" in body) == (400, True)
            why = f"Could not find operation {operation} for version 2011-06-15"
            assert f"<Message>{why}</Message>".encode() in body

    @pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/nowhere"), ("PUT", "/")])
    def test_an_unknown_path_is_not_found(self, emulator: Emulator, method: str, path: str) -> None:
        status, _, body = post(emulator, b"", {}, method, path)

        answer = json.loads(body)
        assert (status, answer["__type"]) == (404, "UnknownOperationException")
        assert answer["message"] == f"The emulator has no page {method} {path}."

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        body=st.binary()
        | st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda values: (
                st.lists(values)
                | st.dictionaries(
                    st.sampled_from(sorted({name for each in INPUTS.values() for name in each}))
                    | st.text(),
                    values,
                )
            ),
        ).map(lambda value: json.dumps(value).encode()),
        operation=st.sampled_from(
            [each.name for each in OPERATIONS.values() if each.service == COGNITO]
        ),
    )
    def test_no_request_body_causes_an_internal_error(
        self, emulator: Emulator, body: bytes, operation: str
    ) -> None:
        status, headers, answer = post_json(emulator, body, operation)

        assert status in (200, 400)
        if status == 400:
            assert headers["x-amzn-errortype"] == f"{answer['__type']}:"

    @pytest.mark.external
    def test_each_response_is_dated_once_by_the_clock_of_the_emulator(self) -> None:
        clock = Clock()
        with Emulator(POOL, clock=clock) as emulator:

            def dates(method: str, path: str) -> Any:
                return post(emulator, "{}", {}, method, path)[1]["date"]

            wanted = "Tue, 14 Nov 2023 22:13:20 GMT"
            assert post_json(emulator, json.dumps(MEMBERS))[1]["date"] == wanted
            assert post_form(emulator, "Action=GetCallerIdentity")[1]["date"] == wanted
            assert dates("POST", "/") == wanted  # refused
            assert dates("GET", "/nowhere") == wanted
            assert dates("GET", "/.well-known/jwks_uri") == wanted
            assert dates("OPTIONS", "/") == wanted
            clock.at += 1
            assert dates("GET", "/metrics") == "Tue, 14 Nov 2023 22:13:21 GMT"

    def test_half_a_response_is_dated(self, emulator: Emulator) -> None:
        emulator.cut_next()
        host, _, port = emulator.endpoint_url.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            received = connection.makefile("rb").read()

        assert received.lower().count(b"\r\ndate: ") == 1

    def test_cors_lets_a_browser_call_and_read_errors(self, emulator: Emulator) -> None:
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

    def test_responses_are_sent_without_waiting_for_acknowledgements(
        self, emulator: Emulator
    ) -> None:
        address = emulator.endpoint_url.removeprefix("http://").rpartition(":")
        with socket.create_connection((address[0], int(address[2]))) as connection:
            connection.sendall(b"GET /.well-known/jwks_uri HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
            server = emulator._running._server.server_state.connections
            sockets = [c.transport.get_extra_info("socket") for c in server]
            me = connection.getsockname()
            (accepted,) = (each for each in sockets if each.getpeername() == me)
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
