"""
Every request of a user's client is signed as that user, whatever the others do at the same time.

All tests run with clients that share a template, and with a client for each user, as UserClients
falls back to if a release of botocore does not permit sharing.
"""

import inspect
import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.signers import RequestSigner

from caching import POOL_ID, PROVIDER, Recorder
from calling import ROLE
from cognito_devtoken import AsyncTokenSession, TokenSession
from cognito_devtoken._clients.bound import BindingError, verify
from cognito_devtoken.boto3 import UserClients
from cognito_devtoken.credentials import AssumeRole
from cognito_devtoken.events import ClientsNotShared
from cognito_devtoken.exceptions import (
    ConfigurationError,
    InvalidRequestError,
    SessionClosedError,
    TokenUnavailableError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock
from patience import PATIENCE
from recording import BUCKET, EXPRESS_BUCKET, PAGES, Service, key_id_in


# Older releases of botocore have nothing to bind a request with.
CAN_SHARE = "request_credentials" in inspect.signature(RequestSigner.get_auth_instance).parameters
sharing_only = pytest.mark.skipif(not CAN_SHARE, reason="this botocore cannot share clients")
HAS_EXPRESS = hasattr(__import__("botocore.utils").utils, "S3ExpressIdentityCache")
HAS_ACCOUNT_IDS = "account_id_endpoint_mode" in inspect.getsource(Config)
PATH_STYLE = Config(s3={"addressing_style": "path"}, signature_version="s3v4")
USERS = [f"user-{number}" for number in range(40)]
PARTS = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=4)
BIG = 21 << 20


def forget_credentials(request: Any, **kwargs: Any) -> None:
    """Treat the check's request as releases do that do not know request_credentials."""
    request.context.get("signing", {}).pop("request_credentials", None)


@pytest.fixture(params=["shared", "unshared"])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def boto3_session(service: Service, way: str) -> boto3.Session:
    session = boto3.Session(region_name="us-east-1")
    session.events.register("before-send", service)
    if way == "unshared":
        session.events.register_first("request-created.sts", forget_credentials)
    return session


@pytest.fixture
def session(fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder) -> Iterator[TokenSession]:
    with TokenSession(
        POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock, on_event=[recorder]
    ) as session:
        yield session


@pytest.fixture
def clients(session: TokenSession, boto3_session: boto3.Session) -> Iterator[UserClients]:
    with UserClients(session, boto3_session=boto3_session, config=PATH_STYLE) as clients:
        yield clients


@pytest.fixture
def key_of(session: TokenSession) -> Callable[[str], str]:
    """A function that returns the id of a user's access key."""
    return lambda user: session.get_credentials(user).access_key_id


def test_400_requests_of_40_users_in_16_threads_are_each_signed_by_their_user(
    clients: UserClients, service: Service, key_of: Callable[[str], str]
) -> None:
    s3 = {user: clients.client("s3", user) for user in USERS}

    def put(number: int) -> None:
        user = USERS[number % len(USERS)]
        s3[user].put_object(Bucket=BUCKET, Key=f"{user}/{number}", Body=b"x")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, range(400)))

    assert len(service.sent) == 400
    for sent in service.sent:
        assert sent.key_id == key_of(sent.url.split("/")[-2])
    assert len({sent.key_id for sent in service.sent}) == len(USERS)


def test_multipart_uploads_of_two_users_at_once_are_signed_by_their_users(
    clients: UserClients, service: Service, key_of: Callable[[str], str]
) -> None:
    ready = threading.Barrier(2)

    def upload(user: str) -> None:
        ready.wait(PATIENCE)
        s3 = clients.client("s3", user)
        s3.upload_fileobj(io.BytesIO(bytes(BIG)), BUCKET, f"{user}/big", Config=PARTS)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(upload, USERS[:2]))

    assert len(service.of("UploadPart")) == 10
    for sent in service.sent:
        assert sent.key_id == key_of(sent.url.split("/")[-2])
        assert "uploadId" not in sent.url or str(sent.key_id) in sent.url.partition("?")[2]


def test_a_paginator_consumed_while_another_user_works_keeps_its_user(
    clients: UserClients, service: Service, key_of: Callable[[str], str]
) -> None:
    pages = clients.client("s3", "ann").get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    other = clients.client("s3", "bob")

    for _ in pages:
        other.head_object(Bucket=BUCKET, Key="k")

    assert [sent.key_id for sent in service.of("ListObjectsV2")] == [key_of("ann")] * PAGES
    assert [sent.key_id for sent in service.of("HeadObject")] == [key_of("bob")] * PAGES


