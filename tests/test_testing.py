"""The test doubles that this library offers its users."""

import inspect
import threading
from datetime import timedelta

import pytest

from caching import POOL_ID, PROVIDER, request_for, wait_until
from calling import ROLE
from cognito_devtoken import DevTokenClient, ErasedUser, TokenRequest, TokenSession, typing
from cognito_devtoken.credentials import AssumeRole
from cognito_devtoken.exceptions import (
    ConfigurationError,
    IncompleteEraseError,
    RoleDeniedError,
    TooManyRequestsError,
)
from cognito_devtoken.pytest_plugin import _Fetcher
from cognito_devtoken.testing import FakeFetcher, ManualClock, make_token
from cognito_devtoken.typing import IdentityAdministrator, TokenFetcher


def protocol_methods() -> dict[str, inspect.Signature]:
    """Return every method that a session may call on its client, according to the protocols."""
    return {
        name: inspect.signature(method)
        for protocol in vars(typing).values()
        if TokenFetcher in getattr(protocol, "__mro__", ())
        for name, method in inspect.getmembers(protocol, inspect.isfunction)
        if not name.startswith("_")
    }


@pytest.mark.parametrize("client", [DevTokenClient, FakeFetcher, _Fetcher])
def test_each_of_our_clients_has_every_method_that_a_session_may_call(client: type) -> None:
    expected = protocol_methods()
    assert {"fetch", "fetch_credentials", "find_identity", "erase_identity"} <= expected.keys()

    found = {
        name: inspect.signature(getattr(client, name)) for name in expected if hasattr(client, name)
    }

    assert found == expected


def test_the_two_clocks_move_together_or_apart() -> None:
    clock = ManualClock(wall=1000)
    start = clock.monotonic()

    clock.advance(timedelta(minutes=1))
    assert (clock.monotonic() - start, clock.time()) == (60, 1060)
    clock.freeze(5)
    assert (clock.monotonic() - start, clock.time()) == (60, 1065)
    clock.set_wall(-65)
    assert (clock.monotonic() - start, clock.time()) == (60, 1000)
    clock.set_wall(timedelta(seconds=1))
    assert clock.time() == 1001
    with pytest.raises(ValueError, match="duration must be from 0 s to"):
        clock.advance(-1)


def test_each_fetch_returns_a_new_token_of_the_same_identity() -> None:
    fetcher = FakeFetcher()
    one, two = fetcher.fetch(request_for()), fetcher.fetch(request_for())

    assert one != two
    assert one.identity_id == two.identity_id
    assert fetcher.fetch(request_for("another")).identity_id != one.identity_id
    assert fetcher.fetch(request_for(identity_id=POOL_ID)).identity_id == POOL_ID
    assert fetcher.calls == [
        request_for(),
        request_for(),
        request_for("another"),
        request_for(identity_id=POOL_ID),
    ]
    linked = fetcher.fetch(request_for(logins={"accounts.google.com": "eyJ"}))
    assert linked.claims["amr"] == ("authenticated", PROVIDER, "accounts.google.com")


@pytest.mark.parametrize(
    ("lifetime", "duration", "seconds"),
    [(None, None, 900), (None, 60, 60), (30, 60, 30), (timedelta(seconds=90), None, 90)],
)
def test_tokens_live_as_long_as_requested_unless_set_otherwise(
    lifetime: float | None, duration: int | None, seconds: int
) -> None:
    clock = ManualClock()
    token = FakeFetcher(clock, lifetime=lifetime).fetch(request_for(token_duration=duration))

    assert token.lifetime == timedelta(seconds=seconds)
    clock.advance(10)
    assert token.expires_in() == timedelta(seconds=seconds - 10)


def test_calls_fail_while_an_error_is_set() -> None:
    fetcher = FakeFetcher()
    fetcher.fail_next(TooManyRequestsError("slow down"), times=2)
    fetcher.error = ConfigurationError("no AWS credentials")

    for error in (TooManyRequestsError, TooManyRequestsError, ConfigurationError):
        with pytest.raises(error):
            fetcher.fetch(request_for())
    fetcher.error = None
    assert fetcher.fetch(request_for()).token


