"""Injected faults occur, as often as requested."""

import http.client
import json
import math
import re
import socket
import time
from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from botocore import UNSIGNED

from calling import (
    COGNITO,
    GET_TOKEN,
    ROLE,
    USER,
    Clock,
    ask,
    boto,
    post,
    post_form,
    post_json,
    refusal,
)
from cognito_devtoken._aws.errors import _BY_CODE
from cognito_devtoken.emulator import Call, Emulator
from cognito_devtoken.emulator._faults import TokenBucket
from cognito_devtoken.emulator._operations import OPERATIONS
from patience import PATIENCE
from pools import POOL


class TestFaults:
    @pytest.mark.parametrize(
        ("code", "status"), [("A\nB", None), ("", None), ("AccessDenied", 200), ("Gone", 99)]
    )
    def test_an_invalid_error_is_refused(
        self, emulator: Emulator, code: str, status: int | None
    ) -> None:
        with pytest.raises(ValueError, match="Not the code and status"):
            emulator.fail_next(code, status=status)

    @pytest.mark.parametrize(
        ("code", "known"),
        [
            ("NotAuthorisedException", "NotAuthorizedException"),
            ("ResourceConflictExeption", "ResourceConflictException"),
            ("TooManyRequestException", "TooManyRequestsException"),
            ("UnrecognisedClientException", "UnrecognizedClientException"),
        ],
    )
    def test_a_misspelled_code_is_refused_with_the_likely_one(
        self, emulator: Emulator, code: str, known: str
    ) -> None:
        with pytest.raises(ValueError, match=f"Unknown error code {code}; did you mean {known}?"):
            emulator.fail_next(code)

    def test_every_code_that_the_client_knows_is_accepted_and_so_is_a_new_one(
        self, emulator: Emulator
    ) -> None:
        for stem in _BY_CODE:
            emulator.fail_next(stem)
            emulator.fail_next(f"{stem}Exception")
        emulator.fail_next("SomethingNewException")

    def test_a_fault_of_an_operation_leaves_other_calls_alone(
        self, emulator: Emulator, cognito: Any
    ) -> None:
        pool_id = POOL.identity_pool_id
        emulator.fail_next("ResourceConflictException", operation="GetId")
        emulator.fail_next("InternalErrorException", status=400)

        assert refusal(ask, cognito)[0] == "InternalErrorException"
        assert ask(cognito)["Token"]
        assert refusal(cognito.get_id, IdentityPoolId=pool_id)[0] == "ResourceConflictException"
        assert refusal(cognito.get_id, IdentityPoolId=pool_id)[0] == "NotAuthorizedException"

    @pytest.mark.parametrize("fault", ["drop_next", "cut_next"])
    def test_a_broken_connection_may_be_that_of_an_operation(
        self, emulator: Emulator, fault: str
    ) -> None:
        getattr(emulator, fault)(operation="GetId")

        assert post_json(emulator, "{}")[0] == 400
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            post_json(emulator, "{}", "GetId")

    def test_a_fault_of_an_unknown_operation_is_refused(self, emulator: Emulator) -> None:
        with pytest.raises(ValueError, match=r"no operation GetID; did you mean GetId\?"):
            emulator.drop_next(operation="GetID")
        with pytest.raises(ValueError, match=r"The emulator has no operation Zzz\."):
            emulator.fail_next("InternalErrorException", operation="Zzz")

    @pytest.mark.parametrize("times", [0, -1])
    def test_a_fault_that_never_occurs_is_refused(self, emulator: Emulator, times: int) -> None:
        with pytest.raises(ValueError, match="times must be 1 or more"):
            emulator.drop_next(times=times)

    @pytest.mark.parametrize("fault", ["drop_next", "cut_next"])
    def test_a_proxy_header_does_not_prevent_a_fault(self, emulator: Emulator, fault: str) -> None:
        getattr(emulator, fault)()

        with pytest.raises((ConnectionError, http.client.HTTPException)):
            post_json(emulator, "{}", **{"X-Forwarded-For": "10.0.0.1"})

    def test_a_client_that_disconnects_causes_no_error(
        self, emulator: Emulator, caplog: pytest.LogCaptureFixture
    ) -> None:
        host, _, port = emulator.endpoint_url.removeprefix("http://").rpartition(":")
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
        emulator.drop_next()
        emulator.latency = PATIENCE
        for body in (b"half", b"all of it"):
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(head + body)
            # By the time this is answered, the server has noticed the disconnect.
            post(emulator, b"", {}, "GET", "/.well-known/jwks_uri")
        emulator.latency = 0
        emulator._running.interrupt(lambda: None)  # end all delays
        post_json(emulator, "{}")

        assert "Traceback" not in caplog.text

    def test_as_many_calls_fail_as_requested(self, emulator: Emulator, cognito: Any) -> None:
        emulator.fail_next("ResourceConflictException", "Taken.", times=2)

        assert refusal(ask, cognito) == ("ResourceConflictException", "Taken.")
        assert refusal(ask, cognito)[0] == "ResourceConflictException"
        assert ask(cognito)["Token"]

    def test_an_internal_error_has_status_500(self, emulator: Emulator) -> None:
        emulator.fail_next("InternalErrorException")

        assert post_json(emulator, "{}")[0] == 500

    def test_a_fault_applies_to_sts_too(self, emulator: Emulator, sts: Any) -> None:
        emulator.fail_next("IDPCommunicationError", "Gone.", status=500)

        code, _ = refusal(
            sts.assume_role_with_web_identity,
            RoleArn=ROLE,
            RoleSessionName="app",
            WebIdentityToken="token",
        )
        assert code == "IDPCommunicationError"

    def test_a_dropped_call_is_carried_out(self, emulator: Emulator) -> None:
        members = {"IdentityPoolId": POOL.identity_pool_id, "Logins": USER}
        emulator.drop_next()

        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            post_json(emulator, json.dumps(members))
        assert emulator.calls == {GET_TOKEN: 1}
        assert post_json(emulator, json.dumps(members))[0] == 200

    def test_a_cut_response_is_shorter_than_announced(self, emulator: Emulator) -> None:
        members = {"IdentityPoolId": POOL.identity_pool_id, "Logins": USER}
        emulator.cut_next()

        with pytest.raises(http.client.IncompleteRead) as caught:
            post_json(emulator, json.dumps(members))

        assert caught.value.partial.startswith(b'{"IdentityId": "eu-central-1:')

    def test_clear_removes_calls_identities_and_faults(
        self, emulator: Emulator, cognito: Any
    ) -> None:
        identity_id = ask(cognito)["IdentityId"]
        emulator.fail_next("InternalErrorException")

        emulator.clear()

        assert emulator.calls == {}
        assert refusal(ask, cognito, IdentityId=identity_id)[0] == "ResourceNotFoundException"
        assert ask(cognito)["IdentityId"] == identity_id

    @pytest.mark.external
    def test_after_clear_the_emulator_is_as_new(self) -> None:
        def make() -> Emulator:
            return Emulator(POOL, calls_per_second=dict.fromkeys(OPERATIONS, 2), clock=Clock())

        with make() as emulator:
            cognito = boto("cognito-identity", emulator)
            cognito.create_identity_pool(
                IdentityPoolName="other", AllowUnauthenticatedIdentities=True
            )
            token = [ask(cognito) for _ in range(2)][-1]
            assert refusal(ask, cognito)[0] == "TooManyRequestsException"
            cognito.get_credentials_for_identity(
                IdentityId=token["IdentityId"], Logins={COGNITO: token["Token"]}
            )
            emulator.leave_undeleted()
            emulator.drop_next()
            assert state_of(emulator._front) != state_of(make()._front)

            emulator.clear()

            assert state_of(emulator._front) == state_of(make()._front)
            assert ask(cognito)["Token"]

    @pytest.mark.external
    def test_calls_are_throttled_per_second(self) -> None:
        clock = Clock()
        with Emulator(POOL, calls_per_second=2, clock=clock) as emulator:
            cognito = boto("cognito-identity", emulator)

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

    @pytest.mark.external
    def test_the_quota_may_be_less_than_one_call_per_second(self) -> None:
        clock = Clock()
        with Emulator(POOL, calls_per_second=0.5, clock=clock) as emulator:
            codes = []
            for _ in range(3):
                codes.append(post_json(emulator, "{}")[2]["__type"])
                clock.at += 1

        assert codes == ["ValidationException", "TooManyRequestsException", "ValidationException"]

    @pytest.mark.external
    def test_each_operation_may_have_its_own_limit(self) -> None:
        limits = {"GetCredentialsForIdentity": 1, "AssumeRoleWithWebIdentity": 1}
        with Emulator(POOL, calls_per_second=limits, clock=Clock()) as emulator:
            cognito, sts = (boto(each, emulator) for each in ("cognito-identity", "sts"))
            token = [ask(cognito) for _ in range(3)][-1]
            logins = {COGNITO: token["Token"]}

            def trade() -> Any:
                return cognito.get_credentials_for_identity(
                    IdentityId=token["IdentityId"], Logins=logins
                )

            def assume() -> Any:
                return sts.assume_role_with_web_identity(
                    RoleArn=ROLE, RoleSessionName="app", WebIdentityToken=token["Token"]
                )

            assert trade()["Credentials"]
            assert refusal(trade) == ("TooManyRequestsException", "Rate exceeded")
            assert assume()["Credentials"]
            assert refusal(assume) == ("Throttling", "Rate exceeded")
            emulator.calls_per_second = None
            assert assume()["Credentials"]

    def test_a_clock_that_steps_back_neither_throttles_nor_refills(self) -> None:
        clock = Clock()
        bucket = TokenBucket(clock)
        assert [bucket.take(2) for _ in range(3)] == [True, True, False]

        clock.at -= 3600

        assert not bucket.take(2)
        clock.at += 0.5
        assert [bucket.take(2) for _ in range(2)] == [True, False]
        clock.at += 60
        assert [bucket.take(2) for _ in range(3)] == [True, True, False]

    @pytest.mark.parametrize(
        ("setting", "values", "message"),
        [
            ("latency", [-1, math.inf, math.nan], "latency must be 0 s or more, and finite, not"),
            ("calls_per_second", [0, -1, math.nan], "calls_per_second must be more than 0, not"),
            ("calls_per_second", [{"GetId": 0}], "calls_per_second of GetId must be more than 0"),
            ("calls_per_second", [{"GetIds": 1}], "no operation GetIds; did you mean GetId?"),
        ],
    )
    def test_a_setting_is_checked_when_it_is_given_and_when_it_is_changed(
        self, setting: str, values: list[Any], message: str
    ) -> None:
        emulator = Emulator(POOL)
        before = getattr(emulator, setting)
        for value in values:
            with pytest.raises(ValueError, match=re.escape(message)):
                Emulator(**{setting: value})
            with pytest.raises(ValueError, match=re.escape(message)):
                setattr(emulator, setting, value)

        assert getattr(emulator, setting) == before

    def test_limits_cannot_be_changed_without_a_check(self) -> None:
        given = {"GetId": 5.0}
        emulator = Emulator(calls_per_second=given)
        given["GetId"] = 0

        assert emulator.calls_per_second == {"GetId": 5}
        with pytest.raises(TypeError):
            emulator.calls_per_second["GetId"] = 0  # type: ignore[index]

    def test_a_response_takes_at_least_the_latency(self, emulator: Emulator) -> None:
        emulator.latency = 0.05
        try:
            began = time.monotonic()
            post_json(emulator, "{}")
            assert time.monotonic() - began >= 0.05
        finally:
            emulator.latency = 0

    @pytest.mark.external
    def test_signatures_are_checked_if_credentials_are_given(self) -> None:
        with Emulator(POOL, credentials={"AKIATEST": "test-secret"}) as emulator:
            assert ask(boto("cognito-identity", emulator))["Token"]
            unsigned = boto("cognito-identity", emulator, signature_version=UNSIGNED)
            assert refusal(ask, unsigned) == (
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            )

    @pytest.mark.external
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


def state_of(value: object) -> object:
    """Return everything that an object of the emulator holds, in a form that can be compared."""
    if isinstance(value, Mapping):
        return {key: state_of(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [state_of(each) for each in value]
    kind: Any = type(value)
    if attrs.has(kind):
        return {each.name: state_of(getattr(value, each.name)) for each in attrs.fields(kind)}
    if kind.__module__.startswith("cognito_devtoken"):
        return state_of(vars(value))
    return value if isinstance(value, str | int | float | None) else kind
