"""
The same for asyncio: every request of a user's client is signed as that user.

It needs aiobotocore, which is only installed where its own release of botocore may be.
"""

import asyncio
import io
import logging
import pickle
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Any

import pytest
from botocore.config import Config
from test_user_clients import CAN_SHARE, HAS_ACCOUNT_IDS, HAS_EXPRESS, sharing_only

from caching import POOL_ID, PROVIDER, Recorder
from calling import ROLE
from canary import find_leaks, shown
from cognito_devtoken import AsyncTokenSession, TokenSession
from cognito_devtoken.credentials import AssumeRole
from cognito_devtoken.events import ClientsNotShared
from cognito_devtoken.exceptions import (
    ConfigurationError,
    InvalidRequestError,
    SessionClosedError,
    TokenUnavailableError,
)
from cognito_devtoken.testing import FakeFetcher, ManualClock
from recording import BUCKET, EXPRESS_BUCKET, PAGES, Service, key_id_in


pytest.importorskip("aiobotocore", reason="aiobotocore is not installed")
from aiobotocore.awsrequest import AioAWSResponse
from aiobotocore.client import AioBaseClient
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from cognito_devtoken.aioboto3 import AsyncUserClients, aiobotocore_session_for, session_for


HAS_AIOBOTO3 = find_spec("aioboto3") is not None
needs_aioboto3 = pytest.mark.skipif(not HAS_AIOBOTO3, reason="aioboto3 is not installed")
PATH_STYLE = Config(s3={"addressing_style": "path"}, signature_version="s3v4")
USERS = [f"user-{number}" for number in range(40)]
Body = Callable[..., Coroutine[Any, Any, None]]


def forget_credentials(request: Any, **kwargs: Any) -> None:
    """Treat the check's request as releases do that do not know request_credentials."""
    request.context.get("signing", {}).pop("request_credentials", None)


class _Raw:
    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.raw_headers = [(n.encode(), v.encode()) for n, v in headers.items()]
        self._body = body

    async def read(self, *args: Any) -> bytes:
        body, self._body = self._body, b""
        return body

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *exc_info: object) -> None: ...

    def close(self) -> None: ...


def respond(url: str, status: int, headers: dict[str, str], body: bytes) -> Any:
    members: Any = (url, status, headers, _Raw(headers, body))
    return AioAWSResponse(*members)


@pytest.fixture
def service() -> Service:
    return Service(respond)


@pytest.fixture(params=["shared", "unshared"])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def given(service: Service, way: str) -> AioSession:
    session: Any = AioSession()
    session.set_config_variable("region", "us-east-1")
    events = session.get_component("event_emitter")
    events.register("before-send", service)
    if way == "unshared":
        events.register_first("request-created.sts", forget_credentials)
    made: AioSession = session
    return made


class Users:
    """What a test needs: clients, and the session that knows the users' keys."""

    def __init__(self, session: AsyncTokenSession, clients: AsyncUserClients) -> None:
        self.session = session
        self.clients = clients

    async def key_of(self, user: str) -> str:
        return (await self.session.get_credentials(user)).access_key_id


@pytest.fixture
def opened(
    given: AioSession, fetcher: FakeFetcher, clock: ManualClock, recorder: Recorder
) -> Callable[..., Any]:
    @asynccontextmanager
    async def open_clients(**arguments: Any) -> AsyncIterator[Users]:
        async with AsyncTokenSession(
            POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock, on_event=[recorder]
        ) as session:
            settings: dict[str, Any] = {"boto3_session": given, "config": PATH_STYLE} | arguments
            async with AsyncUserClients(session, **settings) as clients:
                yield Users(session, clients)

    return open_clients


def test_400_requests_of_40_users_at_once_are_each_signed_by_their_user(
    opened: Any, service: Service
) -> None:
    async def main() -> None:
        async with opened() as users:

            async def work(user: str) -> None:
                async with users.clients.client("s3", user) as s3:
                    puts = [
                        s3.put_object(Bucket=BUCKET, Key=f"{user}/{number}", Body=b"x")
                        for number in range(10)
                    ]
                    await asyncio.gather(*puts)

            await asyncio.gather(*map(work, USERS))
            keys = {user: await users.key_of(user) for user in USERS}
        assert len(service.sent) == 400
        for sent in service.sent:
            assert sent.key_id == keys[sent.url.split("/")[-2]]
        assert len(set(keys.values())) == len(USERS)

    asyncio.run(main())


