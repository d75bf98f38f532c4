"""Settings: the pools, and what to do where the service's behaviour is unknown."""

from collections.abc import Iterable
from typing import Literal

import attrs
from attrs.validators import in_

from .._values.partition import cognito_names
from .._values.request import DEVELOPER_PROVIDER, ID_PATTERN, MAX_ID


def _frozenset(names: Iterable[str]) -> frozenset[str]:
    if isinstance(names, str):  # its letters would become names
        raise ValueError("public_providers must be a collection, not one string.")  # noqa: TRY004
    return frozenset(names)


@attrs.frozen
class Pool:
    """
    An identity pool.

    Attributes:
        identity_pool_id: ``REGION:GUID``.

        developer_provider: The pool's developer provider name, the key of your own user ids
            in ``Logins``: 1 to 128 letters, digits and ``._-``.

        public_providers: The names of the public providers that the pool accepts, such
            as ``accounts.google.com``. A login under one is either a JWT of that issuer,
            checked except for its signature, or any other text, which is taken as the
            user's name there.

        allow_unauthenticated: Whether ``GetId`` creates identities without a login.

        account_id: The AWS account in the pool's ARN.

    Raises:
        ValueError: If an attribute does not have that form.
    """

    identity_pool_id: str = "us-east-1:00000000-0000-4000-8000-000000000000"
    developer_provider: str = "login.example.com"
    public_providers: frozenset[str] = attrs.field(factory=frozenset[str], converter=_frozenset)
    allow_unauthenticated: bool = False
    account_id: str = "123456789012"

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

    @property
    def region(self) -> str:
        """The AWS region, with which the id begins."""
        return self.identity_pool_id.partition(":")[0]

    @property
    def arn(self) -> str:
        """The pool's Amazon Resource Name, which its tokens contain."""
        return (
            f"arn:{cognito_names(self.region).partition}:cognito-identity:{self.region}"
            f":{self.account_id}:identitypool/{self.identity_pool_id}"
        )


@attrs.frozen(kw_only=True)
class Behavior:
    """
    What the emulator does where the service's behaviour is not publicly known.

    Test against the default, and against the alternative if your code depends on it.

    Attributes:
        unknown_developer_provider_code: The error code when ``Logins`` lacks the pool's
            developer provider. The text of the error is known.

        identity_of_another_pool_code: The error code when the ``IdentityId`` exists in
            another pool.

        public_login_of_another_identity: What happens when a public login is linked to
            another identity already. AWS documents both: ``"conflict"`` is a
            ``ResourceConflictException``; ``"merge"`` disables the other identity and
            moves its logins to the named identity, or else to that of the first login.

        already_registered_message: The text of a ``DeveloperUserAlreadyRegisteredException``.

        conflict_message: The text of a ``ResourceConflictException``.

        throttled_status: The HTTP status of a ``TooManyRequestsException``: 400, as the
            sibling service for user pools sends it, or 429, as in the API model. With
            400, botocore's ``legacy`` retry mode does not retry it.

        amr: What the ``amr`` claim contains when public logins accompany the developer's:
            only the ``"developer"`` entries, or those of ``"all"`` providers.

        issuer: The ``iss`` of the tokens. None means the service's own in the pool's region,
            which is known in the commercial partition only; set it to the emulator's address
            for a verifier that requires OpenID Connect discovery at the issuer.

        login_provider: The name in ``Logins`` under which ``GetCredentialsForIdentity`` takes
            the tokens. None means the one that ``OpenIdToken.to_logins()`` uses; the name in
            GovCloud is not known.

        legacy_keys: Whether the served keys have the modulus in padded standard base64
            with a leading zero byte, as the service's had in 2020, instead of the
            base64url of RFC 7518.
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
    issuer: str | None = None
    login_provider: str | None = None
    legacy_keys: bool = False


def issuer_of(pool: Pool, behavior: Behavior) -> str:
    """Return the ``iss`` of a pool's tokens."""
    return behavior.issuer or cognito_names(pool.region).issuer


def login_provider_of(pool: Pool, behavior: Behavior) -> str:
    """Return the name in ``Logins`` under which a pool's own tokens are taken."""
    return behavior.login_provider or cognito_names(pool.region).login_provider
