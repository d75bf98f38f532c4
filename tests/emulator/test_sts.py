"""STS trades tokens for credentials of roles, by every way in which its clients call it."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from calling import (
    COGNITO,
    ROLE,
    Clock,
    ask,
    boto,
    caller_identity,
    post,
    post_form,
    refusal,
)
from cognito_devtoken.emulator import Behavior, Emulator, Role
from pools import POOL


VERSION = "2011-06-15"
ALLOW = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}


def policy(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements) or [ALLOW]})


def assume(sts: Any, token: str, **members: Any) -> Any:
    given = {"RoleArn": ROLE, "RoleSessionName": "app", "WebIdentityToken": token} | members
    return sts.assume_role_with_web_identity(**given)


def fields(token: str, **changes: str) -> str:
    members = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": VERSION,
        "RoleArn": ROLE,
        "RoleSessionName": "app",
        "WebIdentityToken": token,
    }
    return urlencode(members | changes)


@pytest.fixture
def token(cognito: Any) -> str:
    return str(ask(cognito)["Token"])


@pytest.fixture
def unchecked(emulator: Emulator) -> Any:
    """A client of STS that sends what a checked one would refuse to send."""
    return boto("sts", emulator, parameter_validation=False)


class TestAssumeRoleWithWebIdentity:
    def test_a_token_is_exchanged_for_credentials(self, cognito: Any, sts: Any) -> None:
        answer = ask(cognito)

        got = assume(sts, answer["Token"], DurationSeconds=900)

        assert got["SubjectFromWebIdentityToken"] == answer["IdentityId"]
        assert got["Audience"] == POOL.identity_pool_id
        assert got["Provider"] == COGNITO
        assert got["AssumedRoleUser"]["Arn"] == "arn:aws:sts::123456789012:assumed-role/app/app"
        assert got["Credentials"]["Expiration"].utcoffset() is not None
        assert "PackedPolicySize" not in got

    def test_keys_and_tokens_have_the_characters_of_base64(self, sts: Any, token: str) -> None:
        got = assume(sts, token)["Credentials"]

        for text in (got["SecretAccessKey"], got["SessionToken"]):
            assert re.fullmatch(r"[A-Za-z0-9+/]+", text)
            assert {"+", "/"} <= set(text)
        assert len(got["SecretAccessKey"]) == 40

    def test_a_role_has_one_id_and_loses_its_path(self, sts: Any, token: str) -> None:
        role = "arn:aws:iam::123456789012:role/path/to/app"

        users = [assume(sts, token, RoleArn=role)["AssumedRoleUser"] for _ in range(2)]

        assert users[0] == users[1]
        assert users[0]["Arn"] == "arn:aws:sts::123456789012:assumed-role/app/app"
        assert re.fullmatch(r"AROA[A-Z2-7]{17}:app", users[0]["AssumedRoleId"])

    @pytest.mark.parametrize("text", ["nonsense", "e30.bm9uc2Vuc2U.x", "a.b.c\n", "a.b" * 5000])
    def test_what_is_not_a_jwt_is_refused(self, sts: Any, text: str) -> None:
        assert refusal(assume, sts, text) == (
            "InvalidIdentityToken",
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an "
            "Access Token)",
        )

    def test_a_jwt_not_signed_by_the_emulator_is_refused(self, sts: Any, token: str) -> None:
        header = json.dumps({"alg": "RS512", "kid": "eu-central-1-1", "crit": 1}).encode()
        _, claims, signature = token.split(".")
        invalid = base64.urlsafe_b64encode(header).decode().rstrip("=")

        for changed in (f"{token[:-4]}AAAA", f"{invalid}.{claims}.{signature}"):
            assert refusal(assume, sts, changed) == (
                "InvalidIdentityToken",
                "Couldn't retrieve verification key from your identity provider,  please "
                "reference AssumeRoleWithWebIdentity documentation for requirements",
            )

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_a_token_may_end_in_a_line_end(self, sts: Any, token: str, end: str) -> None:
        assert assume(sts, token + end)["Credentials"]
        assert refusal(assume, sts, f"{token}{end}{end}")[0] == "InvalidIdentityToken"

    @pytest.mark.external
    def test_a_token_that_ends_in_a_line_end_is_refused_if_configured(self) -> None:
        with Emulator(POOL, behavior=Behavior(trailing_line_end="refuse")) as emulator:
            token = ask(boto("cognito-identity", emulator))["Token"]
            sts = boto("sts", emulator)

            assert assume(sts, token)["Credentials"]
            assert refusal(assume, sts, f"{token}\n")[0] == "InvalidIdentityToken"

    @pytest.mark.external
    def test_an_expired_token_is_refused(self) -> None:
        clock = Clock()
        with Emulator(POOL, clock=clock) as emulator:
            token = ask(boto("cognito-identity", emulator), TokenDuration=1)["Token"]
            clock.at += 1

            assert refusal(assume, boto("sts", emulator), token) == (
                "ExpiredTokenException",
                "Token expired: current date/time 1700000001 must be before the expiration "
                "date/time 1700000001",
            )

    @pytest.mark.external
    def test_credentials_live_as_long_as_requested(self) -> None:
        with Emulator(POOL, clock=Clock()) as emulator:
            token = ask(boto("cognito-identity", emulator))["Token"]
            got = assume(boto("sts", emulator), token, DurationSeconds=900)

        assert got["Credentials"]["Expiration"].timestamp() == Clock.at + 900

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"RoleSessionName": "a"},
                "1 validation error detected: Value 'a' at 'roleSessionName' failed to satisfy "
                "constraint: Member must have length greater than or equal to 2",
            ),
            (
                {"RoleSessionName": "a b"},
                "1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy "
                r"constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*",
            ),
            (
                {"DurationSeconds": 899},
                "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy "
                "constraint: Member must have value greater than or equal to 900",
            ),
            (
                {"DurationSeconds": 43_201},
                "1 validation error detected: Value '43201' at 'durationSeconds' failed to "
                "satisfy constraint: Member must have value less than or equal to 43200",
            ),
            ({"RoleArn": "arn:aws:iam::123456789012:user/app"}, "Request ARN is invalid"),
        ],
    )
    def test_a_broken_limit_is_a_validation_error(
        self, unchecked: Any, token: str, changes: dict[str, Any], message: str
    ) -> None:
        assert refusal(assume, unchecked, token, **changes) == ("ValidationError", message)

    def test_a_token_is_not_quoted(self, unchecked: Any) -> None:
        _, message = refusal(assume, unchecked, "secret" * 4000)

        assert message == (
            "1 validation error detected: Value '***' at 'webIdentityToken' failed to satisfy "
            "constraint: Member must have length less than or equal to 20000"
        )

    @pytest.mark.parametrize("seconds", ["1h", "9" * 5000, "00090000000000000000000", "9.5"])
    def test_a_duration_that_is_no_integer_is_refused(
        self, emulator: Emulator, token: str, seconds: str
    ) -> None:
        status, headers, body = post_form(emulator, fields(token, DurationSeconds=seconds))

        assert status == 400
        assert headers["content-type"] == "text/xml"
        assert b"<Code>ValidationError</Code>" in body

    def test_missing_members_are_counted(self, emulator: Emulator) -> None:
        _, _, body = post_form(emulator, f"Action=AssumeRoleWithWebIdentity&RoleArn={ROLE}")

        message = ET.fromstring(body).findtext(".//{*}Message", "")
        assert message.startswith("2 validation errors detected: Value null at 'roleSessionName'")
        assert "; Value null at 'webIdentityToken' failed" in message

    def test_characters_not_allowed_in_xml_are_replaced(
        self, emulator: Emulator, token: str
    ) -> None:
        _, _, body = post_form(emulator, fields(token, RoleSessionName="a\0b"))

        assert "Value 'a?b' at" in ET.fromstring(body).findtext(".//{*}Message", "")

    def test_a_form_with_too_many_fields_is_refused(self, emulator: Emulator) -> None:
        status, _, body = post_form(emulator, "a=1&" * 1000)

        assert (status, b"<Code>InvalidAction</Code>" in body) == (400, True)


class TestRoles:
    @pytest.mark.external
    def test_a_session_is_no_longer_than_the_role_allows(self) -> None:
        roles = [Role(ROLE), Role(f"{ROLE}2", max_session_duration=43_200)]
        with Emulator(POOL, roles=roles) as emulator:
            token = ask(boto("cognito-identity", emulator))["Token"]
            sts = boto("sts", emulator)

            assert assume(sts, token, DurationSeconds=3600)
            assert assume(sts, token, DurationSeconds=43_200, RoleArn=f"{ROLE}2")
            assert assume(sts, token, DurationSeconds=43_200, RoleArn=f"{ROLE}3")  # unknown
            assert refusal(assume, sts, token, DurationSeconds=3601) == (
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            )

    @pytest.mark.external
    def test_a_role_without_tag_session_refuses_a_token_with_tags(self) -> None:
        with Emulator(POOL, roles=[Role(ROLE, allows_tag_session=False)]) as emulator:
            cognito, sts = (boto(each, emulator) for each in ("cognito-identity", "sts"))
            tagged = ask(cognito, PrincipalTags={"team": "blue"})["Token"]

            assert assume(sts, ask(cognito)["Token"])
            assert assume(sts, tagged, RoleArn=f"{ROLE}2")
            assert refusal(assume, sts, tagged) == (
                "AccessDenied",
                "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            )


class TestPolicies:
    def test_policies_within_the_limits_are_accepted(self, sts: Any, token: str) -> None:
        arns = [{"arn": f"arn:aws:iam::aws:policy/P{number}"} for number in range(10)]

        assert assume(sts, token, Policy=policy())["PackedPolicySize"] in range(1, 20)
        assert assume(sts, token, PolicyArns=arns)["PackedPolicySize"] in range(1, 20)

    @pytest.mark.parametrize(
        "text",
        ["{", "[", "nonsense", "[" * 2000],
    )
    def test_a_policy_that_is_not_json_is_malformed(self, sts: Any, token: str, text: str) -> None:
        assert refusal(assume, sts, token, Policy=text) == (
            "MalformedPolicyDocument",
            "This policy contains invalid Json",
        )

    @pytest.mark.parametrize(
        "text",
        [
            "[]",
            "1",
            "{}",
            '{"Statement": []}',
            policy("text"),
            policy(ALLOW | {"Effect": "Maybe"}),
            policy({**ALLOW, "NotAction": "s3:*"}),
            policy({"Effect": "Allow", "Resource": "*"}),
            policy({"Effect": "Allow", "Action": "s3:*"}),
        ],
    )
    def test_a_policy_without_proper_statements_is_malformed(
        self, sts: Any, token: str, text: str
    ) -> None:
        assert refusal(assume, sts, token, Policy=text) == (
            "MalformedPolicyDocument",
            "Syntax errors in policy.",
        )

    def test_a_single_statement_needs_no_list(self, sts: Any, token: str) -> None:
        assert assume(sts, token, Policy=json.dumps({"Statement": ALLOW}))["Credentials"]

    def test_policies_that_are_too_large_together_are_refused(self, sts: Any, token: str) -> None:
        text = policy({**ALLOW, "Sid": "a" * 1900})
        arns = [{"arn": f"arn:aws:iam::aws:policy/{'P' * 100}"}]

        assert assume(sts, token, Policy=text)["Credentials"]
        code, message = refusal(assume, sts, token, Policy=text, PolicyArns=arns)
        assert code == "PackedPolicyTooLarge"
        assert re.fullmatch(
            r"Packed policy consumes 10\d% of allotted space, please use smaller policy\.", message
        )

    def test_a_policy_that_is_too_long_is_a_validation_error(
        self, unchecked: Any, token: str
    ) -> None:
        text = policy({**ALLOW, "Sid": "a" * 2048})

        code, message = refusal(assume, unchecked, token, Policy=text)

        assert code == "ValidationError"
        assert "Value '***' at 'policy' failed" in message

    def test_more_than_ten_policies_are_refused(self, sts: Any, token: str) -> None:
        arns = [{"arn": f"arn:aws:iam::aws:policy/P{number}"} for number in range(11)]

        code, message = refusal(assume, sts, token, PolicyArns=arns)

        assert code == "ValidationError"
        assert message.endswith(
            "'policyArns' failed to satisfy constraint: Member must have "
            "length less than or equal to 10"
        )


class TestGetCallerIdentity:
    def test_credentials_of_a_session_are_those_of_its_role(
        self, sts: Any, token: str, emulator: Emulator
    ) -> None:
        got = assume(sts, token, RoleSessionName="mine")

        found = caller_identity(emulator, got["Credentials"])

        assert found["Arn"] == got["AssumedRoleUser"]["Arn"]
        assert found["UserId"] == got["AssumedRoleUser"]["AssumedRoleId"]
        assert found["Account"] == "123456789012"

    def test_any_other_key_is_that_of_a_user(self, sts: Any, emulator: Emulator) -> None:
        found = sts.get_caller_identity()

        assert found["Arn"] == "arn:aws:iam::123456789012:user/emulator"
        assert re.fullmatch(r"AIDA[A-Z2-7]{17}", found["UserId"])
        unsigned = boto("sts", emulator, signature_version=UNSIGNED)
        assert unsigned.get_caller_identity()["Arn"] == found["Arn"]

    def test_a_signed_address_names_its_caller(
        self, sts: Any, token: str, emulator: Emulator
    ) -> None:
        got = assume(sts, token)["Credentials"]
        url = f"{emulator.endpoint_url}/?Action=GetCallerIdentity&Version={VERSION}"
        signed = AWSRequest("GET", url)
        keys = Credentials(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])
        SigV4QueryAuth(keys, "sts", POOL.region).add_auth(signed)

        _, _, body = post(emulator, b"", {}, "GET", f"/?{str(signed.url).partition('?')[2]}")

        assert ET.fromstring(body).findtext(".//{*}Arn", "").endswith("assumed-role/app/app")

    @pytest.mark.external
    def test_expired_credentials_are_refused(self) -> None:
        clock = Clock()
        with Emulator(POOL, clock=clock) as emulator:
            token = ask(boto("cognito-identity", emulator))["Token"]
            got = assume(boto("sts", emulator), token, DurationSeconds=900)["Credentials"]
            clock.at += 900

            assert refusal(caller_identity, emulator, got) == (
                "ExpiredToken",
                "The security token included in the request is expired",
            )

    @pytest.mark.external
    def test_only_so_many_sessions_are_remembered(self) -> None:
        with Emulator(POOL) as emulator:
            token = ask(boto("cognito-identity", emulator))["Token"]
            first = assume(boto("sts", emulator), token)["Credentials"]
            world = emulator._front.service.world
            for _ in range(10_000):
                world.open_session(ROLE, "app", 900)

            assert len(world.sessions) == 10_000
            assert caller_identity(emulator, first)["Arn"].endswith(":user/emulator")


class TestSignatures:
    @pytest.mark.external
    def test_credentials_that_were_given_out_sign_as_well_as_those_of_the_settings(self) -> None:
        with Emulator(POOL, credentials={"AKIATEST": "test-secret"}) as emulator:
            token = ask(boto("cognito-identity", emulator))["Token"]
            sts = boto("sts", emulator)
            got = assume(sts, token)["Credentials"]

            assert sts.get_caller_identity()["Arn"].endswith(":user/emulator")
            assert caller_identity(emulator, got)["Arn"].endswith("assumed-role/app/app")
            for name in ("SecretAccessKey", "SessionToken"):
                code, _ = refusal(caller_identity, emulator, got | {name: "another"})
                assert code in ("SignatureDoesNotMatch", "InvalidClientTokenId")
            code, message = refusal(caller_identity, emulator, got | {"AccessKeyId": "ASIAX"})
            assert (code, message) == (
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            )

    @pytest.mark.external
    def test_an_unsigned_call_is_refused_with_the_codes_of_sts(self) -> None:
        with Emulator(POOL, credentials={}) as emulator:
            unsigned = boto("sts", emulator, signature_version=UNSIGNED)

            code, _ = refusal(unsigned.get_caller_identity)
            status, _, _ = post_form(emulator, "Action=GetCallerIdentity")

        assert (code, status) == ("MissingAuthenticationToken", 403)


class TestWaysToCall:
    @pytest.mark.parametrize(
        "send",
        [
            lambda emulator, text, accept: post(emulator, b"", accept, "GET", f"/?{text}"),
            lambda emulator, text, accept: post(emulator, b"", accept, "POST", f"/?{text}"),
            lambda emulator, text, accept: post(
                emulator,
                text.partition("&")[2],
                accept | {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
                "POST",
                f"/?{text.partition('&')[0]}",
            ),
        ],
        ids=["GET", "POST with fields in the address", "POST with fields in both"],
    )
    def test_fields_are_read_from_the_address_and_the_body(
        self, emulator: Emulator, token: str, send: Callable[..., tuple[int, Any, bytes]]
    ) -> None:
        status, headers, body = send(emulator, fields(token), {})

        assert (status, headers["content-type"]) == (200, "text/xml")
        assert ET.fromstring(body).findtext(".//{*}Audience") == POOL.identity_pool_id
        assert emulator.calls["AssumeRoleWithWebIdentity"] == 1

        status, headers, body = send(emulator, fields(token), {"Accept": "application/json"})

        assert (status, headers["content-type"]) == (200, "application/json")
        answer = json.loads(body)["AssumeRoleWithWebIdentityResponse"]
        assert answer["ResponseMetadata"]["RequestId"] == headers["x-amzn-requestid"]
        result = answer["AssumeRoleWithWebIdentityResult"]
        assert result["Audience"] == POOL.identity_pool_id
        assert isinstance(result["Credentials"]["Expiration"], float)

    def test_an_error_is_json_for_a_caller_that_accepts_it(self, emulator: Emulator) -> None:
        address = f"/?{fields('nonsense')}"

        status, headers, body = post(emulator, b"", {"Accept": "application/json"}, "GET", address)

        assert (status, headers["content-type"]) == (400, "application/json")
        assert json.loads(body)["Error"]["Code"] == "InvalidIdentityToken"
        assert json.loads(body)["Error"]["Type"] == "Sender"

    def test_the_credential_provider_of_botocore_takes_a_token_from_a_file(
        self, emulator: Emulator, token: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "token"
        path.write_text(f"{token}\n")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(path),
            "AWS_ROLE_ARN": ROLE,
            "AWS_ROLE_SESSION_NAME": "mine",
            "AWS_ENDPOINT_URL_STS": emulator.endpoint_url,
            "AWS_DEFAULT_REGION": POOL.region,
        }.items():
            monkeypatch.setenv(name, value)

        sts: Any = botocore.session.Session().create_client("sts")
        found = sts.get_caller_identity()

        assert found["Arn"] == "arn:aws:sts::123456789012:assumed-role/app/mine"