def test_a_paginator_consumed_while_another_user_works_keeps_its_user(
    opened: Any, service: Service
) -> None:
    async def main() -> None:
        async with opened() as users, users.clients.client("s3", "ann") as ann:
            async with users.clients.client("s3", "bob") as bob:
                async for _ in ann.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
                    await bob.head_object(Bucket=BUCKET, Key="k")
            for operation, user in (("ListObjectsV2", "ann"), ("HeadObject", "bob")):
                signers = [sent.key_id for sent in service.of(operation)]
                assert signers == [await users.key_of(user)] * PAGES

    asyncio.run(main())


def test_waiters_urls_posts_and_tokens_of_databases_are_signed_by_their_users(
    opened: Any, service: Service
) -> None:
    async def main() -> None:
        async with opened() as users:
            for user in ("ann", "bob", "ann"):
                key_id = await users.key_of(user)
                async with users.clients.client("s3", user) as s3:
                    await s3.get_waiter("object_exists").wait(Bucket=BUCKET, Key="k")
                    url = await s3.generate_presigned_url(
                        "get_object", Params={"Bucket": BUCKET, "Key": "k"}
                    )
                    post = await s3.generate_presigned_post(BUCKET, "k")
                async with users.clients.client("rds", user) as rds:
                    token = await rds.generate_db_auth_token("host", 5432, "app")
                async with users.clients.client("ec2", user) as ec2:
                    await ec2.copy_snapshot(SourceRegion="eu-west-1", SourceSnapshotId="snap-1")

                assert key_id_in(url) == key_id_in(token) == key_id
                assert post["fields"]["x-amz-credential"].startswith(key_id)
                assert {sent.key_id for sent in service.sent[-2:]} == {key_id}
                assert key_id in str(service.sent[-1].body)

    asyncio.run(main())


@pytest.mark.skipif(not HAS_EXPRESS, reason="this botocore has no S3 Express")
def test_s3_express_sessions_belong_to_their_users(opened: Any, service: Service) -> None:
    async def main() -> None:
        async with opened(config=None) as users:
            async with (
                users.clients.client("s3", "ann") as ann,
                users.clients.client("s3", "bob") as bob,
            ):
                for user, s3 in (("ann", ann), ("bob", bob)) * 2:
                    await s3.get_object(Bucket=EXPRESS_BUCKET, Key="k")
                    sent = service.of("GetObject")[-1]
                    assert sent.key_id == f"express.{await users.key_of(user)}"
            created = [sent.key_id for sent in service.of("CreateSession")]
            assert created == [await users.key_of("ann"), await users.key_of("bob")]

    asyncio.run(main())


def test_a_redirected_request_is_still_signed_by_its_user(opened: Any, service: Service) -> None:
    redirect = "<Error><Code>PermanentRedirect</Code></Error>"
    service.answers["GetObject"] = [(301, {}, redirect)]
    service.answers["HeadBucket"] = [(403, {"x-amz-bucket-region": "eu-west-1"}, "")]

    async def main() -> None:
        async with opened() as users, users.clients.client("s3", "ann") as s3:
            await s3.get_object(Bucket=BUCKET, Key="k")
            signers = [sent.key_id for sent in service.of("GetObject")]
            assert signers == [await users.key_of("ann")] * 2
            assert "eu-west-1" in service.sent[-1].url

    asyncio.run(main())


@pytest.mark.parametrize("role", [ROLE, AssumeRole(ROLE)])
def test_an_endpoint_contains_the_account_of_the_role(
    role: Any, opened: Any, service: Service
) -> None:
    async def main() -> None:
        async with opened(role=role) as users:
            for user in ("ann", "bob"):
                async with users.clients.client("dynamodb", user) as dynamodb:
                    await dynamodb.list_tables()
                found = await users.session.get_credentials(user, role=role)
                assert service.sent[-1].key_id == found.access_key_id
                assert ("123456789012" in service.sent[-1].url) == HAS_ACCOUNT_IDS

    asyncio.run(main())


