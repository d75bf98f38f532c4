"""A boto3 session of one user: everything made from it acts as the user, and is refreshed."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.credentials import RefreshableCredentials

from caching import POOL_ID, PROVIDER
from calling import ROLE
from cognito_devtoken import AsyncTokenSession, TokenSession
from cognito_devtoken.boto3 import session_for
from cognito_devtoken.credentials import AssumeRole
from cognito_devtoken.exceptions import InvalidRequestError
from cognito_devtoken.testing import FakeFetcher, ManualClock
from recording import BUCKET, PAGES, Service, key_id_in


USES = 1000


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def session(fetcher: FakeFetcher, clock: ManualClock) -> Iterator[TokenSession]:
    with TokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock) as session:
        yield session


@pytest.fixture
def of_user(session: TokenSession, service: Service) -> Callable[..., boto3.Session]:
    """A function that makes a user's boto3 session, whose requests are not sent."""

    def make(user: str, **arguments: Any) -> boto3.Session:
        made = session_for(session, user, **arguments)
        made.events.register("before-send", service)
        return made

    return make


def test_a_session_of_boto3_makes_clients_that_act_as_the_user(
    of_user: Callable[..., boto3.Session], session: TokenSession, service: Service
) -> None:
    of_ann, of_bob = of_user("ann"), of_user("bob")
    assert type(of_ann) is boto3.Session
    s3 = {"ann": of_ann.client("s3"), "bob": of_bob.client("s3")}

    for user in ("ann", "bob", "ann"):
        s3[user].list_buckets()
        assert service.sent[-1].key_id == session.get_credentials(user).access_key_id


def test_resources_paginators_waiters_urls_and_transfers_act_as_the_user(
    of_user: Callable[..., boto3.Session], session: TokenSession, service: Service
) -> None:
    of_ann = of_user("ann")
    s3 = of_ann.client("s3")
    key_id = session.get_credentials("ann").access_key_id

    list(of_ann.resource("s3").Bucket(BUCKET).objects.all())
    list(s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET))
    s3.get_waiter("object_exists").wait(Bucket=BUCKET, Key="k")
    config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    s3.upload_fileobj(io.BytesIO(bytes(11 << 20)), BUCKET, "k", Config=config)

    assert key_id_in(s3.generate_presigned_url("list_buckets")) == key_id
    assert len(service.sent) == PAGES + PAGES + 1 + 5
    assert {sent.key_id for sent in service.sent} == {key_id}


def test_a_client_gets_refreshed_credentials(
    of_user: Callable[..., boto3.Session],
    session: TokenSession,
    service: Service,
    clock: ManualClock,
    fetcher: FakeFetcher,
) -> None:
    s3 = of_user("ann").client("s3")
    for _ in range(3):
        s3.list_buckets()
        clock.advance(3601)

    assert len({sent.key_id for sent in service.sent}) == len(fetcher.exchanges) == 3


def test_invalidated_credentials_are_replaced_at_the_next_request(
    of_user: Callable[..., boto3.Session], session: TokenSession, service: Service
) -> None:
    s3 = of_user("ann").client("s3")
    s3.list_buckets()
    session.invalidate(session.get_credentials("ann"))
    s3.list_buckets()

    first, second = (sent.key_id for sent in service.sent)
    assert first != second == session.get_credentials("ann").access_key_id


def test_1000_uses_of_fresh_900_s_credentials_are_one_exchange(
    of_user: Callable[..., boto3.Session], fetcher: FakeFetcher
) -> None:
    ours: Any = of_user("ann", role=AssumeRole(ROLE, duration=900)).get_credentials()
    for _ in range(USES):
        ours.get_frozen_credentials()

    assert len(fetcher.exchanges) == 1


def test_1000_uses_of_fresh_900_s_credentials_of_botocore_are_1000_refreshes() -> None:
    """Why this library does not give botocore its own RefreshableCredentials."""
    calls: list[int] = []

    def refresh() -> dict[str, str]:
        calls.append(1)
        expiry = (datetime.now(UTC) + timedelta(seconds=900)).isoformat()
        return {"access_key": "a", "secret_key": "b", "token": "c", "expiry_time": expiry}

    theirs = RefreshableCredentials.create_from_metadata(refresh(), refresh, "test")
    calls.clear()
    for _ in range(USES):
        theirs.get_frozen_credentials()

    assert len(calls) == USES


@pytest.mark.parametrize("role", [ROLE, AssumeRole(ROLE)])
def test_a_role_is_assumed(
    role: Any,
    of_user: Callable[..., boto3.Session],
    session: TokenSession,
    service: Service,
) -> None:
    of_user("ann", role=role, region_name="us-east-1").client("dynamodb").list_tables()

    assert service.sent[-1].key_id == session.get_credentials("ann", role=role).access_key_id
    credentials: Any = of_user("ann", role=role).get_credentials()
    assert credentials.account_id == "123456789012"


def test_the_credentials_of_a_user_have_the_interface_of_botocore(
    of_user: Callable[..., boto3.Session], session: TokenSession
) -> None:
    credentials: Any = of_user("ann").get_credentials()
    found = session.get_credentials("ann")

    assert credentials.access_key == found.access_key_id
    assert credentials.secret_key == found.secret_access_key
    assert credentials.token == found.session_token
    assert (credentials.method, credentials.account_id) == ("cognito-devtoken", None)
    frozen = credentials.get_frozen_credentials()
    assert tuple(frozen)[:3] == (credentials.access_key, credentials.secret_key, credentials.token)


def test_the_region_is_the_given_one_or_the_configured_one_or_that_of_the_pool(
    session: TokenSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert session_for(session, "ann").region_name == "us-east-1"
    assert session_for(session, "ann", region_name="eu-west-1").region_name == "eu-west-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert session_for(session, "ann").region_name == "eu-west-3"
    assert session_for(session, "ann", region_name="eu-west-1").region_name == "eu-west-1"


def test_a_bearer_token_of_the_backend_is_not_sent_for_a_user(
    of_user: Callable[..., boto3.Session],
    session: TokenSession,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_ann = of_user("ann")
    if "bedrock" not in of_ann.get_available_services():
        pytest.skip("this botocore has no Bedrock")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "backend")

    of_ann.client("bedrock").list_foundation_models()

    assert service.sent[-1].key_id == session.get_credentials("ann").access_key_id


def test_a_wrong_role_or_kind_of_session_is_refused_at_once(
    session: TokenSession, fetcher: FakeFetcher
) -> None:
    asynchronous: Any = AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher)

    with pytest.raises(InvalidRequestError, match="role"):
        session_for(session, "ann", role="no ARN")
    with pytest.raises(TypeError, match="must be a TokenSession, not AsyncTokenSession"):
        session_for(asynchronous, "ann")
