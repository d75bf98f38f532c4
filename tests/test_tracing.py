"""Tracing libraries find the caller's trace in the session's threads, and never cost a token."""

import http.client
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import botocore.client
import botocore.endpoint
import pytest

from caching import wait_until
from calling import GET_TOKEN, boto3_client
from cognito_devtoken import AsyncTokenSession, DevTokenClient, TokenRequest, TokenSession
from cognito_devtoken._runtime.context import CallerContext
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import CallerDeniedError, TokenUnavailableError
from patience import PATIENCE
from pools import POOL


pytestmark = pytest.mark.external

PATCHED = [
    (botocore.client.BaseClient, "_make_api_call"),
    (botocore.endpoint.Endpoint, "prepare_request"),
    *((http.client.HTTPConnection, name) for name in ("_send_request", "getresponse", "request")),
    (http.client.HTTPResponse, "read"),
]


@contextmanager
def unpatched_afterwards() -> Iterator[None]:
    """Undo what a tracing library wraps inside."""
    before = [(owner, name, vars(owner)[name]) for owner, name in PATCHED]
    try:
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


class Sent:
    """Takes the place of X-Ray's emitter."""

    def __init__(self) -> None:
        self.entities: list[Any] = []

    def send_entity(self, entity: Any) -> None:
        self.entities.append(entity)


