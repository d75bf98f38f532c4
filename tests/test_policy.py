"""When a token is fresh, due, in grace or expired, and how long to wait after a failure."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_devtoken import RefreshPolicy, exceptions
from cognito_devtoken._cache.failures import Failure, back_off
from cognito_devtoken._cache.policy import Freshness
from cognito_devtoken._values.arguments import as_seconds


POLICY = RefreshPolicy()
lifetimes = st.floats(1, 86_400)
shares = st.floats(0, 1)


@pytest.mark.parametrize(
    ("lifetime", "due", "hard"),
    [
        (60, (33 + 1 / 3, 40), 54),
        (900, (500, 600), 810),
        (3600, (2000, 2400), 3300),
        (86_400, (81_600, 82_800), 86_100),
    ],
)
def test_the_windows_scale_with_the_lifetime_of_a_token(
    lifetime: float, due: tuple[float, float], hard: float
) -> None:
    assert POLICY.due_age(lifetime, 1) == pytest.approx(due[0])
    assert POLICY.due_age(lifetime, 0) == pytest.approx(due[1])
    assert POLICY.hard_age(lifetime) == pytest.approx(hard)


@given(lifetimes, shares)
def test_due_comes_before_hard_and_hard_before_the_expiry(lifetime: float, draw: float) -> None:
    assert 0 < POLICY.due_age(lifetime, draw) < POLICY.hard_age(lifetime) < lifetime


@given(lifetimes, shares)
def test_jitter_only_advances_the_refresh(lifetime: float, draw: float) -> None:
    latest = POLICY.due_age(lifetime, 0)

    assert latest - POLICY.refresh_window(lifetime) / 3 <= POLICY.due_age(lifetime, draw) <= latest


@given(lifetimes, shares, st.floats(0, 2), st.none() | shares)
def test_a_token_expires_exactly_at_its_lifetime(
    lifetime: float, draw: float, age: float, least: float | None
) -> None:
    wanted = None if least is None else least * lifetime * 0.99
    state = POLICY.state(age * lifetime, lifetime, POLICY.due_age(lifetime, draw), wanted)

    assert (state is Freshness.EXPIRED) == (age * lifetime >= lifetime)


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (0, Freshness.FRESH),
        (599, Freshness.FRESH),
        (600, Freshness.DUE),
        (809, Freshness.DUE),
        (810, Freshness.GRACE),
        (899.9, Freshness.GRACE),
        (900, Freshness.EXPIRED),
        (1e9, Freshness.EXPIRED),
    ],
)
def test_a_token_goes_through_four_states(age: float, state: Freshness) -> None:
    assert POLICY.state(age, 900, 600) is state


def test_a_caller_may_lengthen_or_shorten_the_grace_period() -> None:
    assert POLICY.state(100, 900, 600, 801) is Freshness.GRACE
    assert POLICY.state(100, 900, 600, 799) is Freshness.FRESH
    assert POLICY.state(850, 900, 600, 0) is Freshness.DUE


def test_longer_windows_are_capped_by_the_policy() -> None:
    policy = RefreshPolicy(grace=10, refresh_ahead=timedelta(minutes=1))

    assert policy.hard_age(3600) == 3590
    assert policy.due_age(3600, 0) == 3540
    assert policy == RefreshPolicy(grace=timedelta(seconds=10), refresh_ahead=60.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grace": 301}, r"grace must be at most 0:05:00, .* not 0:05:01; allow_long_grace"),
        ({"grace": -1}, r"grace must be from 0 s to .* not -1 s"),
        ({"refresh_ahead": float("inf")}, r"refresh_ahead must be from 0 s to .* not inf s"),
        ({"refresh_ahead": float("nan")}, r"refresh_ahead must be from 0 s to"),
        ({"refresh_ahead": 299}, r"refresh_ahead must be at least the grace of 0:05:00"),
    ],
)
def test_an_inconsistent_policy_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RefreshPolicy(**arguments)


@pytest.mark.parametrize("value", ["60", None, True, b"1"])
def test_a_duration_is_seconds_or_a_timedelta(value: Any) -> None:
    with pytest.raises(TypeError, match=r"grace must be seconds or a timedelta, not "):
        as_seconds("grace", value)


def test_a_longer_grace_has_to_be_allowed() -> None:
    policy = RefreshPolicy(grace=600, allow_long_grace=True)

    assert policy.grace_period(86_400) == 600


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exceptions.TooManyRequestsError("x"), Failure.THROTTLED),
        (exceptions.InternalServiceError("x"), Failure.TRANSIENT),
        (exceptions.TokenUnavailableError("x"), Failure.TRANSIENT),
        (exceptions.InvalidTokenResponseError("x"), Failure.TRANSIENT),
        (exceptions.ServiceError("x", code="Unheard"), Failure.TRANSIENT),
        (exceptions.CallerDeniedError("x"), Failure.REFUSED),
        (exceptions.ConfigurationError("x"), Failure.REFUSED),
        (exceptions.ResourceConflictError("x"), Failure.TERMINAL),
        (exceptions.DeveloperUserAlreadyRegisteredError("x"), Failure.TERMINAL),
        (exceptions.InvalidParameterError("x"), Failure.TERMINAL),
        (exceptions.ResourceNotFoundError("x"), Failure.TERMINAL),
        (exceptions.NotAuthorizedError("x"), Failure.TERMINAL),
    ],
)
def test_each_error_maps_to_a_kind_of_failure(error: Exception, kind: Failure) -> None:
    assert Failure.of(error) is kind


@pytest.mark.parametrize(
    ("kind", "remaining", "waits"),
    [
        (Failure.TRANSIENT, 900, [1, 2, 4, 8, 16, 30, 30]),
        (Failure.TRANSIENT, 20, [1, 2, 4, 5, 5]),
        (Failure.TRANSIENT, 0.1, [0.5]),
        (Failure.TRANSIENT, 0, [0.25, 0.5, 1, 2, 4, 5, 5]),
        (Failure.THROTTLED, 900, [2, 4, 8, 16, 32, 60, 60]),
        (Failure.THROTTLED, 0, [2, 4, 5, 5]),
        (Failure.REFUSED, 900, [1, 2, 4]),
        (Failure.REFUSED, 0, [1, 2, 4, 5, 5]),
        (Failure.TERMINAL, 900, [1, 2, 4, 5, 5]),
        (Failure.TERMINAL, 0, [1, 2, 4, 5, 5]),
    ],
)
def test_the_back_off_doubles_up_to_its_cap(
    kind: Failure, remaining: float, waits: list[float]
) -> None:
    assert [back_off(kind, n, remaining, 1.0) for n in range(1, len(waits) + 1)] == waits


@given(st.sampled_from(Failure), st.integers(1, 10_000), st.floats(0, 86_400), shares)
def test_the_back_off_is_bounded(
    kind: Failure, failures: int, remaining: float, draw: float
) -> None:
    wait = back_off(kind, failures, remaining, draw)

    assert 0.25 <= wait <= (60 if remaining else 5)
    if remaining >= 2 and kind is not Failure.TERMINAL:
        assert wait <= remaining / 4, "an attempt is made before the token expires"