def test_each_exchange_returns_new_credentials_that_live_as_long_as_their_role() -> None:
    fetcher = FakeFetcher(ManualClock())
    token, role = fetcher.fetch(request_for()), AssumeRole(ROLE, duration=900)

    one, two = fetcher.fetch_credentials(token), fetcher.fetch_credentials(token, role)

    assert fetcher.exchanges == [(token, None), (token, role)]
    assert one != two
    assert one.access_key_id != two.access_key_id
    assert one.identity_id == two.identity_id == token.identity_id
    assert (one.expires_in(), two.expires_in()) == (timedelta(hours=1), timedelta(minutes=15))


def test_exchanges_fail_while_their_error_is_set() -> None:
    fetcher = FakeFetcher()
    token = fetcher.fetch(request_for())
    fetcher.exchange_error = RoleDeniedError("no")

    with pytest.raises(RoleDeniedError):
        fetcher.fetch_credentials(token, ROLE)
    fetcher.exchange_error = None
    assert fetcher.fetch_credentials(token, ROLE).session_token


def test_held_calls_start_but_do_not_return() -> None:
    fetcher = FakeFetcher()
    caller = threading.Thread(target=fetcher.fetch, args=[request_for()])
    with fetcher.held():
        caller.start()
        wait_until(lambda: len(fetcher.calls) == 1)
        assert caller.is_alive()
    caller.join()


def test_a_made_token_resembles_one_from_cognito() -> None:
    clock = ManualClock(wall=1_700_000_000)
    token = make_token("ana", lifetime=60, clock=clock)

    assert token.claims["aud"] == "us-east-1:00000000-0000-4000-8000-000000000000"
    assert token.claims["sub"] == token.identity_id
    assert token.claims["amr"][-1].endswith(":ana")
    assert token.issued_at.timestamp() == 1_700_000_000
    assert token.lifetime == timedelta(seconds=60)
    other = make_token(identity_pool_id="eu-west-1:0", developer_provider="login.shop.example")
    provider = "login.shop.example"
    assert other.claims["amr"] == ("authenticated", provider, f"{provider}:eu-west-1:0:user-42")
    assert make_token().expires_in() > timedelta(seconds=890)


def test_a_session_with_doubles_needs_nothing_else() -> None:
    clock = ManualClock()
    fetcher = FakeFetcher(clock)
    with TokenSession(POOL_ID, developer_provider=PROVIDER, client=fetcher, clock=clock) as session:
        token = session.get_token("user-42")
        clock.advance(timedelta(minutes=15))
        assert session.get_token("user-42") != token

    assert fetcher.calls == [TokenRequest(POOL_ID, {PROVIDER: "user-42"})] * 2


def test_an_erased_user_gets_another_identity_each_time() -> None:
    fetcher: IdentityAdministrator = FakeFetcher()
    request, seen = request_for("ana"), list[str]()
    other = fetcher.fetch(request_for("bob"))
    for _ in range(3):
        assert fetcher.find_identity(request, PROVIDER) is None
        seen.append(fetcher.fetch(request).identity_id)
        assert fetcher.fetch(request).identity_id == seen[-1]
        assert fetcher.find_identity(request, PROVIDER) == seen[-1]
        assert fetcher.erase_identity(request, PROVIDER) == ErasedUser([seen[-1]], ["ana"])

    assert len(set(seen)) == 3
    assert seen[0] == FakeFetcher().fetch(request).identity_id
    assert fetcher.erase_identity(request, PROVIDER) == ErasedUser()
    assert fetcher.fetch(request_for("bob")).identity_id == other.identity_id


def test_look_ups_and_erasures_fail_while_their_error_is_set() -> None:
    fetcher = FakeFetcher()
    fetcher.fetch(request_for("ana"))
    fetcher.erase_error = IncompleteEraseError("Not all.")
    for call in (fetcher.find_identity, fetcher.erase_identity):
        with pytest.raises(IncompleteEraseError):
            call(request_for("ana"), PROVIDER)

    fetcher.erase_error = None

    assert fetcher.find_identity(request_for("ana"), PROVIDER)