@pytest.fixture
def xray(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """X-Ray's recorder, with botocore and HTTP connections wrapped."""
    core = pytest.importorskip("aws_xray_sdk.core", reason="needs aws-xray-sdk")
    recorder = core.xray_recorder
    with unpatched_afterwards():
        core.patch(["botocore", "httplib"], raise_errors=True)
        recorder.configure(sampling=False, context_missing="RUNTIME_ERROR")
        recorder.emitter._socket.close()
        monkeypatch.setattr(recorder, "_emitter", Sent())
        yield recorder
    recorder.clear_trace_entities()
    patcher: Any = sys.modules["aws_xray_sdk.core.patcher"]
    patcher._PATCHED_MODULES.clear()
    for module in (botocore.client, http.client):
        for flag in ("_xray_enabled", "__xray_patched"):
            if hasattr(module, flag):
                delattr(module, flag)


@pytest.fixture
def session(client: DevTokenClient) -> Iterator[TokenSession]:
    with TokenSession(
        POOL.identity_pool_id, developer_provider=POOL.developer_provider, client=client
    ) as session:
        yield session


def names(entity: Any) -> list[str]:
    return [child.name for child in entity.subsegments]


@pytest.mark.parametrize("strategy", ["RUNTIME_ERROR", "LOG_ERROR"])
def test_xray_records_the_call_of_a_session_below_the_callers_segment(
    xray: Any, session: TokenSession, strategy: str, caplog: pytest.LogCaptureFixture
) -> None:
    xray.configure(context_missing=strategy)
    segment = xray.begin_segment("request")
    session.get_token("ann")
    with xray.in_subsegment("work") as work:
        session.get_token("bob")
    assert xray.get_trace_entity() is segment
    xray.end_segment()

    assert names(segment) == ["cognito-identity", "work"]
    assert names(work) == ["cognito-identity"]
    assert xray.emitter.entities == [segment]
    assert not caplog.records


@pytest.mark.parametrize("strategy", ["RUNTIME_ERROR", "LOG_ERROR"])
def test_a_call_without_a_segment_is_made_and_not_recorded(
    xray: Any, session: TokenSession, strategy: str, caplog: pytest.LogCaptureFixture
) -> None:
    xray.configure(context_missing=strategy)
    session.get_token("ann")

    assert session.stats().fetches_succeeded == 1
    assert not xray.emitter.entities
    assert not caplog.records


def test_a_call_whose_segment_has_ended_is_made_and_not_recorded(
    xray: Any, emulator: Emulator, session: TokenSession
) -> None:
    jobs: list[Callable[[], None]] = []
    session._cache._leases.workers.start_thread = jobs.append
    segment = xray.begin_segment("request")
    with pytest.raises(TokenUnavailableError, match="in time"):
        session.get_token("ann", timeout=0)
    xray.end_segment()
    threading.Thread(target=jobs[0], daemon=True).start()
    wait_until(lambda: session.stats().fetches_succeeded == 1)

    assert session.get_token("ann").token
    assert names(segment) == []
    assert emulator.calls == {GET_TOKEN: 1}


def test_a_worker_keeps_no_segment(xray: Any, session: TokenSession) -> None:
    first = xray.begin_segment("one")
    session.get_token("ann")
    xray.end_segment()
    second = xray.begin_segment("two")
    session.get_token("bob")  # on the same thread
    xray.end_segment()

    assert names(first) == names(second) == ["cognito-identity"]


def test_an_awaited_session_records_below_the_callers_segment(
    xray: Any, client: DevTokenClient, run: Callable[[Any], Any]
) -> None:
    async def ask() -> Any:
        segment = xray.begin_segment("request")
        async with AsyncTokenSession(
            POOL.identity_pool_id, developer_provider=POOL.developer_provider, client=client
        ) as session:
            await session.check()
            await session.get_token("ann")
        xray.end_segment()
        return segment

    assert names(run(ask())) == ["cognito-identity"] * 2


@pytest.mark.parametrize("own", [True, False], ids=["own client", "made client"])
def test_a_call_that_xray_refuses_is_made_without_it(
    xray: Any, emulator: Emulator, client: DevTokenClient, request_: TokenRequest, own: bool
) -> None:
    # This thread is not the session's, and has no segment.
    if own:
        client = DevTokenClient(boto_client=boto3_client(emulator.endpoint_url))
    for owner, name in PATCHED[2:]:  # what is below botocore would still refuse
        wrapped = vars(owner)[name]
        setattr(owner, name, getattr(wrapped, "__wrapped__", wrapped))

    assert client.fetch(request_).token
    assert emulator.calls == {GET_TOKEN: 1}


def test_an_error_of_the_service_is_not_repeated(
    xray: Any, emulator: Emulator, session: TokenSession
) -> None:
    xray.begin_segment("request")
    emulator.fail_next("AccessDeniedException")
    with pytest.raises(CallerDeniedError):
        session.get_token("ann")
    xray.end_segment()

    assert emulator.calls == {GET_TOKEN: 1}


@pytest.mark.parametrize(
    "missing",
    [
        {"_local": threading.local()},
        {"_local": threading.local(), "context_missing": "LOG_ERROR"},
        {},
    ],
    ids=["of Lambda", "another version", "not of threads"],
)
def test_a_context_of_xray_that_is_not_known_is_left_alone(
    missing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Context:
        context_missing = None

    class Core:
        class xray_recorder:
            context = Context()

    for name, value in missing.items():
        setattr(Core.xray_recorder.context, name, value)
    monkeypatch.setitem(sys.modules, "aws_xray_sdk.core", Core)
    monkeypatch.delitem(sys.modules, "aws_xray_sdk.core.models.dummy_entities", raising=False)
    ran: list[int] = []

    CallerContext.of_caller().run(lambda: ran.append(1))

    assert ran == [1]


def test_opentelemetry_finds_the_callers_span_in_botocores_hooks_and_events(
    emulator: Emulator,
) -> None:
    api = pytest.importorskip("opentelemetry.trace", reason="needs opentelemetry-api")
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="needs opentelemetry-sdk")
    seen: list[int] = []

    def note(*args: Any, **kwargs: Any) -> None:
        seen.append(api.get_current_span().get_span_context().span_id)

    own = boto3_client(emulator.endpoint_url)
    own.meta.events.register("before-send.cognito-identity", note)
    tracer = sdk.TracerProvider().get_tracer("test")
    with (
        TokenSession(
            POOL.identity_pool_id,
            developer_provider=POOL.developer_provider,
            client=DevTokenClient(boto_client=own),
            on_event=[note],
        ) as session,
        tracer.start_as_current_span("request") as span,
    ):
        session.get_token("ann", timeout=PATIENCE)
        wait_until(lambda: len(seen) == 3)

    assert set(seen) == {span.get_span_context().span_id}
    own.close()