def test_a_service_that_is_asked_for_its_endpoints_is_asked_as_the_user(
    opened: Any, service: Service
) -> None:
    async def main() -> None:
        async with opened() as users:
            for user in ("ann", "bob"):
                async with users.clients.client("timestream-query", user) as query:
                    await query.query(QueryString="SELECT 1")
                assert [sent.operation for sent in service.sent[-2:]] == [
                    "DescribeEndpoints",
                    "Query",
                ]
                assert {s.key_id for s in service.sent[-2:]} == {await users.key_of(user)}

    asyncio.run(main())


def test_a_bearer_token_of_the_backend_is_not_sent_for_a_user(
    opened: Any, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "backend")

    async def main() -> None:
        if "bedrock" not in AioSession().get_available_services():
            pytest.skip("this botocore has no Bedrock")
        async with opened(config=None) as users, users.clients.client("bedrock", "ann") as bedrock:
            await bedrock.list_foundation_models()
            assert service.sent[-1].key_id == await users.key_of("ann")

    asyncio.run(main())


def test_credentials_are_refreshed_under_a_client_that_is_kept(
    opened: Any, service: Service, clock: ManualClock
) -> None:
    async def main() -> None:
        async with opened() as users, users.clients.client("s3", "ann") as s3:
            for _ in range(2):
                await s3.list_buckets()
                assert service.sent[-1].key_id == await users.key_of("ann")
                clock.advance(3601)
            assert len({sent.key_id for sent in service.sent}) == 2

    asyncio.run(main())


def test_a_failed_exchange_reaches_the_caller_and_nothing_is_sent(
    opened: Any, service: Service, fetcher: FakeFetcher
) -> None:
    fetcher.exchange_error = TokenUnavailableError("down", retry_at=None)

    async def main() -> None:
        async with opened() as users, users.clients.client("s3", "ann") as s3:
            with pytest.raises(TokenUnavailableError, match="down"):
                await s3.list_buckets()
        assert not service.sent

    asyncio.run(main())


def test_a_client_can_be_awaited_and_closing_it_does_not_close_those_of_others(
    opened: Any, service: Service
) -> None:
    async def main() -> None:
        async with opened() as users:
            ann, bob = [await users.clients.client("s3", user) for user in ("ann", "bob")]
            await ann.close()
            await bob.list_buckets()
            assert service.sent[-1].key_id == await users.key_of("bob")
            if users.clients._binds:
                async with bob as same:
                    assert same is bob
            await bob.close()

    asyncio.run(main())


def test_one_warning_tells_that_clients_are_not_shared(
    opened: Any, recorder: Recorder, way: str
) -> None:
    async def main() -> None:
        async with opened() as users:
            for name in ("s3", "dynamodb"):
                async with users.clients.client(name, "ann"):
                    pass

    asyncio.run(main())

    events = recorder.of(ClientsNotShared)
    assert len(events) == (way == "unshared" or not CAN_SHARE)
    assert all(event.library.startswith("aiobotocore ") for event in events)


def test_closed_clients_and_those_of_another_loop_make_no_more(opened: Any) -> None:
    kept: list[AsyncUserClients] = []

    async def main() -> None:
        async with opened() as users:
            kept.append(users.clients)
            async with users.clients.client("s3", "ann"):
                pass

            async def elsewhere() -> None:
                await users.clients.client("s3", "ann")

            with pytest.raises(RuntimeError, match="another event loop"):
                await asyncio.to_thread(asyncio.run, elsewhere())

    async def late() -> None:
        with pytest.raises(SessionClosedError):
            await kept[0].client("s3", "ann")

    asyncio.run(main())
    asyncio.run(late())


def test_tasks_that_open_the_first_client_of_a_service_at_once_share_a_template(
    opened: Any, given: Any
) -> None:
    async def let_others_run(**kwargs: Any) -> None:
        await asyncio.sleep(0)

    given.get_component("event_emitter").register("choose-signer", let_others_run)

    async def main() -> None:
        async with opened() as users:
            made = await asyncio.gather(*(users.clients.client("s3", user) for user in USERS[:5]))
            shared = {id(client._endpoint) for client in made}
            assert len(shared) == (1 if users.clients._binds else 5)
            for client in made:
                await client.close()

    asyncio.run(main())


@pytest.fixture
def open_clients(monkeypatch: pytest.MonkeyPatch) -> set[Any]:
    """The clients of aiobotocore that are open."""
    found: set[Any] = set()
    enter, leave = AioBaseClient.__aenter__, AioBaseClient.__aexit__

    async def note_enter(client: Any) -> Any:
        found.add(client)
        return await enter(client)

    async def note_exit(client: Any, *exc_info: Any) -> None:
        found.discard(client)
        await leave(client, *exc_info)

    monkeypatch.setattr(AioBaseClient, "__aenter__", note_enter)
    monkeypatch.setattr(AioBaseClient, "__aexit__", note_exit)
    return found


