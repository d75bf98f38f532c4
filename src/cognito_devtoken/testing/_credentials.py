"""Make AWS credentials that look real, but that AWS does not accept."""

from __future__ import annotations

from datetime import UTC, datetime

from .._values.clock import Clock, Instant
from .._values.credentials import AwsCredentials
from .._values.role import AssumeRole
from .._values.token import OpenIdToken
from .._values.trade import ENHANCED_SECONDS, Trade


def credentials_for(
    token: OpenIdToken, role: str | AssumeRole | None, clock: Clock, serial: int
) -> AwsCredentials:
    sent = Instant.now(clock)
    seconds = role.duration if isinstance(role, AssumeRole) else ENHANCED_SECONDS
    secret = f"secret-{serial:033}"
    found = {
        "AccessKeyId": f"ASIA{serial:016}",
        "SecretKey": secret,
        "SecretAccessKey": secret,
        "SessionToken": f"session-token-{serial}",
        "Expiration": datetime.fromtimestamp(sent.wall + seconds, UTC),
    }
    return Trade(token, role).credentials({"Credentials": found}, sent=sent, clock=clock)
