"""Settings: the pools, the roles, and what to do where the service's behaviour is unknown."""

import re
from collections.abc import Iterable
from typing import Literal

import attrs
from attrs.validators import in_, optional

from .._values.partition import cognito_names
from .._values.providers import DEVELOPER_PROVIDER
from .._values.request import ID_PATTERN, MAX_ID


OWN_ADDRESS = "self"
ROLE_ARN = re.compile(r"arn:([\w-]+):iam::(\d{12}):role/(?:[!-~]+/)?([\w+=,.@-]{1,64})", re.ASCII)
ACCOUNT_ID = re.compile(r"\d{12}", re.ASCII)
MAX_ARN = 2048
MAX_SESSION_SECONDS = 43_200
MIN_SESSION_SECONDS = 900
DEFAULT_SESSION_SECONDS = 3600


def _check_role(arn: str, name: str) -> None:
    if not ROLE_ARN.fullmatch(arn) or len(arn) > MAX_ARN:
        raise ValueError(f"{name} must be the ARN of an IAM role, not {arn!r}.")


def _frozenset(names: Iterable[str]) -> frozenset[str]:
    if isinstance(names, str):  # each letter would become a name
        raise ValueError("public_providers must be a collection, not one string.")  # noqa: TRY004
    return frozenset(names)


class NamedPool:
    """An identity pool's id and account, and the region and ARN that follow from them."""

    __slots__ = ()

    identity_pool_id: str
    account_id: str

    @property
    def region(self) -> str:
        """The AWS region, which is the first part of the id."""
        return self.identity_pool_id.partition(":")[0]

    @property
    def arn(self) -> str:
        """The pool's Amazon Resource Name, which its tokens contain."""
        name = f"{self.account_id}:identitypool/{self.identity_pool_id}"
        return f"arn:{cognito_names(self.region).partition}:cognito-identity:{self.region}:{name}"


@attrs.frozen
class Pool(NamedPool):
    """
    An identity pool.

    Attributes:
        identity_pool_id: ``REGION:GUID``.

        developer_provider: The pool's developer provider name, the key of your own user ids
            in ``Logins``: 1 to 128 letters, digits and ``._-``.

        public_providers: The names of the public providers that the pool accepts, such
            as ``accounts.google.com``. A login under such a name may be a JWT of that issuer: its
            claims are checked, but not its signature. Any other text is taken as the user's id at
            that provider.

        allow_unauthenticated: Whether ``GetId`` creates identities without a login.

        account_id: The AWS account in the pool's ARN.

        authenticated_role: The ARN of the role whose credentials an identity with a login gets.
            The default is a role of the account. If you pass None, ``GetCredentialsForIdentity``
            fails with an ``InvalidIdentityPoolConfigurationException``.

        unauthenticated_role: The ARN of the role whose credentials an identity without a login
            gets. The default and None work as for *authenticated_role*.

        allow_classic_flow: Whether ``GetOpenIdToken`` issues tokens.

    Raises:
        ValueError: If an attribute does not have the form that is described above.
    """

    identity_pool_id: str = "us-east-1:00000000-0000-4000-8000-000000000000"
    developer_provider: str = "login.example.com"
    public_providers: frozenset[str] = attrs.field(factory=frozenset[str], converter=_frozenset)
    allow_unauthenticated: bool = False
    account_id: str = "123456789012"
    authenticated_role: str | None = attrs.field(
        default=attrs.Factory(lambda pool: _default_role(pool, "authenticated"), takes_self=True)
    )
    unauthenticated_role: str | None = attrs.field(
        default=attrs.Factory(lambda pool: _default_role(pool, "unauthenticated"), takes_self=True)
    )
    allow_classic_flow: bool = True

    def __attrs_post_init__(self) -> None:
        pool_id = self.identity_pool_id
        if not ID_PATTERN.fullmatch(pool_id) or len(pool_id) > MAX_ID:
            raise ValueError(
                f"identity_pool_id must be REGION:GUID of at most {MAX_ID} characters, "
                f"not {pool_id!r}."
            )
        if not DEVELOPER_PROVIDER.fullmatch(self.developer_provider):
            raise ValueError(
                "developer_provider must be 1 to 128 letters, digits and ._-, "
                f"not {self.developer_provider!r}."
            )
        if not ACCOUNT_ID.fullmatch(self.account_id):
            raise ValueError(f"account_id must be 12 digits, not {self.account_id!r}.")
        for name in ("authenticated_role", "unauthenticated_role"):
            if (arn := getattr(self, name)) is not None:
                _check_role(arn, name)


def _default_role(pool: Pool, name: str) -> str:
    return f"arn:{cognito_names(pool.region).partition}:iam::{pool.account_id}:role/{name}"


