"""No secret key, session token, token or policy shows: no error, repr, event, log or pickle."""

import copy
import gc
import json
import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sentry_sdk.serializer import serialize

from caching import Recorder
from calling import ROLE
from canary import chain_of, find_leaks, frames_of, shown
from cognito_devtoken import DevTokenClient
from cognito_devtoken.credentials import AssumeRole
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.events import FetchFailed, LoggingHook
from cognito_devtoken.exceptions import DevTokenError
from cognito_devtoken.testing import FakeFetcher
from pools import POOL


USER = "canary-user-id"
POLICY = '{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "canary-policy"}}'
ROLES = [None, ROLE, AssumeRole(ROLE, policy=POLICY)]


@pytest.fixture
def session(
    open_session: Callable[..., Any],
    emulator: Emulator,
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", emulator.endpoint_url)
    with DevTokenClient(endpoint_url=emulator.endpoint_url) as client:
        session = open_session(
            identity_pool_id=POOL.identity_pool_id,
            client=client,
            clock=None,
            on_event=[recorder, LoggingHook()],
        )
        yield session
        session.close()


@pytest.mark.parametrize("role", ROLES)
def test_no_log_event_or_repr_shows_a_secret(
    role: Any,
    session: Any,
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
    recorder: Recorder,
) -> None:
    caplog.set_level(logging.DEBUG)
    credentials = session.get_credentials(USER, role=role)
    token = session.get_token(USER)
    session.invalidate(credentials)
    code = "ValidationError" if isinstance(role, AssumeRole) else "ValidationException"
    emulator.fail_next(code, f"Value '{token.token}' or '{POLICY}' is wrong", times=9)
    with pytest.raises(DevTokenError):
        session.get_credentials(USER, role=role)
    recorder.wait_for(FetchFailed)
    cache = session.session._credentials_cache
    state = cache.leases.state

    seen = [
        caplog.text,
        *(text for event in recorder.events for text in shown(event)),
        *(
            text
            for each in (
                *(session.session, cache, cache.leases, cache.leases.lookup, cache.leases.workers),
                *(state, state.flights, state.entries, state.recorder, cache.leases.source),
                *(list(state.entries.leases), copy.copy(cache), session.stats()),
            )
            for text in shown(each)
        ),
        repr(list(state.entries.leases.values())),
        repr(state.entries._failures.items),
        repr(session.session._role_digests),
    ]
    secrets = [USER, credentials.secret_access_key, credentials.session_token, token.token]
    if isinstance(role, AssumeRole):
        secrets.append(POLICY)
    for secret in secrets:
        assert not [text[:200] for text in seen if secret in text]
    assert credentials.fingerprint in caplog.text
    with pytest.raises(TypeError):
        pickle.dumps(credentials)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("fault", ["refuse", "drop", "cut", "clear"])
def test_no_error_of_an_exchange_shows_a_secret(
    fault: str, role: Any, session: Any, emulator: Emulator
) -> None:
    token = session.get_token(USER)
    if fault == "refuse":
        emulator.fail_next("NotAuthorizedException", f"Logins don't match: {token.token}")
    elif fault == "clear":
        emulator.clear()  # the identity is gone
    else:
        getattr(emulator, f"{fault}_next")(times=9)

    try:
        session.get_credentials(USER, role=role)
    except DevTokenError as error:
        policy = [POLICY] if isinstance(role, AssumeRole) else []
        assert not find_leaks(error, USER, token.token, *policy)
        for frame, _ in (each for link in chain_of(error) for each in frames_of(link)):
            report = json.dumps(serialize(dict(frame.f_locals), is_vars=True))
            assert not [each for each in (USER, token.token, *policy) if each in report]
    else:
        # STS verifies only the token.
        assert (fault, type(role)) == ("clear", AssumeRole)


def test_a_wrong_policy_is_refused_without_showing_it() -> None:
    for policy in (f"€{POLICY}", [POLICY], POLICY * 100):
        with pytest.raises(DevTokenError) as caught:
            AssumeRole("app", policy=policy)  # type: ignore[arg-type]

        assert not find_leaks(caught.value, POLICY)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_credentials_of_a_dropped_session_are_freed(open_session: Any) -> None:
    session = open_session(client=FakeFetcher())
    session.get_credentials(USER)
    session.close()
    gc.collect()

    assert session.stats().credentials.entries == 0
