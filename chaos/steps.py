"""What a caller does next: drawn at random."""

from collections.abc import Sequence
from random import Random
from typing import Any

import attrs

from cognito_devtoken import OpenIdToken


# The shortest and the longest life of a token, in seconds.
SHORTEST, LONGEST = 5, 60
# What a session requests unless a call says otherwise.
DEFAULT_DURATION = 20
# Coprime to the number of durations, so that the users have all of them.
_SCATTER = 11
# Half of the calls are for this many users.
_POPULAR = 20
_KINDS = {
    "get_token": 0.925,
    "refresh": 0.05,
    "invalidate": 0.01,
    "forget": 0.01,
    "forget_identity": 0.0049,
    "clear": 0.0001,
}


@attrs.frozen
class Step:
    """
    One call of a session.

    Attributes:
        kind: The name of the method.

        user: The user that it is for; "" for ``clear()``.

        options: The keyword arguments.

        token: The token to invalidate, or whose identity to forget.

        gives_up_after: After how many seconds the task that calls is cancelled.
    """

    kind: str
    user: str
    options: dict[str, Any] = attrs.field(factory=dict)
    token: OpenIdToken | None = None
    gives_up_after: float | None = None


def duration_of(user: str) -> int | None:
    """Return how long the tokens of a user live, or None for the session's default."""
    number = int(user.rpartition("-")[2])
    if number % 2 == 0:  # hits take the shortest path
        return None
    return SHORTEST + number // 2 * _SCATTER % (LONGEST - SHORTEST + 1)


def request_options(user: str) -> dict[str, Any]:
    """Return the options that every host requests a user's token with."""
    duration = duration_of(user)
    return {} if duration is None else {"token_duration": duration}


def draw(random: Random, users: Sequence[str], seen: Sequence[tuple[str, OpenIdToken]]) -> Step:
    """
    Draw a step.

    Args:
        random: Where to draw from.

        users: The users; the first ones are more popular.

        seen: The last tokens that this caller received, with their users.
    """
    kind = random.choices(list(_KINDS), list(_KINDS.values()))[0]
    user = random.choice(users[:_POPULAR] if random.random() < 0.5 else users)
    if kind == "clear":
        return Step(kind, "")
    if kind in ("invalidate", "forget_identity"):
        if not seen:
            return Step("forget", user)
        user, token = random.choice(seen)
        return Step(kind, user, token=token)
    if kind == "forget":
        return Step(kind, user)
    options = request_options(user)
    shape = random.random()
    if shape < 0.15:
        options["timeout"] = random.choice((0.01, 0.1, 0.5, 2.0, 5.0))
    elif shape < 0.25 and kind == "get_token":
        life = options.get("token_duration", DEFAULT_DURATION)
        options["min_remaining"] = life * random.choice((0.05, 0.3, 0.6))
    gives_up = random.choice((0.0, 0.001, 0.02, 0.3)) if random.random() < 0.05 else None
    return Step(kind, user, options, gives_up_after=gives_up)
