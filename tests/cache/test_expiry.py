"""No token is served at or after its ``exp``, by the clock of the server that issued it."""

import base64
import json
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from caching import make_cache, request_for
from cognito_devtoken import OpenIdToken, TokenRequest
from cognito_devtoken.exceptions import TokenUnavailableError
from cognito_devtoken.testing import ManualClock
from cognito_devtoken.typing import Instant


IDENTITY_ID = "us-east-1:11111111-2222-4333-8444-555555555555"
# Fractions of a second that floating-point arithmetic does not round.
FINENESS = 1024
DAY = 86_400


def seconds(least: int, most: int) -> st.SearchStrategy[Fraction]:
    """Return durations, in steps that no clock rounds."""
    steps = st.integers(least * FINENESS, most * FINENESS)
    return steps.map(lambda count: Fraction(count, FINENESS))


class Cognito:
    """
    A server with a clock of its own, which issues one token and is down from then on.

    Args:
        clock: The clock of the client.

        ahead: How far the server's clock is ahead of it.

        before: How long the request is on its way.

        after: How long the response is on its way.

        whole: Whether the server dates tokens in whole seconds, rounded down.
    """

    def __init__(
        self, clock: ManualClock, ahead: Fraction, before: Fraction, after: Fraction, *, whole: bool
    ) -> None:
        self._clock, self._ahead, self._before, self._after = clock, ahead, before, after
        self._whole = whole
        self.expires: Fraction | None = None

    def now(self) -> Fraction:
        return Fraction(self._clock.time()) + self._ahead

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        if self.expires is not None:
            raise TokenUnavailableError("Cognito is down.")
        sent = Instant.now(self._clock)
        self._clock.advance(float(self._before))
        issued = self.now()
        duration = request.token_duration or 0
        claims: dict[str, object] = {"aud": request.identity_pool_id, "sub": IDENTITY_ID}
        if self._whole:
            self.expires = Fraction(int(issued) + duration)
            claims |= {"iat": int(issued), "exp": int(issued) + duration}
        else:
            self.expires = issued + duration
            claims |= {"iat": float(issued), "exp": float(issued) + duration}
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        self._clock.advance(float(self._after))
        response = {"IdentityId": IDENTITY_ID, "Token": f"e30.{payload}.x"}
        return OpenIdToken.from_response(response, request, obtained=sent, clock=self._clock)


@given(
    life=st.integers(1, DAY) | st.integers(1, 10),
    ahead=seconds(-DAY, DAY),
    before=seconds(0, 3),
    after=seconds(0, 3),
    age=st.lists(seconds(0, DAY) | seconds(0, 10), max_size=4),
    near=seconds(-2, 2),
    whole=st.booleans(),
)
@example(900, Fraction(1023, 1024), Fraction(0), Fraction(0), [Fraction(899)], Fraction(0), True)
@example(1, Fraction(1023, 1024), Fraction(0), Fraction(0), [], Fraction(0), True)
def test_a_token_is_served_until_a_second_before_its_expiry_at_most_and_never_after(
    life: int,
    ahead: Fraction,
    before: Fraction,
    after: Fraction,
    age: list[Fraction],
    near: Fraction,
    whole: bool,
) -> None:
    clock = ManualClock(wall=1_700_000_000.0)
    server = Cognito(clock, ahead, before, after, whole=whole)
    cache = make_cache(server, clock)
    request = request_for(token_duration=life)
    began = Fraction(clock.time())
    moments = sorted([Fraction(0), *age, max(life + near, Fraction(0))])

    for moment in moments:
        wait: Fraction = began + moment - Fraction(clock.time())
        clock.advance(float(wait) if wait > 0 else 0)
        try:
            token = cache.get(request)
        except TokenUnavailableError:
            # The time that the request was on its way counts, and up to a second of rounding.
            assert server.expires is not None
            assert server.expires - server.now() <= before + whole
        else:
            assert token.expires_at.timestamp() == pytest.approx(float(server.expires or 0))
            assert server.expires is not None
            assert server.now() < server.expires


def test_a_token_of_one_second_is_never_served_and_the_error_says_why(
    clock: ManualClock,
) -> None:
    server = Cognito(clock, Fraction(0), Fraction(0), Fraction(0), whole=True)
    cache = make_cache(server, clock)

    with pytest.raises(
        TokenUnavailableError, match="expired before the call could return"
    ) as caught:
        cache.get(request_for(token_duration=1))

    assert "token_duration" in caught.value.__notes__[0]