@pytest.mark.parametrize("binds", [True, False], ids=["template", "own client"])
def test_closing_while_clients_are_opened_leaves_none_open(
    opened: Any, given: Any, open_clients: set[Any], *, binds: bool
) -> None:
    async def main() -> None:
        making, go_on = asyncio.Event(), asyncio.Event()

        async def hold(**kwargs: Any) -> None:
            making.set()
            await go_on.wait()

        async with opened() as users:
            if not binds:
                users.clients._binds = False
            async with users.clients.client("dynamodb", "ann"):
                pass
            events = users.clients._shared.get_component("event_emitter")
            events.register("creating-client-class.s3", hold)
            tasks = [asyncio.create_task(open_one(users, user)) for user in ("ann", "bob")]
            await making.wait()
            closing = asyncio.create_task(users.clients.aclose())
            await asyncio.sleep(0)
            go_on.set()
            await closing
            results = await asyncio.gather(*tasks, return_exceptions=True)
            for client in results:
                if not isinstance(client, BaseException):
                    await client.__aexit__(None, None, None)
        assert isinstance(results[1], SessionClosedError)
        assert not open_clients

    async def open_one(users: Users, user: str) -> Any:
        return await users.clients.client("s3", user)

    asyncio.run(main())


def test_a_client_that_is_not_shared_after_all_is_closed_at_once(
    opened: Any, open_clients: set[Any]
) -> None:
    async def main() -> None:
        async with opened() as users:
            async with users.clients.client("timestream-query", "ann"):
                assert len(open_clients) == 1
            assert not open_clients

    asyncio.run(main())


@sharing_only
@pytest.mark.parametrize("way", ["shared"], indirect=True)
def test_the_template_itself_cannot_sign(opened: Any, service: Service) -> None:
    async def main() -> None:
        async with opened() as users, users.clients.client("s3", "ann"):
            template = users.clients._templates["s3"].client
            with pytest.raises(ConfigurationError, match="belongs to no user"):
                await template.list_buckets()
            assert template._request_signer._credentials.account_id is None
        assert not service.sent

    asyncio.run(main())


def test_no_error_shows_the_user_id(opened: Any, fetcher: FakeFetcher) -> None:
    user = "canary-user-id"
    fetcher.exchange_error = TokenUnavailableError("down", retry_at=None)

    async def request(clients: AsyncUserClients) -> None:
        async with clients.client("s3", user) as s3:
            await s3.list_buckets()

    async def main() -> None:
        async with opened() as users:
            wrong: Any = "session"

            async def make(session: Any, role: str | None = None) -> None:
                session_for(session, user, role=role)

            for fail in (
                lambda: request(users.clients),
                lambda: users.clients.client("no such service", user).__aenter__(),
                lambda: make(users.session, "no ARN"),
                lambda: make(wrong),
            ):
                with pytest.raises(Exception) as caught:  # noqa: PT011  # each has its own
                    await fail()
                assert not find_leaks(caught.value, user)

    asyncio.run(main())


