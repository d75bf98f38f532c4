"""Clients of users show no secret: not in their attributes, reprs, pickles or botocore's log."""

import copy
import logging
import pickle
import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from test_user_clients import HAS_EXPRESS

from caching import POOL_ID, PROVIDER
from canary import find_leaks, shown
from cognito_devtoken import TokenSession
from cognito_devtoken._clients.log_filter import hide_session_tokens
from cognito_devtoken.boto3 import UserClients, session_for
from cognito_devtoken.exceptions import TokenUnavailableError
from cognito_devtoken.testing import FakeFetcher
from recording import BUCKET, EXPRESS_BUCKET, Service


USER = "canary-user-id"


@pytest.fixture
def session(fetcher: FakeFetcher) -> Iterator[TokenSession]:
    with TokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher) as session:
        yield session


@pytest.fixture
def secrets(session: TokenSession) -> list[str]:
    found = session.get_credentials(USER)
    return [found.secret_access_key, found.session_token, USER]


@pytest.fixture(params=["session_for", "UserClients"])
def client_of(
    request: pytest.FixtureRequest, session: TokenSession
) -> Callable[[str, Config | None], Any]:
    """A function that makes the user's client for a service, one way or the other."""
    boto3_session: Any = boto3.Session(region_name="us-east-1")

    def make(service: str, config: Config | None = None) -> Any:
        if request.param == "UserClients":
            boto3_session.events.register("before-send", Service())
            clients = UserClients(session, boto3_session=boto3_session, config=config)
            return clients.client(service, USER)
        made: Any = session_for(session, USER, region_name="us-east-1")
        made.events.register("before-send", Service())
        return made.client(service, config=config)

    return make


def test_attributes_and_reprs_show_no_secret(
    client_of: Callable[..., Any], secrets: list[str]
) -> None:
    s3 = client_of("s3")
    s3.list_buckets()
    signer = s3._request_signer
    credentials = signer._credentials

    seen = [
        *(text for each in (s3, s3.meta, s3.meta.events, signer) for text in shown(each)),
        *shown(credentials),
        repr(credentials),
        f"{credentials}",
        repr(getattr(credentials, "__dict__", {})),
    ]
    for secret in secrets:
        assert not [text[:200] for text in seen if secret in text]


def test_credentials_are_never_pickled_and_a_copy_is_the_object_itself(
    client_of: Callable[..., Any],
) -> None:
    credentials = client_of("sts")._request_signer._credentials

    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(credentials)
    assert copy.copy(credentials) is copy.deepcopy(credentials) is credentials


@pytest.mark.parametrize("signature", ["s3v4", "s3", None])
def test_the_debug_log_of_botocore_shows_no_secret(
    signature: str | None,
    client_of: Callable[..., Any],
    secrets: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    s3 = client_of("s3", Config(signature_version=signature) if signature else None)
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "k"})
    client_of("dynamodb").list_tables()
    client_of("rds").generate_db_auth_token("host", 5432, "app")
    client_of("ec2").copy_snapshot(SourceRegion="eu-west-1", SourceSnapshotId="snap-1")
    if HAS_EXPRESS and signature is None:
        s3.get_object(Bucket=EXPRESS_BUCKET, Key="k")
        secrets = [*secrets, "canary"]

    assert "botocore" in caplog.text
    for secret in secrets:
        shown = [r for r in caplog.records if secret in r.getMessage()]
        assert not [(r.name, r.getMessage()[:300]) for r in shown]


def test_only_debug_messages_are_read_for_secrets(caplog: pytest.LogCaptureFixture) -> None:
    hide_session_tokens()
    logger = logging.getLogger("botocore.auth")
    logger.setLevel(logging.DEBUG)
    for level in (logging.DEBUG, logging.INFO):
        logger.log(level, "x-amz-security-token:%s;", "canary")

    assert [record.getMessage() for record in caplog.records] == [
        "x-amz-security-token:<hidden>;",
        "x-amz-security-token:canary;",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "x-amz-security-token:canary/+=%25",
        "'X-Amz-Security-Token': b'canary+/='",
        "https://host/?X-Amz-Security-Token=canary%2Fx%3D%3D&X-Amz-Date=1",
        "PresignedUrl=https%3A%2F%2Fhost%2F%3FX-Amz-Security-Token%3Dcanary%252Fx%26other",
        "{'x-amz-s3session-token': 'canary'}",
        "<SecretAccessKey>canary</SecretAccessKey>",
        "<SessionToken>canary</SessionToken>",
    ],
)
def test_a_secret_is_hidden_wherever_botocore_writes_it(
    text: str, caplog: pytest.LogCaptureFixture
) -> None:
    hide_session_tokens()
    caplog.set_level(logging.DEBUG)
    logging.getLogger("botocore.endpoint").debug("before %s after", text)

    (record,) = caplog.records
    assert "canary" not in record.getMessage()
    assert "<hidden>" in record.getMessage()
    assert record.getMessage().startswith("before ")
    assert record.getMessage().endswith(" after")


class _Unprintable:
    def __str__(self) -> str:
        raise ValueError("canary")


@pytest.mark.parametrize(
    "message",
    [
        ("x-amz-security-token:%s;", "canary", "one too many"),
        ("x-amz-security-token:canary; %d", "text"),
        ("%(canary)s", {"x-amz-security-token": "canary"}),
        ("%s", _Unprintable()),
        (_Unprintable(),),
    ],
)
def test_a_debug_message_that_cannot_be_formatted_raises_no_error_and_shows_no_secret(
    message: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    hide_session_tokens()
    caplog.set_level(logging.DEBUG)
    handler = logging.StreamHandler()  # unlike caplog's, it prints what it cannot format
    logger = logging.getLogger("botocore.endpoint")
    logger.addHandler(handler)
    try:
        logger.debug(*message)
    finally:
        logger.removeHandler(handler)

    (record,) = caplog.records
    assert re.fullmatch(r"A debug message could not be formatted: \w+Error\.", record.getMessage())
    assert "canary" not in capsys.readouterr().err


def test_no_error_shows_the_user_id(session: TokenSession, fetcher: FakeFetcher) -> None:
    clients = UserClients(session)
    closed = UserClients(session)
    closed.close()
    wrong: Any = "session"
    fetcher.exchange_error = TokenUnavailableError("down", retry_at=None)
    failing: list[Callable[[], object]] = [
        lambda: clients.client("no such service", USER),
        lambda: closed.client("s3", USER),
        lambda: session_for(session, USER, role="no ARN"),
        lambda: session_for(wrong, USER),
        lambda: clients.client("s3", USER).list_buckets(),
        lambda: clients.client("s3", USER).generate_presigned_url("list_buckets"),
        lambda: session_for(session, USER).client("s3").list_buckets(),
    ]

    for fail in failing:
        with pytest.raises(Exception) as caught:  # noqa: PT011  # each has its own
            fail()
        assert not find_leaks(caught.value, USER)
