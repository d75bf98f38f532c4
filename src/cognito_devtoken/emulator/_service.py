"""The service behind the protocols: checks callers and rate limits, and executes operations."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ._faults import TokenBucket
from ._operations import OPERATIONS, Operation
from ._operations.inputs import INPUTS
from ._operations.sts import read_fields
from ._operations.world import World
from ._shapes import validate
from ._sigv4 import Caller, check_signature
from ._wire import STS, AuthenticationRefusal, HttpRequest, Received, Refusal


class Service:
    """
    Amazon Cognito identity pools, and the operations of STS that accept their tokens.

    Args:
        new_world: Makes the state that the operations share, as it is at the start.

        credentials: Secret access keys by access key ids; None means that no signature is checked.
    """

    def __init__(
        self, new_world: Callable[[], World], credentials: Mapping[str, str] | None
    ) -> None:
        self._new_world = new_world
        self._checks_callers = credentials is not None
        self._credentials = credentials or {}
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Discard everything that has happened since the start."""
        with self._lock:
            self.world = self._new_world()
            self._buckets: dict[str, TokenBucket] = {}

    def leave_undeleted(self, code: str, times: int) -> None:
        """Make ``DeleteIdentities`` keep the next identities."""
        with self._lock:
            self.world.undeletable += [code] * times

    def execute(
        self, request: HttpRequest, received: Received, limit_of: Callable[[str], float | None]
    ) -> dict[str, Any]:
        """
        Execute an operation.

        Args:
            request: The HTTP request.

            received: The request as its protocol reads it.

            limit_of: Returns how many calls per second an operation allows; None means no limit.

        Raises:
            Refusal: If the service would reject the call.
        """
        operation = OPERATIONS.get(received.operation)
        if operation is None or operation.service != received.service:
            raise received.unknown()
        caller = Caller.of(request)
        if operation.signed and self._checks_callers:
            self._check_caller(request, operation, caller)
        self._throttle(operation, limit_of(operation.name))
        members = received.members()
        code = "ValidationException"
        if operation.service == STS:
            members, code = read_fields(members), "ValidationError"
        validate(INPUTS[operation.name], members, code)
        with self._lock:
            return operation.run(self.world, members, caller)

    def _check_caller(self, request: HttpRequest, operation: Operation, caller: Caller) -> None:
        check_signature(request, operation.service, self._secret_of, self.world.clock())
        session = self.world.session_of(caller)
        if session is None:
            return
        token = request.headers.get("x-amz-security-token", "")
        if not hmac.compare_digest(token.encode(), session.session_token.encode()):
            raise AuthenticationRefusal(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )

    def _secret_of(self, access_key_id: str) -> str | None:
        """Return the secret of an access key that was given or issued; None if it is unknown."""
        session = self.world.sessions.get(access_key_id)
        return session.secret_key if session else self._credentials.get(access_key_id)

    def _throttle(self, operation: Operation, limit: float | None) -> None:
        if limit is None:
            return
        bucket = self._buckets.setdefault(operation.name, TokenBucket(self.world.clock))
        if bucket.take(limit):
            return
        if operation.service == STS:
            raise Refusal("Throttling", "Rate exceeded")
        status = self.world.behavior.throttled_status
        raise Refusal("TooManyRequestsException", "Rate exceeded", status)