@pytest.mark.parametrize("way", ["shared"], indirect=True)
def test_neither_attributes_nor_the_debug_log_show_a_secret(
    opened: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def main() -> None:
        async with opened(config=None) as users:
            async with users.clients.client("s3", "canary-user-id") as s3:
                await s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
                if HAS_EXPRESS:
                    await s3.get_object(Bucket=EXPRESS_BUCKET, Key="k")
                await s3.generate_presigned_url("list_buckets")
                credentials = s3._request_signer._credentials
                seen = [caplog.text, repr(credentials), *shown(credentials)]
                for each in (s3, s3.meta, s3._request_signer):
                    seen += shown(each)
            found = await users.session.get_credentials("canary-user-id")
            for secret in ("canary", found.secret_access_key, found.session_token):
                assert not [text[:200] for text in seen if secret in text]
            with pytest.raises(TypeError, match="cannot be pickled"):
                pickle.dumps(credentials)
            for name in ("access_key", "secret_key", "token"):
                with pytest.raises(ConfigurationError, match="no keys as attributes"):
                    getattr(credentials, name)

    asyncio.run(main())


def test_the_pool_is_larger_and_the_settings_of_aiobotocore_are_kept(
    given: Any, opened: Any
) -> None:
    given.set_default_client_config(AioConfig(connector_args={"keepalive_timeout": 3}))

    async def main() -> None:
        for config in (None, Config(read_timeout=7)):
            async with opened(config=config) as users, users.clients.client("s3", "ann") as s3:
                assert s3.meta.config.max_pool_connections == 50
                assert s3.meta.config.connector_args["keepalive_timeout"] == 3

    asyncio.run(main())


@pytest.mark.parametrize("make", [AsyncUserClients, lambda s, **a: session_for(s, "ann", **a)])
def test_a_wrong_role_or_kind_of_session_is_refused_at_once(
    make: Any, fetcher: FakeFetcher
) -> None:
    async def main() -> None:
        async with AsyncTokenSession(
            POOL_ID, developer_provider=PROVIDER, client=fetcher
        ) as session:
            with pytest.raises(InvalidRequestError, match="role"):
                make(session, role="no ARN")
        with pytest.raises(TypeError, match="must be an AsyncTokenSession") as caught:
            make(TokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher))
        assert "cognito_devtoken.boto3" in caught.value.__notes__[0]

    asyncio.run(main())


@pytest.mark.parametrize("way", ["shared"], indirect=True)
class TestOneUser:
    """Sessions of one user, without UserClients."""

    def test_a_session_of_aiobotocore_acts_as_its_user(
        self, service: Service, opened: Any, clock: ManualClock
    ) -> None:
        async def main() -> None:
            async with opened() as users:
                for role in (None, AssumeRole(ROLE, duration=900)):
                    session: Any = aiobotocore_session_for(users.session, "ann", role=role)
                    session.get_component("event_emitter").register("before-send", service)
                    async with session.create_client("s3") as s3:
                        for _ in range(2):
                            await s3.list_buckets()
                            found = await users.session.get_credentials("ann", role=role)
                            assert service.sent[-1].key_id == found.access_key_id
                            clock.advance(3601)
                region = aiobotocore_session_for(users.session, "ann", region_name="eu-west-3")
                assert region.get_config_variable("region") == "eu-west-3"

        asyncio.run(main())

    @needs_aioboto3
    def test_clients_resources_and_transfers_of_aioboto3_act_as_their_user(
        self, service: Service, opened: Any
    ) -> None:
        async def main() -> None:
            async with opened() as users:
                session: Any = session_for(users.session, "ann")
                assert type(session).__module__.startswith("aioboto3")
                session.events.register("before-send", service)
                async with session.client("s3") as s3, session.resource("s3") as resource:
                    await s3.upload_fileobj(io.BytesIO(bytes(17 << 20)), BUCKET, "k")
                    bucket = await resource.Bucket(BUCKET)
                    async for _ in bucket.objects.all():
                        pass
                assert len(service.of("UploadPart")) > 1
                assert {sent.key_id for sent in service.sent} == {await users.key_of("ann")}

        asyncio.run(main())

    @needs_aioboto3
    def test_transfers_of_two_users_at_once_are_signed_by_their_users(
        self, service: Service, opened: Any
    ) -> None:
        async def main() -> None:
            async with opened(boto3_session=None) as users:
                events = users.clients._shared.get_component("event_emitter")
                events.register("before-send", service)

                async def upload(user: str) -> None:
                    async with users.clients.client("s3", user) as s3:
                        await s3.upload_fileobj(io.BytesIO(bytes(17 << 20)), BUCKET, f"{user}/k")

                await asyncio.gather(upload("ann"), upload("bob"))
                assert len(service.of("UploadPart")) > 2
                for sent in service.sent:
                    assert sent.key_id == await users.key_of(sent.url.split("/")[-2])

        asyncio.run(main())

    @pytest.mark.skipif(HAS_AIOBOTO3, reason="aioboto3 is installed")
    def test_session_for_without_aioboto3_says_what_to_install_or_use(self, opened: Any) -> None:
        async def main() -> None:
            async with opened(boto3_session=None) as users:
                with pytest.raises(ConfigurationError, match="needs aioboto3") as caught:
                    session_for(users.session, "ann")
                assert "aiobotocore_session_for" in caught.value.__notes__[0]

        asyncio.run(main())