@attrs.frozen
class Role:
    """
    An IAM role with limits, for tests of requests that the role refuses.

    A role that the emulator does not know has no limits: it trusts every token, and its sessions
    may last as long as STS allows.

    Attributes:
        arn: The role's Amazon Resource Name.

        max_session_duration: How many seconds a session from ``AssumeRoleWithWebIdentity`` may
            last: 3600 to 43,200.

        allows_tag_session: Whether the role's trust policy allows ``sts:TagSession``. If not, the
            role refuses tokens with principal tags.

    Raises:
        ValueError: If an attribute does not have the form that is described above.
    """

    arn: str
    max_session_duration: int = attrs.field(default=DEFAULT_SESSION_SECONDS, kw_only=True)
    allows_tag_session: bool = attrs.field(default=True, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _check_role(self.arn, "arn")
        if not DEFAULT_SESSION_SECONDS <= self.max_session_duration <= MAX_SESSION_SECONDS:
            raise ValueError(
                f"max_session_duration must be {DEFAULT_SESSION_SECONDS} to "
                f"{MAX_SESSION_SECONDS} seconds, not {self.max_session_duration}."
            )


def _is_issuer(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    if value != OWN_ADDRESS and not value.startswith(("http://", "https://")):
        raise ValueError(f"{attribute.name} must be a URL, or {OWN_ADDRESS}, not {value!r}.")


@attrs.frozen(kw_only=True)
class Behavior:
    """
    What the emulator does where the service's behaviour is not publicly known.

    If your code depends on such behaviour, test against the default and the alternative.

    Attributes:
        unknown_developer_provider_code: The error code when ``Logins`` lacks the pool's
            developer provider. The text of the error is known.

        identity_of_another_pool_code: The error code when the ``IdentityId`` exists in
            another pool.

        public_login_of_another_identity: What happens when a public login is already linked to
            another identity. AWS documents two outcomes: ``"conflict"`` is a
            ``ResourceConflictException``; ``"merge"`` disables the other identity and moves its
            logins to the named identity, or else to the identity of the first login.

        already_registered_message: The text of a ``DeveloperUserAlreadyRegisteredException``.

        conflict_message: The text of a ``ResourceConflictException``.

        throttled_status: The HTTP status of a ``TooManyRequestsException``: 400, which the
            service for user pools sends, or 429, which the API model lists. With 400,
            botocore's ``legacy`` retry mode does not retry the call.

        amr: What the ``amr`` claim contains when a call has public logins and a developer login:
            only the entries of the developer provider (``"developer"``), or the entries of all
            providers (``"all"``).

        issuer: The ``iss`` of the tokens. None means the service's issuer for the pool's region,
            which is known only for the commercial partition; ``"self"`` means the emulator's
            address, for a verifier that requires OpenID Connect discovery at the issuer.

        login_provider: The name in ``Logins`` under which ``GetCredentialsForIdentity`` accepts
            the tokens. None means the name that ``OpenIdToken.to_logins()`` uses. The name in
            GovCloud is not known.

        legacy_keys: Whether the served keys have the modulus in padded standard base64
            with a leading zero byte, as the service's keys had in 2020, instead of the
            base64url of RFC 7518.

        custom_role: Which ``CustomRoleArn`` a caller may choose: ``"any"`` role, or only a role
            ``"of_pool"``; for any other role, the call fails with a ``NotAuthorizedException``.

        forwards_tags: Whether ``GetCredentialsForIdentity`` passes the principal tags of a token
            on to the role. If so, a role without ``sts:TagSession`` refuses the token.

        own_login_in_classic_flow: Whether ``GetOpenIdToken`` accepts a token of the pool as a
            login: ``"refuse"`` or ``"accept"``.

        trailing_line_end: What STS does with a token that is followed by a line break, which is
            common if it is read from a file: ``"accept"`` or ``"refuse"``.

        unlink_mismatch_code: The error code when ``UnlinkDeveloperIdentity`` names a user who
            is not linked to the identity.

        merge_refused_code: The error code when two identities cannot be merged, because
            together they have more than 20 logins, or two logins of one public provider.

        deleting_unknown_identity: What ``DeleteIdentities`` does with an id that does not exist:
            ``"ignore"`` it, or list it as unprocessed with the code ``"AccessDenied"`` or
            ``"InternalServerError"``.
    """

    unknown_developer_provider_code: str = "NotAuthorizedException"
    identity_of_another_pool_code: str = "ResourceNotFoundException"
    public_login_of_another_identity: Literal["conflict", "merge"] = attrs.field(
        default="conflict", validator=in_(["conflict", "merge"])
    )
    already_registered_message: str = (
        "The developer user identifier is already registered under a different identity ID."
    )
    conflict_message: str = "Logins already belongs to another identity."
    throttled_status: Literal[400, 429] = attrs.field(default=400, validator=in_([400, 429]))
    amr: Literal["developer", "all"] = attrs.field(
        default="developer", validator=in_(["developer", "all"])
    )
    issuer: str | None = attrs.field(default=None, validator=optional(_is_issuer))
    login_provider: str | None = None
    legacy_keys: bool = False
    custom_role: Literal["any", "of_pool"] = attrs.field(
        default="any", validator=in_(["any", "of_pool"])
    )
    forwards_tags: bool = True
    own_login_in_classic_flow: Literal["refuse", "accept"] = attrs.field(
        default="refuse", validator=in_(["refuse", "accept"])
    )
    trailing_line_end: Literal["refuse", "accept"] = attrs.field(
        default="accept", validator=in_(["refuse", "accept"])
    )
    unlink_mismatch_code: str = "ResourceNotFoundException"
    merge_refused_code: str = "ResourceConflictException"
    deleting_unknown_identity: Literal["ignore", "AccessDenied", "InternalServerError"] = (
        attrs.field(
            default="ignore", validator=in_(["ignore", "AccessDenied", "InternalServerError"])
        )
    )