def test_a_waiter_is_signed_by_its_user(
    clients: UserClients, service: Service, key_of: Callable[[str], str]
) -> None:
    clients.client("s3", "ann")
    clients.client("s3", "bob").get_waiter("object_exists").wait(Bucket=BUCKET, Key="k")

    assert [sent.key_id for sent in service.sent] == [key_of("bob")]


def test_presigned_urls_and_posts_are_signed_by_their_users(
    clients: UserClients, service: Service, key_of: Callable[[str], str]
) -> None:
    for user in ("ann", "bob", "ann"):
        s3 = clients.client("s3", user)
        url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "k"})
        post = s3.generate_presigned_post(BUCKET, "k")

        assert key_id_in(url) == key_of(user)
        assert post["fields"]["x-amz-credential"].startswith(key_of(user))
    assert not service.sent


def test_tokens_of_databases_and_urls_inside_requests_are_signed_by_their_users(
    clients: UserClients, service: Service, key_of: Callable[[str], str]
) -> None:
    for user in ("ann", "bob"):
        token = clients.client("rds", user).generate_db_auth_token("host", 5432, "app")
        clients.client("ec2", user).copy_snapshot(
            SourceRegion="eu-west-1", SourceSnapshotId="snap-1"
        )

        assert key_id_in(token) == key_of(user)
        sent = service.sent[-1]
        assert (sent.key_id, key_of(user) in str(sent.body)) == (key_of(user), True)


@pytest.mark.skipif(not HAS_EXPRESS, reason="this botocore has no S3 Express")
def test_s3_express_sessions_belong_to_their_users(
    session: TokenSession,
    boto3_session: boto3.Session,
    service: Service,
    key_of: Callable[[str], str],
) -> None:
    clients = UserClients(session, boto3_session=boto3_session)  # which chooses how to sign
    users = {user: clients.client("s3", user) for user in ("ann", "bob")}
    for user in ("ann", "bob", "ann", "bob"):
        users[user].get_object(Bucket=EXPRESS_BUCKET, Key="k")
        url = users[user].generate_presigned_url(
            "get_object", Params={"Bucket": EXPRESS_BUCKET, "Key": "k"}
        )

        sent = service.of("GetObject")[-1]
        assert sent.key_id == key_id_in(url) == f"express.{key_of(user)}"
        assert key_of(user) in str(sent.headers["x-amz-s3session-token"])
    created = [sent.key_id for sent in service.of("CreateSession")]
    assert created == [key_of("ann"), key_of("bob")]


def test_a_redirected_request_is_still_signed_by_its_user(
    clients: UserClients, service: Service, key_of: Callable[[str], str]
) -> None:
    redirect = "<Error><Code>PermanentRedirect</Code></Error>"
    service.answers["GetObject"] = [(301, {}, redirect)]
    service.answers["HeadBucket"] = [(403, {"x-amz-bucket-region": "eu-west-1"}, "")]

    clients.client("s3", "ann").get_object(Bucket=BUCKET, Key="k")

    assert [sent.key_id for sent in service.of("GetObject")] == [key_of("ann")] * 2
    assert "eu-west-1" in service.sent[-1].url
    assert {sent.key_id for sent in service.of("HeadBucket")} <= {None, key_of("ann")}
    clients.client("s3", "ann").head_bucket(Bucket=BUCKET)
    assert service.sent[-1].key_id == key_of("ann")


def test_a_service_that_is_asked_for_its_endpoints_is_asked_as_the_user(
    clients: UserClients, service: Service, key_of: Callable[[str], str]
) -> None:
    for user in ("ann", "bob"):
        clients.client("timestream-query", user).query(QueryString="SELECT 1")

        assert [sent.operation for sent in service.sent[-2:]] == ["DescribeEndpoints", "Query"]
        assert {sent.key_id for sent in service.sent[-2:]} == {key_of(user)}


@pytest.mark.parametrize("setting", [True, False])
def test_endpoint_discovery_can_be_switched_on_or_off(
    setting: bool,
    session: TokenSession,
    boto3_session: boto3.Session,
    service: Service,
    key_of: Callable[[str], str],
) -> None:
    config = Config(endpoint_discovery_enabled=setting)
    clients = UserClients(session, boto3_session=boto3_session, config=config)

    clients.client("dynamodb", "ann").list_tables()

    assert len(service.of("DescribeEndpoints")) == setting
    assert {sent.key_id for sent in service.sent} == {key_of("ann")}


@pytest.mark.parametrize("role", [ROLE, AssumeRole(ROLE)])
def test_an_endpoint_contains_the_account_of_the_role(
    role: Any,
    session: TokenSession,
    boto3_session: boto3.Session,
    service: Service,
) -> None:
    clients = UserClients(session, boto3_session=boto3_session, role=role)

    for user in ("ann", "bob"):
        clients.client("dynamodb", user).list_tables()

        sent = service.sent[-1]
        assert sent.key_id == session.get_credentials(user, role=role).access_key_id
        assert ("123456789012" in sent.url) == HAS_ACCOUNT_IDS


