"""
The role to assume with a token: the parameters of ``AssumeRoleWithWebIdentity`` except the token.

The limits are AWS's own, from the API model
(https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html). The tests
compare them with the model in the installed botocore. Two limits are only in the text of that
model, and are not compared: the number of policy ARNs, and the size of all policies together.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, cast

import attrs

from ..exceptions import InvalidRequestError, Violation
from .request import duration_violations, text_violations, whole_seconds
from .secret import NeverPickled, Secret


MIN_ARN, MAX_ARN = 20, 2048
MIN_SESSION_NAME, MAX_SESSION_NAME = 2, 64
MIN_SECONDS, MAX_SECONDS = 900, 43_200
MAX_POLICY = 2048
MAX_POLICY_ARNS = 10
# ASCII, because the service uses a Java pattern, whose \w is ASCII.
SESSION_NAME = re.compile(r"[\w+=,.@-]*", re.ASCII)

# Not compiled here: compiling such wide ranges takes milliseconds, and few programs use them.
_ARN = "[\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+"
_POLICY = "[\t\n\r -\xff]+"
_ROLE_HINT = "Pass the ARN of the role, arn:aws:iam::ACCOUNT:role/NAME."


@attrs.frozen(init=False)
class AssumeRole(NeverPickled):
    """
    A role to assume with a token, using ``AssumeRoleWithWebIdentity`` of AWS STS.

    It is validated when it is made, and immutable. Two such objects are equal if all their
    members are equal. The text of the policy appears in no repr and no message, and the object
    cannot be pickled.

    Args:
        role_arn: The ARN of the role, 20 to 2,048 characters. The role must trust the identity
            pool.

        session_name: The name of the AWS session, 2 to 64 letters, digits and ``_+=,.@-``.
            CloudTrail records it, so it should not identify a person. None uses the GUID of the
            Cognito identity.

        duration: How long the credentials live: whole seconds or a timedelta, 900 s to 43,200 s
            (12 hours). AWS refuses more than the role's own maximum, which is 1 hour by default.

        policy: A session policy in JSON, 1 to 2,048 characters, which restricts what the role
            allows.

        policy_arns: The ARNs of up to 10 managed policies, which also restrict what the role
            allows. Together with *policy*, they have at most 2,048 characters.

    Raises:
        InvalidRequestError: If a limit is violated. The error lists every violation.
    """

    role_arn: str
    session_name: str | None
    duration: int
    policy_arns: tuple[str, ...]
    _policy: Secret | None = attrs.field(repr=False)

    def __init__(
        self,
        role_arn: str,
        *,
        session_name: str | None = None,
        duration: int | timedelta = 3600,
        policy: str | None = None,
        policy_arns: Iterable[str] = (),
    ) -> None:
        # Crash reporters print the locals of every frame. So only a hidden policy is kept here, and
        # every name is deleted before an error is raised.
        hidden = Secret(policy) if isinstance(policy, str) else policy
        del policy
        arns = _listed(policy_arns)
        seconds = whole_seconds(duration)
        self.__attrs_init__(  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
            role_arn, session_name, seconds, arns, hidden
        )
        if violations := tuple(_violations(self)):
            del self, role_arn, session_name, duration, seconds, hidden, policy_arns, arns
            raise InvalidRequestError(violations)

    @property
    def policy(self) -> str | None:
        """The text of the session policy."""
        return None if self._policy is None else self._policy.reveal()


def _listed(value: object) -> Any:
    """Return the items of a collection as a tuple; for anything else, return only its type."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return type(value)
    return tuple(cast("Iterable[object]", value))


def arn_violations(member: str, value: object) -> Iterator[Violation]:
    """Yield what is wrong with a value that must be the ARN of a role or a policy."""
    broken = text_violations(member, value, MAX_ARN, minimum=MIN_ARN)
    if not broken and not re.fullmatch(_ARN, str(value)):
        broken = (Violation(member, "must not contain control characters"),)
    hint = _ROLE_HINT if member.startswith("role") else None
    yield from (attrs.evolve(each, hint=hint) for each in broken)


def _violations(role: AssumeRole) -> Iterator[Violation]:
    yield from arn_violations("role_arn", role.role_arn)
    if role.session_name is not None:
        yield from _session_name_violations(role.session_name)
    yield from duration_violations("duration", role.duration, MIN_SECONDS, MAX_SECONDS)
    if role._policy is not None:
        yield from _policy_violations(role._policy)
    yield from _policy_arns_violations(role.policy_arns)
    texts = [role.policy if isinstance(role._policy, Secret) else "", *_texts(role.policy_arns)]
    size = sum(map(len, filter(None, texts)))
    if size > MAX_POLICY and len(texts) > 1:
        limit = f"must have at most {MAX_POLICY} characters together"
        yield Violation("policy_arns and policy", limit, str(size))


def _session_name_violations(value: object) -> Iterator[Violation]:
    yield from text_violations("session_name", value, MAX_SESSION_NAME, minimum=MIN_SESSION_NAME)
    if isinstance(value, str) and not SESSION_NAME.fullmatch(value):
        yield Violation(
            "session_name",
            f"must match {SESSION_NAME.pattern} in full",
            hint="Omit session_name to use the GUID of the Cognito identity. The whole identity id "
            "is not allowed, because it has a colon.",
        )


def _policy_violations(value: object) -> Iterator[Violation]:
    text = value.reveal() if isinstance(value, Secret) else value
    broken = text_violations("policy", text, MAX_POLICY)
    if not broken and not re.fullmatch(_POLICY, str(text)):
        limit = "must contain only characters up to U+00FF, and no control characters"
        broken = (Violation("policy", limit, hint="Escape the refused characters as \\uXXXX."),)
    yield from broken


def _policy_arns_violations(value: object) -> Iterator[Violation]:
    if isinstance(value, type):
        limit = f"must be a sequence of at most {MAX_POLICY_ARNS} ARNs"
        yield Violation("policy_arns", limit, value.__name__)
        return
    arns = cast("tuple[object, ...]", value)
    if len(arns) > MAX_POLICY_ARNS:
        limit = f"must have at most {MAX_POLICY_ARNS} entries"
        yield Violation("policy_arns", limit, str(len(arns)))
    for number, arn in enumerate(arns, start=1):
        yield from arn_violations(f"policy_arns entry {number}", arn)


def _texts(value: object) -> list[str]:
    arns = cast("tuple[object, ...]", value if isinstance(value, tuple) else ())
    return [arn for arn in arns if isinstance(arn, str)]


AssumeRole.__module__ = "cognito_devtoken.credentials"
