"""
The request: the input of ``GetOpenIdTokenForDeveloperIdentity``.

The limits are AWS's own, from the API model
(https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetOpenIdTokenForDeveloperIdentity.html).
The tests compare them with the model in the installed botocore. botocore itself checks neither
upper limits nor patterns.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Self, cast

import attrs

from ..exceptions import InvalidRequestError, Violation
from .secret import HiddenValues, NeverPickled


DEFAULT_DURATION = 900
MAX_DURATION = 86_400
MAX_LOGINS = 10
MAX_PROVIDER_NAME = 128
MAX_LOGIN_VALUE = 50_000
MAX_TAGS = 50
MAX_TAG_NAME = 128
MAX_TAG_VALUE = 256
MAX_ID = 55
# ASCII, because the service uses a Java pattern, whose \w is ASCII.
ID_PATTERN = re.compile(r"[\w-]+:[0-9a-f-]+", re.ASCII)

REMOVE_QUOTES = (
    "Remove the quotes: they are part of the value, for example because docker --env-file keeps "
    "them."
)
AS_TEXT = "Convert the value to a string, for example with str(user.id)."

_IN_QUOTES = r"(['\"]).*\1"
# A message quotes the name of an unknown member only if it looks like a name. Anything else may be
# a secret in the wrong place.
_MEMBER_NAME = r"[A-Za-z_]{1,32}"
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SECOND = timedelta(seconds=1)
# Our argument for each member of the API.
_ARGUMENTS = {
    "IdentityPoolId": "identity_pool_id",
    "IdentityId": "identity_id",
    "Logins": "logins",
    "PrincipalTags": "principal_tags",
    "TokenDuration": "token_duration",
}


@attrs.frozen(init=False)
class TokenRequest(NeverPickled):
    """
    A request for a token, which is immutable and validated when it is made.

    Two requests with the same members are equal and have the same hash, whatever the order of
    their maps. The values of *logins* and *principal_tags* appear in no repr and no message, and
    a request cannot be pickled.

    Args:
        identity_pool_id: The identity pool, ``REGION:GUID``, at most 55 characters.

        logins: A map from provider names to logins, with 1 to 10 entries. For the pool's developer
            provider, the login is your own id for the user. For a public provider, the login is
            that provider's token.
            Names have 1 to 128 characters, logins 1 to 50,000. If there are several logins,
            Cognito links them to one identity.

        identity_id: An identity to link the logins to, in the same form as the pool id.
            If it is None, Cognito finds or creates the identity of the logins.

        principal_tags: 1 to 50 tags for the AWS session that the token is exchanged for. Names
            have 1 to 128 characters, values 1 to 256. None means no tags.

        token_duration: How long the token lives: whole seconds or a timedelta, 1 s to 86,400 s
            (24 hours). None uses Cognito's default of 900 s.

    Raises:
        InvalidRequestError: If a limit is violated. The error lists every violation.
    """

    identity_pool_id: str
    logins: Mapping[str, str]
    identity_id: str | None
    principal_tags: Mapping[str, str] | None
    token_duration: int | None

    def __init__(
        self,
        identity_pool_id: str,
        logins: Mapping[str, str],
        identity_id: str | None = None,
        principal_tags: Mapping[str, str] | None = None,
        token_duration: int | timedelta | None = None,
    ) -> None:
        # Crash reporters print the locals of every frame, and any argument may hold logins in the
        # wrong place. So hide the maps, and delete all arguments before an error is raised.
        logins = _hidden(logins)
        principal_tags = _hidden(principal_tags)
        seconds = whole_seconds(token_duration)
        self.__attrs_init__(  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
            identity_pool_id, logins, identity_id, principal_tags, seconds
        )
        if violations := tuple(_violations(self)):
            del self, identity_pool_id, logins, identity_id, principal_tags
            del token_duration, seconds
            raise InvalidRequestError(violations)

    def _with_login(self, provider: str, login: str) -> Self:
        """Return a copy whose only login is this one. The other members are already checked."""
        logins: Any = HiddenValues({provider: login})
        identity_id, tags = self.identity_id, self.principal_tags
        copy = object.__new__(type(self))
        copy.__attrs_init__(  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
            self.identity_pool_id, logins, identity_id, tags, self.token_duration
        )
        member = f"logins[{provider!r}]"
        if violations := text_violations(member, login, MAX_LOGIN_VALUE, AS_TEXT):
            del copy, logins, login  # see __init__
            raise InvalidRequestError(violations)
        return copy

    @property
    def region(self) -> str:
        """The AWS region of the pool, with which its id starts."""
        return self.identity_pool_id.partition(":")[0]

    def to_params(self) -> dict[str, str | int | dict[str, str]]:
        """
        Return the members that are set, as the API spells them.

        Returns:
            A new dictionary, with the values of the logins in clear text.
        """
        params: dict[str, Any] = {
            "IdentityPoolId": self.identity_pool_id,
            "Logins": dict(self.logins),
        }
        if self.identity_id is not None:
            params["IdentityId"] = self.identity_id
        if self.principal_tags is not None:
            params["PrincipalTags"] = dict(self.principal_tags)
        if self.token_duration is not None:
            params["TokenDuration"] = self.token_duration
        return params

    @classmethod
    def from_params(cls, params: Mapping[str, object]) -> Self:
        """
        Make a request from members in the API's spelling: the inverse of :meth:`to_params`.

        Args:
            params: ``IdentityPoolId``, ``Logins`` and optionally the other members.

        Raises:
            InvalidRequestError: If a member is unknown, or violates a limit.
        """
        if not isinstance(params, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            kind = type(params).__name__
            del params
            raise InvalidRequestError(
                [Violation("params", "must be a mapping of the operation's members", kind)]
            )
        unknown = [
            Violation(
                name if re.fullmatch(_MEMBER_NAME, str(name)) else f"member {number}",
                f"must be one of {', '.join(_ARGUMENTS)}",
            )
            for number, name in enumerate(params, start=1)
            if name not in _ARGUMENTS
        ]
        values: Any = (params.get(name) for name in _ARGUMENTS)
        try:
            request = cls(**dict(zip(_ARGUMENTS.values(), values, strict=True)))
        except InvalidRequestError as error:
            violations = [*unknown, *map(_in_wire_spelling, error.violations)]
        else:
            if not unknown:
                return request
            violations = unknown
        del params, values  # see __init__
        raise InvalidRequestError(violations)


# repr(), help() and tracebacks then show the module from which users import this class.
TokenRequest.__module__ = "cognito_devtoken"


def _hidden(value: object) -> Any:
    """Return a mapping with its values hidden; for anything else, return only its type."""
    if value is None or isinstance(value, HiddenValues):
        return value
    if not isinstance(value, Mapping):
        return type(value)
    return HiddenValues(cast("Mapping[str, str]", value))


def whole_seconds(value: object) -> Any:
    """Convert a timedelta of whole seconds to an integer; return anything else unchanged."""
    if isinstance(value, timedelta) and not value % _SECOND:
        return value // _SECOND
    return value


def _violations(request: TokenRequest) -> Iterator[Violation]:
    yield from _id_violations("identity_pool_id", request.identity_pool_id)
    if request.identity_id is not None:
        yield from _id_violations("identity_id", request.identity_id)
    yield from _map_violations(
        "logins", request.logins, MAX_LOGINS, MAX_PROVIDER_NAME, MAX_LOGIN_VALUE
    )
    if request.principal_tags is not None:
        yield from _map_violations(
            "principal_tags", request.principal_tags, MAX_TAGS, MAX_TAG_NAME, MAX_TAG_VALUE
        )
    if request.token_duration is not None:
        yield from duration_violations("token_duration", request.token_duration, 1, MAX_DURATION)


def _id_violations(member: str, value: object) -> Iterator[Violation]:
    yield from text_violations(member, value, MAX_ID)
    if isinstance(value, str) and value and not ID_PATTERN.fullmatch(value):
        yield Violation(
            member,
            f"must be REGION:GUID, matching {ID_PATTERN.pattern} in full",
            hint=next((h for pattern, h in _id_hints().items() if pattern.fullmatch(value)), None),
        )


def in_quotes(text: str) -> bool:
    """Return whether a text is in quotes, which most likely do not belong to the value."""
    return re.fullmatch(_IN_QUOTES, text, re.DOTALL) is not None


@cache  # made when an id is refused, because compiling the expressions would slow down every start
def _id_hints() -> Mapping[re.Pattern[str], str]:
    """Return the mistakes that are often made with an id, and the hint for each."""
    return {
        re.compile(_IN_QUOTES, re.DOTALL): REMOVE_QUOTES,
        re.compile(r"[\w-]+-\d_\w+"): (
            "This is the id of a user pool. Use the id of the identity pool, which has a colon "
            "after the region."
        ),
        re.compile(r"arn:.*:identitypool/.+"): (
            "This is the ARN of the identity pool. Use its id, the part after identitypool/."
        ),
        re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"): (
            "Put the region in front of the GUID, with a colon between them."
        ),
    }


def _map_violations(
    member: str, value: object, max_entries: int, max_key: int, max_value: int
) -> Iterator[Violation]:
    if not isinstance(value, HiddenValues):
        found = getattr(value, "__name__", "None")
        yield Violation(member, f"must be a mapping of 1 to {max_entries} entries", found)
        return
    if not 1 <= len(value) <= max_entries:
        yield Violation(member, f"must have 1 to {max_entries} entries", str(len(value)))
    for number, (key, text) in enumerate(value.items(), start=1):
        # A message gives the position of a refused key, not the key itself, which may be a secret
        # in the wrong place.
        broken = text_violations(f"{member} key {number}", key, max_key)
        yield from broken
        place = f"{member} value {number}" if broken else f"{member}[{key!r}]"
        yield from text_violations(place, text, max_value, AS_TEXT)


def is_unicode(text: str) -> bool:
    """Return whether a text is valid Unicode: whether it has no lone surrogates."""
    return text.isascii() or not _LONE_SURROGATE.search(text)  # the search takes microseconds


def text_violations(
    member: str, value: object, maximum: int, hint: str | None = None, *, minimum: int = 1
) -> tuple[Violation, ...]:
    """Return what is wrong with a value that must be a text of this length, without quoting it."""
    if not isinstance(value, str):
        found = "None" if value is None else type(value).__name__
        hint = None if value is None or isinstance(value, bytes) else hint
        limit = f"must be a string of {minimum} to {maximum} characters"
        return (Violation(member, limit, found, hint),)
    if not minimum <= len(value) <= maximum:
        limit = f"must have {minimum} to {maximum} characters"
        return (Violation(member, limit, str(len(value))),)
    if not is_unicode(value):
        decode = "Decode the bytes of this text with their actual encoding, which is not UTF-8."
        return (Violation(member, "must be valid Unicode", "text with lone surrogates", decode),)
    return ()


def duration_violations(
    member: str, value: object, shortest: int, longest: int
) -> Iterator[Violation]:
    """Yield what is wrong with a value that must be a whole number of seconds within limits."""
    limit = f"must be a whole number of seconds from {shortest} to {longest}"
    if isinstance(value, bool) or not isinstance(value, int):
        found = str(value) if isinstance(value, timedelta) else type(value).__name__
        yield Violation(member, limit, found)
    elif not shortest <= value <= longest:
        # Python refuses to convert an integer of thousands of digits to text.
        bits = value.bit_length()
        found = str(value) if bits <= 64 else f"an integer of {bits} bits"
        yield Violation(member, limit, found)


def _in_wire_spelling(violation: Violation) -> Violation:
    wire = {name: wire for wire, name in _ARGUMENTS.items()}
    member = re.sub(r"^\w+", lambda name: wire[name[0]], violation.member)
    hint = "Write the value in quotes." if violation.hint == AS_TEXT else violation.hint
    return attrs.evolve(violation, member=member, hint=hint)