def test_an_endpoint_needs_no_account_if_the_identity_pool_chooses_the_role(
    clients: UserClients, service: Service, key_of: Callable[[str], str]
) -> None:
    clients.client("dynamodb", "ann").list_tables()

    assert service.sent[-1].url == "https://dynamodb.us-east-1.amazonaws.com/"
    assert service.sent[-1].key_id == key_of("ann")


def test_a_bearer_token_of_the_backend_is_not_sent_for_a_user(
    session: TokenSession,
    boto3_session: boto3.Session,
    service: Service,
    key_of: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "backend")
    clients = UserClients(session, boto3_session=boto3_session)
    if "bedrock" not in boto3_session.get_available_services():
        pytest.skip("this botocore has no Bedrock")

    clients.client("bedrock", "ann").list_foundation_models()

    assert service.sent[-1].key_id == key_of("ann")


def test_credentials_are_refreshed_under_a_client_that_is_kept(
    clients: UserClients,
    service: Service,
    key_of: Callable[[str], str],
    clock: ManualClock,
) -> None:
    s3 = clients.client("s3", "ann")
    s3.head_object(Bucket=BUCKET, Key="k")
    first = key_of("ann")
    clock.advance(3601)
    s3.head_object(Bucket=BUCKET, Key="k")

    assert [sent.key_id for sent in service.sent] == [first, key_of("ann")]
    assert first != key_of("ann")


def test_a_failed_exchange_reaches_the_caller_and_nothing_is_sent(
    clients: UserClients, service: Service, fetcher: FakeFetcher
) -> None:
    fetcher.exchange_error = TokenUnavailableError("down", retry_at=None)

    with pytest.raises(TokenUnavailableError, match="down"):
        clients.client("s3", "ann").list_buckets()
    with pytest.raises(InvalidRequestError):
        clients.client("s3", "").list_buckets()
    assert not service.sent


def test_closing_the_client_of_one_user_does_not_close_those_of_others(
    clients: UserClients, service: Service, key_of: Callable[[str], str]
) -> None:
    ann, bob = clients.client("s3", "ann"), clients.client("s3", "bob")
    ann.close()
    bob.list_buckets()

    assert service.sent[-1].key_id == key_of("bob")


def test_closed_clients_make_no_more(clients: UserClients) -> None:
    clients.client("s3", "ann")
    clients.close()
    clients.close()

    with pytest.raises(SessionClosedError, match="UserClients are closed"):
        clients.client("s3", "ann")


def test_the_exceptions_of_one_client_are_those_of_another(
    clients: UserClients, service: Service
) -> None:
    service.answers["GetObject"] = [(404, {}, "<Error><Code>NoSuchKey</Code></Error>")]

    with pytest.raises(clients.client("s3", "ann").exceptions.NoSuchKey):
        clients.client("s3", "bob").get_object(Bucket=BUCKET, Key="k")


def test_a_client_is_a_boto3_client_with_the_settings_it_was_given(
    session: TokenSession, boto3_session: boto3.Session
) -> None:
    clients = UserClients(
        session,
        boto3_session=boto3_session,
        region_name="eu-central-1",
        config=Config(read_timeout=7),
    )
    s3 = clients.client("s3", "ann")
    plain = boto3_session.client("s3")

    assert type(s3).__name__ == type(plain).__name__ == "S3"
    assert dir(s3) == dir(plain)
    assert s3.meta.region_name == "eu-central-1"
    assert s3.meta.config.max_pool_connections == 50
    assert s3.meta.config.read_timeout == 7
    assert s3.meta.service_model.service_name == "s3"


def test_the_defaults_of_the_boto3_session_are_used(
    session: TokenSession, boto3_session: boto3.Session
) -> None:
    inner: Any = boto3_session._session
    inner.set_default_client_config(Config(max_pool_connections=3, connect_timeout=4))
    clients = UserClients(session, boto3_session=boto3_session, config=Config(read_timeout=5))
    config = clients.client("s3", "ann").meta.config

    assert (config.max_pool_connections, config.connect_timeout, config.read_timeout) == (3, 4, 5)


def test_unsigned_clients_stay_unsigned(
    session: TokenSession, boto3_session: boto3.Session, service: Service, fetcher: FakeFetcher
) -> None:
    config = Config(signature_version=UNSIGNED)
    clients = UserClients(session, boto3_session=boto3_session, config=config)

    clients.client("s3", "ann").get_object(Bucket=BUCKET, Key="k")

    assert (service.sent[-1].key_id, fetcher.exchanges) == (None, [])


