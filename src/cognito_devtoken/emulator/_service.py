"""The operations, from request members to response members, and the stored identities."""

from __future__ import annotations

import re
import secrets
import string
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from .._values.partition import GLOBAL_PROVIDER, cognito_names
from .._values.request import DEFAULT_DURATION, LONE_SURROGATE
from .._values.secret import Secret
from .._values.token import decode_claims
from ._faults import TokenBucket
from ._identities import (
    Identity,
    Login,
    anonymous,
    check_match,
    forbidden,
    mismatch,
    named,
    resolve,
)
from ._settings import Behavior, Pool, issuer_of, login_provider_of
from ._tokens import BadTokenError, ExpiredTokenError, Keys, Signer, claims_of
from ._validation import validate
from ._wire import Refusal


_CREDENTIALS_SECONDS = 3600
_LAST_SECOND = 253_402_300_799  # of the year 9999; the check must also reject NaN
_ACCESS_KEY_CHARACTERS = string.ascii_uppercase + "234567"


class Service:
    """Amazon Cognito identity pools, and the one operation of STS that takes their tokens."""

    def __init__(
        self, pools: tuple[Pool, ...], behavior: Behavior, clock: Callable[[], float], keys: Keys
    ) -> None:
        self._pools = {pool.identity_pool_id: pool for pool in pools}
        if len(self._pools) < len(pools):
            raise ValueError("Each pool needs its own identity_pool_id.")
        self.behavior = behavior
        self.clock = clock
        self.bucket = TokenBucket(clock)
        self._lock = threading.Lock()
        self.signer = Signer([pool.region for pool in pools], behavior, self._now, keys)
        self.forget()
        self.operations: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "GetOpenIdTokenForDeveloperIdentity": self._get_token,
            "GetId": self._get_id,
            "GetCredentialsForIdentity": self._get_credentials,
        }

    def forget(self) -> None:
        """Remove all identities."""
        with self._lock:
            self._identities: dict[str, Identity] = {}
            self._owners: dict[tuple[Pool, Login], str] = {}

    def call(self, operation: str, members: Mapping[str, Any]) -> dict[str, Any]:
        """
        Execute an operation of the JSON protocol.

        Raises:
            Refusal: If the service would reject the call.
        """
        validate(operation, members)
        with self._lock:
            return self.operations[operation](members)

    def _get_token(self, members: Mapping[str, Any]) -> dict[str, Any]:
        pool = self._pool(members)
        given = members["Logins"]
        if pool.developer_provider not in given:
            raise Refusal(
                self.behavior.unknown_developer_provider_code,
                "This identity pool does not support the specified developer provider",
            )
        logins = [self._prove(pool, provider, proof) for provider, proof in given.items()]
        identity = self._resolve(pool, members.get("IdentityId"), logins)
        claims = claims_of(
            pool,
            identity.identity_id,
            logins,
            members.get("PrincipalTags"),
            members.get("TokenDuration") or DEFAULT_DURATION,
            self._now(),
            self.behavior,
        )
        return {
            "IdentityId": identity.identity_id,
            "Token": self.signer.sign(claims, pool.region),
        }

    def _get_id(self, members: Mapping[str, Any]) -> dict[str, Any]:
        pool = self._pool(members)
        logins = list(self._prove_public(pool, members.get("Logins") or {}))
        if logins:
            return {"IdentityId": self._resolve(pool, None, logins).identity_id}
        if not pool.allow_unauthenticated:
            raise Refusal(
                "NotAuthorizedException",
                "Unauthenticated access is not supported for this identity pool.",
            )
        identity = anonymous(pool, len(self._identities))
        self._identities[identity.identity_id] = identity
        return {"IdentityId": identity.identity_id}

    def _get_credentials(self, members: Mapping[str, Any]) -> dict[str, Any]:
        identity = named(self._identities, members["IdentityId"])
        given = dict(members.get("Logins") or {})
        token = given.pop(login_provider_of(identity.pool, self.behavior), None)
        if not identity.enabled or (identity.logins and not (given or token)):
            raise forbidden(identity)
        if token is not None:
            self._check_own_token(token, identity)
        if given:
            # Check all of them: an invalid one fails the call.
            check_match(identity, list(self._prove_public(identity.pool, given)))
        access_key_id, secret_key, session_token, expires = self._credentials()
        return {
            "IdentityId": identity.identity_id,
            "Credentials": {
                "AccessKeyId": access_key_id,
                "SecretKey": secret_key,
                "SessionToken": session_token,
                "Expiration": float(expires),
            },
        }

    def assume_role_with_web_identity(self, members: Mapping[str, str]) -> dict[str, Any]:
        """
        Execute the operation of STS. Every role trusts every pool.

        Raises:
            Refusal: If the emulator did not sign the token, or the token has expired.
        """
        for name in ("RoleArn", "RoleSessionName", "WebIdentityToken"):
            if not members.get(name):
                path = name[0].lower() + name[1:]
                raise Refusal(
                    "ValidationError",
                    f"1 validation error detected: Value null at '{path}' failed to satisfy "
                    "constraint: Member must not be null",
                )
        seconds = members.get("DurationSeconds", str(_CREDENTIALS_SECONDS))
        if not (re.fullmatch(r"[0-9]{3,5}", seconds) and 900 <= int(seconds) <= 43_200):
            raise Refusal(
                "ValidationError",
                f"1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to "
                "satisfy constraint: Member must have value between 900 and 43200",
            )
        try:
            claims = self.signer.verify(members["WebIdentityToken"])
        except BadTokenError:
            raise Refusal(
                "InvalidIdentityToken",
                "Couldn't retrieve verification key from your identity provider",
            ) from None
        except ExpiredTokenError as error:
            raise Refusal(
                "ExpiredTokenException",
                f"Token expired: current date/time {error.now} must be before the expiration "
                f"date/time {error.expired}",
            ) from None
        access_key_id, secret_key, session_token, expires = self._credentials(int(seconds))
        session = members["RoleSessionName"]
        region = str(claims["aud"]).partition(":")[0]
        assumed = members["RoleArn"].replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
        return {
            "SubjectFromWebIdentityToken": claims["sub"],
            "Audience": claims["aud"],
            "Provider": cognito_names(region).trust_principal,
            "AssumedRoleUser": {
                "Arn": f"{assumed}/{session}",
                "AssumedRoleId": f"{_access_key_id('AROA')}:{session}",
            },
            "Credentials": {
                "AccessKeyId": access_key_id,
                "SecretAccessKey": secret_key,
                "SessionToken": session_token,
                "Expiration": f"{datetime.fromtimestamp(expires, UTC):%Y-%m-%dT%H:%M:%SZ}",
            },
        }

    def _pool(self, members: Mapping[str, Any]) -> Pool:
        pool_id = members["IdentityPoolId"]
        if pool_id not in self._pools:
            raise Refusal("ResourceNotFoundException", f"IdentityPool '{pool_id}' not found.")
        return self._pools[pool_id]

    def _resolve(self, pool: Pool, identity_id: str | None, logins: list[Login]) -> Identity:
        changed = resolve(
            self._identities,
            self._owners,
            pool=pool,
            identity_id=identity_id,
            logins=logins,
            behavior=self.behavior,
        )
        for identity in changed:
            self._identities[identity.identity_id] = identity
            for login in identity.logins:
                self._owners[pool, login] = identity.identity_id
        return changed[0]

    def _prove_public(self, pool: Pool, given: Mapping[str, str]) -> Iterator[Login]:
        cognito = {GLOBAL_PROVIDER, login_provider_of(pool, self.behavior)}
        for provider, proof in given.items():
            if provider not in pool.public_providers | cognito:
                raise Refusal("InvalidParameterException", "Please provide a valid public provider")
            yield self._prove(pool, provider, proof)

    def _prove(self, pool: Pool, provider: str, proof: str) -> Login:
        """Verify a login, and return the user that it proves."""
        try:
            claims = decode_claims(Secret(proof))
        except ValueError:
            raise _invalid_login("Couldn't verify signed token.") from None
        own = login_provider_of(pool, self.behavior)
        if provider == GLOBAL_PROVIDER != own:
            raise _invalid_login("Issuer doesn't match providerName")
        if provider == own or (claims and claims.get("iss") == issuer_of(pool, self.behavior)):
            raise _invalid_login("Can't pass in a Cognito token.")
        if provider == pool.developer_provider:
            return Login(provider, proof)
        if provider not in pool.public_providers:
            raise Refusal(
                "NotAuthorizedException",
                "Token is not from a supported provider of this identity pool.",
            )
        if claims is None:
            return Login(provider, proof)
        if str(claims.get("iss")).removeprefix("https://") != provider:
            raise _invalid_login("Issuer doesn't match providerName")
        for name in ("sub", "aud", "exp"):
            if name not in claims:
                raise _invalid_login(f"Missing a required claim: {name}")
        now, expires, subject = self._now(), claims["exp"], claims["sub"]
        if (
            not isinstance(subject, str)
            or not subject
            or LONE_SURROGATE.search(subject)
            or not isinstance(claims["aud"], str | list)
            or isinstance(expires, bool)
            or not isinstance(expires, int | float)
            or not expires <= _LAST_SECOND
        ):
            raise _invalid_login("Couldn't verify signed token.")
        if now >= expires:
            raise _invalid_login(f"Token expired: {now} >= {expires}")
        return Login(provider, subject)

    def _check_own_token(self, token: str, identity: Identity) -> None:
        try:
            claims = self.signer.verify(token)
        except BadTokenError:
            raise _invalid_login("Couldn't verify signed token.") from None
        except ExpiredTokenError as error:
            raise _invalid_login(f"Token expired: {error.now} >= {error.expired}") from None
        if claims["sub"] != identity.identity_id:
            raise mismatch()

    def _now(self) -> int:
        return int(self.clock())

    def _credentials(self, seconds: int = _CREDENTIALS_SECONDS) -> tuple[str, str, str, int]:
        """Make up an access key id, a secret key, a session token and their expiry."""
        return (
            _access_key_id("ASIA"),
            secrets.token_urlsafe(30),
            secrets.token_urlsafe(180),
            self._now() + seconds,
        )


def _access_key_id(prefix: str) -> str:
    return prefix + "".join(secrets.choice(_ACCESS_KEY_CHARACTERS) for _ in range(16))


def _invalid_login(why: str) -> Refusal:
    return Refusal("NotAuthorizedException", f"Invalid login token. {why}")
