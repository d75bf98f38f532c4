"""The AWS CLI (version 1, from PyPI) takes the emulator for AWS."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cli import module, quick, theirs

from calling import COGNITO, ROLE
from cognito_devtoken.emulator import Emulator
from pools import OTHER_POOL, POOL


pytestmark = pytest.mark.external

IDENTITY, STS = "cognito-identity", "sts"
UNSIGNED = "--no-sign-request"
ANA = f"{POOL.developer_provider}=ana"
UNKNOWN = f"{POOL.region}:00000000-0000-4000-8000-00000000dead"
IN_POOL = ("--identity-pool-id", POOL.identity_pool_id)
OF_GUESTS = ("--identity-pool-id", OTHER_POOL.identity_pool_id)
# Runs a command, which must succeed, and returns what it prints.
Aws = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    module("awscli.clidriver")
    with quick():
        yield


@pytest.fixture(scope="module")
def checking() -> Iterator[Emulator]:
    """An emulator that checks signatures."""
    with Emulator(POOL, OTHER_POOL, credentials={"AKIATEST": "test-secret"}) as emulator:
        yield emulator


@pytest.fixture
def aws(checking: Emulator, monkeypatch: pytest.MonkeyPatch) -> Aws:
    checking.clear()
    monkeypatch.setenv("AWS_DEFAULT_REGION", POOL.region)
    address = ("--endpoint-url", checking.endpoint_url)

    def run(service: str, *arguments: str) -> Any:
        done = theirs([*arguments, *address], service)
        assert (done.code, done.err) == (0, "")
        return json.loads(done.out) if done.out else None

    return run


@pytest.fixture
def refusal(aws: Aws, checking: Emulator) -> Callable[..., str]:
    """A function that runs a command, which must fail, and returns the error that it prints."""
    address = ("--endpoint-url", checking.endpoint_url)

    def run(service: str, *arguments: str) -> str:
        done = theirs([*arguments, *address], service)
        assert (done.code != 0, done.out) == (True, "")
        return done.err.strip()

    return run


@pytest.fixture
def token(aws: Aws) -> dict[str, str]:
    """The identity id and the token of a user."""
    command = "get-open-id-token-for-developer-identity"
    got: dict[str, str] = aws(IDENTITY, command, *IN_POOL, "--logins", ANA)
    return got


def act_as(patch: pytest.MonkeyPatch, credentials: dict[str, str]) -> None:
    patch.setenv("AWS_ACCESS_KEY_ID", credentials["AccessKeyId"])
    secret = credentials.get("SecretKey") or credentials["SecretAccessKey"]
    patch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    patch.setenv("AWS_SESSION_TOKEN", credentials["SessionToken"])


class TestCredentials:
    def test_a_token_is_exchanged_without_a_signature_for_credentials_that_sign(
        self, aws: Aws, token: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        got = aws(
            IDENTITY,
            "get-credentials-for-identity",
            *("--identity-id", token["IdentityId"]),
            *("--logins", f"{COGNITO}={token['Token']}"),
            UNSIGNED,
        )

        act_as(monkeypatch, got["Credentials"])
        assert aws(STS, "get-caller-identity")["Arn"] == (
            "arn:aws:sts::123456789012:assumed-role/authenticated/CognitoIdentityCredentials"
        )

    def test_a_token_assumes_a_role_without_a_signature(
        self, aws: Aws, token: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        got = aws(
            STS,
            "assume-role-with-web-identity",
            *("--role-arn", ROLE, "--role-session-name", "ana"),
            *("--web-identity-token", token["Token"], "--duration-seconds", "900"),
            UNSIGNED,
        )

        assert got["SubjectFromWebIdentityToken"] == token["IdentityId"]
        act_as(monkeypatch, got["Credentials"])
        assert aws(STS, "get-caller-identity")["Arn"] == got["AssumedRoleUser"]["Arn"]

    def test_a_role_and_a_token_file_of_the_environment_are_used(
        self,
        aws: Aws,
        token: dict[str, str],
        checking: Emulator,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        assumerole = module("awscli.customizations.assumerole")
        monkeypatch.setattr(assumerole, "CACHE_DIR", str(tmp_path / "cache"))
        path = tmp_path / "token"
        path.write_text(f"{token['Token']}\n")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", checking.endpoint_url)
        monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
        monkeypatch.setenv("AWS_ROLE_SESSION_NAME", "ana")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(path))

        assert aws(STS, "get-caller-identity")["Arn"].endswith("assumed-role/app/ana")

    def test_guests_get_an_id_a_token_and_credentials_without_a_signature(self, aws: Aws) -> None:
        got = aws(IDENTITY, "get-id", *OF_GUESTS, UNSIGNED)
        guest = ("--identity-id", got["IdentityId"])

        assert aws(IDENTITY, "get-open-id-token", *guest, UNSIGNED)["Token"]
        assert aws(IDENTITY, "get-credentials-for-identity", *guest, UNSIGNED)["Credentials"]

    def test_the_certificate_of_an_emulator_with_tls_is_trusted_by_an_option(self) -> None:
        with Emulator(POOL, tls=True) as emulator:
            address = ("--endpoint-url", emulator.endpoint_url, "--region", POOL.region)
            trust = ("--ca-bundle", emulator.ca_bundle)

            assert theirs(["get-caller-identity", *address, *trust], STS).code == 0
            assert "CERTIFICATE_VERIFY_FAILED" in (
                theirs(["get-caller-identity", *address], STS).err
            )


class TestAdministration:
    def test_a_user_is_looked_up_described_unlinked_and_deleted(
        self, aws: Aws, token: dict[str, str]
    ) -> None:
        identity_id = token["IdentityId"]

        found = aws(
            IDENTITY,
            "lookup-developer-identity",
            *IN_POOL,
            *("--developer-user-identifier", "ana"),
        )
        assert found["IdentityId"] == identity_id
        found = aws(IDENTITY, "describe-identity", "--identity-id", identity_id)
        assert found["Logins"] == [POOL.developer_provider]
        aws(
            IDENTITY,
            "unlink-developer-identity",
            *IN_POOL,
            *("--identity-id", identity_id, "--developer-user-identifier", "ana"),
            *("--developer-provider-name", POOL.developer_provider),
        )
        deleted = aws(IDENTITY, "delete-identities", "--identity-ids-to-delete", identity_id)
        assert deleted == {"UnprocessedIdentityIds": []}

    def test_two_users_are_merged(self, aws: Aws, token: dict[str, str]) -> None:
        command = "get-open-id-token-for-developer-identity"
        aws(IDENTITY, command, *IN_POOL, "--logins", f"{POOL.developer_provider}=bob")

        merged = aws(
            IDENTITY,
            "merge-developer-identities",
            *IN_POOL,
            *("--source-user-identifier", "bob", "--destination-user-identifier", "ana"),
            *("--developer-provider-name", POOL.developer_provider),
        )

        assert merged == {"IdentityId": token["IdentityId"]}

    def test_a_pool_is_created_changed_and_deleted(self, aws: Aws) -> None:
        made = aws(
            IDENTITY,
            "create-identity-pool",
            *("--identity-pool-name", "shop", "--no-allow-unauthenticated-identities"),
            *("--developer-provider-name", "login.shop.example"),
            *("--identity-pool-tags", "team=blue"),
        )
        pool = ("--identity-pool-id", made["IdentityPoolId"])
        aws(IDENTITY, "set-identity-pool-roles", *pool, "--roles", f"authenticated={ROLE}")
        found = aws(IDENTITY, "get-identity-pool-roles", *pool)
        assert found["Roles"] == {"authenticated": ROLE}
        changed = aws(
            IDENTITY,
            "update-identity-pool",
            *pool,
            *("--identity-pool-name", "store", "--allow-unauthenticated-identities"),
        )
        assert aws(IDENTITY, "describe-identity-pool", *pool) == changed
        assert changed["IdentityPoolName"] == "store"
        assert aws(IDENTITY, "delete-identity-pool", *pool) is None

    def test_pages_are_read_to_the_end(self, aws: Aws) -> None:
        made = {aws(IDENTITY, "get-id", *OF_GUESTS)["IdentityId"] for _ in range(3)}
        command = (IDENTITY, "list-identities", *OF_GUESTS, "--max-results", "2")

        first = aws(*command)
        last = aws(*command, "--next-token", first["NextToken"])

        assert [len(page["Identities"]) for page in (first, last)] == [2, 1]
        assert {each["IdentityId"] for page in (first, last) for each in page["Identities"]} == made
        assert "NextToken" not in last


class TestErrors:
    @pytest.mark.parametrize(
        ("command", "error"),
        [
            (
                (IDENTITY, "describe-identity", "--identity-id", UNKNOWN),
                "(ResourceNotFoundException) when calling the DescribeIdentity operation: "
                f"Identity '{UNKNOWN}' not found.",
            ),
            (
                (IDENTITY, "get-id", *IN_POOL, UNSIGNED),
                "(NotAuthorizedException) when calling the GetId operation: "
                "Unauthenticated access is not supported for this identity pool.",
            ),
            (
                (IDENTITY, "describe-identity-pool", *IN_POOL, UNSIGNED),
                "(MissingAuthenticationTokenException) when calling the DescribeIdentityPool "
                "operation: Missing Authentication Token",
            ),
            (
                (IDENTITY, "list-identities", *IN_POOL, "--max-results", "61"),
                "(ValidationException) when calling the ListIdentities operation: 1 validation "
                "error detected: Value '61' at 'maxResults' failed to satisfy constraint: Member "
                "must have value less than or equal to 60",
            ),
            (
                (IDENTITY, "list-tags-for-resource", "--resource-arn", "a" * 20),
                "(UnknownOperationException) when calling the ListTagsForResource operation: "
                "The emulator has no operation ListTagsForResource.",
            ),
            (
                (STS, "get-session-token"),
                "(InvalidAction) when calling the GetSessionToken operation: Could not find "
                "operation GetSessionToken for version 2011-06-15",
            ),
            (
                (
                    *(STS, "assume-role-with-web-identity", "--role-arn", ROLE),
                    *("--role-session-name", "ana", "--web-identity-token", "no-token"),
                ),
                "(InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: The "
                "ID Token provided is not a valid JWT. (You may see this error if you sent an "
                "Access Token)",
            ),
        ],
    )
    def test_an_error_is_printed_with_its_code_and_text(
        self, refusal: Callable[..., str], command: tuple[str, ...], error: str
    ) -> None:
        assert refusal(*command) == f"An error occurred {error}"

    def test_a_wrong_key_is_refused(
        self, refusal: Callable[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")

        assert "(SignatureDoesNotMatch)" in refusal(STS, "get-caller-identity")