def test_the_given_boto3_session_keeps_its_own_credentials_and_handlers(
    clients: UserClients, boto3_session: boto3.Session, service: Service
) -> None:
    clients.client("s3", "ann")
    boto3_session.client("s3").list_buckets()

    assert service.sent[-1].key_id == "AKIATEST"


def test_one_warning_tells_that_clients_are_not_shared(
    clients: UserClients, recorder: Recorder, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("s3", "dynamodb"):
        clients.client(name, "ann")

    events = recorder.of(ClientsNotShared)
    assert len(events) == (way == "unshared" or not CAN_SHARE)
    assert all(event.library.startswith("botocore ") for event in events)
    assert caplog.text.count("ClientsNotShared") == len(events)


def test_the_region_of_the_identity_pool_is_the_last_resort(
    session: TokenSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert UserClients(session).client("s3", "ann").meta.region_name == "us-east-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert UserClients(session).client("s3", "ann").meta.region_name == "eu-west-3"


@pytest.mark.parametrize("role", ["no ARN", 7])
def test_a_wrong_role_is_refused_at_once(role: Any, session: TokenSession) -> None:
    with pytest.raises(InvalidRequestError, match="role"):
        UserClients(session, role=role)


def test_an_asynchronous_session_is_refused(fetcher: FakeFetcher) -> None:
    session: Any = AsyncTokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher)

    with pytest.raises(TypeError, match="must be a TokenSession") as caught:
        UserClients(session)
    assert "cognito_devtoken.aioboto3" in caught.value.__notes__[0]


@sharing_only
@pytest.mark.parametrize("way", ["shared"], indirect=True)
class TestSharing:
    """What only clients that share a template do, or refuse to do."""

    def test_the_template_itself_cannot_sign(self, clients: UserClients, service: Service) -> None:
        clients.client("s3", "ann")
        template: Any = clients._templates["s3"]

        with pytest.raises(ConfigurationError, match="belongs to no user"):
            template.client.list_buckets()
        with pytest.raises(ConfigurationError, match="belongs to no user"):
            template.client.generate_presigned_url("list_buckets")
        for name in ("access_key", "secret_key", "token"):
            with pytest.raises(ConfigurationError):
                getattr(template.client._request_signer._credentials, name)
        assert template.client._request_signer._credentials.account_id is None
        assert not service.sent

    def test_the_clients_of_a_service_share_their_connections(self, clients: UserClients) -> None:
        ann, bob = clients.client("s3", "ann"), clients.client("s3", "bob")

        assert ann._endpoint is bob._endpoint

    def test_the_crt_is_never_given_the_credentials_of_a_user(self, clients: UserClients) -> None:
        assert clients.client("s3", "ann")._get_credentials() is None

    @pytest.mark.parametrize(
        "method", ["register", "register_first", "register_last", "unregister"]
    )
    def test_a_client_has_no_event_handlers_of_its_own(
        self, method: str, clients: UserClients
    ) -> None:
        events = clients.client("s3", "ann").meta.events

        with pytest.raises(ConfigurationError, match="all users share") as caught:
            getattr(events, method)("before-send", print)
        assert "boto3_session" in caught.value.__notes__[0]

    def test_a_client_outlives_the_object_that_made_it(
        self, session: TokenSession, boto3_session: boto3.Session, service: Service
    ) -> None:
        s3 = UserClients(session, boto3_session=boto3_session).client("s3", "ann")
        service.answers["GetObject"] = [
            (301, {"x-amz-bucket-region": "eu-west-1"}, "<E><Code>PermanentRedirect</Code></E>")
        ]
        s3.get_object(Bucket=BUCKET, Key="k")

        assert [sent.operation for sent in service.sent] == ["GetObject", "GetObject"]


@pytest.mark.skipif(not HAS_ACCOUNT_IDS, reason="this botocore has no account ids")
def test_endpoint_errors_name_the_account_and_not_the_template(
    session: TokenSession, boto3_session: boto3.Session, service: Service
) -> None:
    required: Any = {"account_id_endpoint_mode": "required"}
    clients = UserClients(session, boto3_session=boto3_session, config=Config(**required))

    with pytest.raises(BotoCoreError, match=r"(?i)account"):
        clients.client("dynamodb", "ann").list_tables()
    assert not service.sent


def test_a_probe_that_is_signed_with_other_credentials_fails_the_check() -> None:
    verify("PROBE1", ["Credential=PROBE1/", "Credential=PROBE1/"])

    for signatures in (["PROBE1"], ["PROBE1", "PROBE2"], ["PROBE2", "PROBE1"]):
        with pytest.raises(BindingError):
            verify("PROBE1", signatures)
