"""The base class of both sessions, with the pool, the client and the caches."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, Self, cast

import attrs

from .._aws.client import DevTokenClient
from .._cache.flights import Steps
from .._cache.health import Health
from .._cache.policy import RefreshPolicy
from .._cache.state import session_closed
from .._runtime.fork import watch
from .._values.arguments import Seconds
from .._values.clock import SYSTEM_CLOCK
from .._values.key import Key
from .._values.lease import Lease
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from ..exceptions import DevTokenError, InvalidRequestError, Violation
from ..typing import Clock, EventHook, TokenFetcher, TokenStore
from .cache import DEFAULT_MAX_ENTRIES, TokenCache
from .options import CredentialsOptions, GetOptions, RefreshOptions, check_names
from .request import no_provider, request_of, request_of_anyone


if TYPE_CHECKING:
    from .._cache.stats import Stats
    from .._values.credentials import AwsCredentials
    from .._values.trade import CredentialsRequest
    from ..stores.redis import RedisStore
    from .credentials import CredentialsCache


# How many roles' digests a session remembers, so that a hit does not have to compute them.
_MAX_ROLES = 1000


class Session:
    """The base of both sessions."""

    def __init__(
        self,
        identity_pool_id: str,
        *,
        developer_provider: str | None = None,
        token_duration: int | timedelta | None = None,
        client: TokenFetcher | None = None,
        policy: RefreshPolicy | None = None,
        store: TokenStore | None = None,
        max_entries: int = DEFAULT_MAX_ENTRIES,
        max_concurrent_fetches: int = 8,
        clock: Clock | None = None,
        on_event: Iterable[EventHook] = (),
    ) -> None:
        self._closed = True  # until the session is open
        plain = request_of_anyone(identity_pool_id, developer_provider, token_duration)
        self._pool, self._provider = identity_pool_id, developer_provider
        self._client = DevTokenClient() if client is None else client
        self._owned = self._client if client is None else None
        self._owned_store: RedisStore | None = None
        self._from_env = False
        self._cache = TokenCache(
            self._client,
            developer_provider=developer_provider,
            policy=policy,
            store=store,
            max_entries=max_entries,
            max_concurrent_fetches=max_concurrent_fetches,
            clock=clock,
            on_event=on_event,
        )
        self._plain = plain
        tokens = self._cache._state.entries.leases
        if developer_provider is not None:
            tokens.set_plain(Key.of(plain, developer_provider).rest)
        # The session has these two itself, so that a hit for a token finds them quickly.
        self._hits = 0
        self._tokens: Any = tokens.plain
        # It has the following attributes for a hit for credentials.
        self._credential_hits = 0
        # Empty until the cache of credentials is made. Adding an attribute later instead would make
        # every hit slower.
        self._of_credentials: dict[str, CredentialsCache] = {}
        self._credentials: Any = {}
        self._credentials_by_role: Any = {}
        self._role_digests: dict[object, bytes] = {}
        clock = clock or SYSTEM_CLOCK
        self._monotonic, self._time = clock.monotonic, clock.time
        watch(self)
        self._closed = False

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **arguments: Any) -> Self:
        """
        Open a session configured by environment variables.

        =========================================== ============================================
        ``COGNITO_DEVTOKEN_IDENTITY_POOL_ID``       the identity pool, ``REGION:GUID``; required
        ``COGNITO_DEVTOKEN_DEVELOPER_PROVIDER``     the developer provider name of the pool; the web
                                                    integrations require it
        ``COGNITO_DEVTOKEN_TOKEN_DURATION``         whole seconds, 1 to 86,400
        ``COGNITO_DEVTOKEN_MAX_ENTRIES``            how many tokens to hold
        ``COGNITO_DEVTOKEN_MAX_CONCURRENT_FETCHES`` how many calls to make at once
        ``COGNITO_DEVTOKEN_GRACE``                  seconds: *grace* of :class:`RefreshPolicy`
        ``COGNITO_DEVTOKEN_REFRESH_AHEAD``          seconds: *refresh_ahead* of the policy
        ``COGNITO_DEVTOKEN_STRICT_GRACE``           ``true`` or ``false``: *strict_grace* of the
                                                    policy
        ``COGNITO_DEVTOKEN_STORE_URL``              the URL of a :class:`~.stores.redis.RedisStore`,
                                                    which is closed with the session
        ``COGNITO_DEVTOKEN_STORE_KEYS``             the store's keys, separated by commas, or
                                                    ``file:PATH``
        =========================================== ============================================

        AWS credentials, profile and endpoint come from boto's own variables. The region is that of
        the identity pool.

        Args:
            environ: The environment to read; None reads the environment of the process.

            arguments: Further arguments of the class, which take precedence over the environment.

        Raises:
            ConfigurationError: If a variable is missing, wrong or unknown; the message names
                it.
        """
        from .settings import in_variables, session_arguments

        try:
            found = session_arguments(os.environ if environ is None else environ, arguments)
        finally:
            del environ  # it contains the keys of the store
        try:
            session = cls(**found, **arguments)
        except ValueError as error:
            wrong = in_variables(error, found)
            if str(wrong) == str(error):
                raise
        else:
            session._owned_store = found.get("store")
            session._from_env = True
            return session
        raise wrong

    def _steps(
        self, user_id: str, options: GetOptions | RefreshOptions, *, forced: bool = False
    ) -> Steps[TokenRequest, OpenIdToken]:
        """Return the steps of a caller that wants a user's token."""
        rest: Any = dict(options)
        least = patience = None
        try:
            if options:
                allowed = RefreshOptions if forced else GetOptions
                check_names("refresh" if forced else "get_token", list(options), allowed)
                least, patience = rest.pop("min_remaining", None), rest.pop("timeout", None)
            request = request_of(user_id, self._plain, self._provider, **rest)
        finally:
            del user_id, options
            rest = None
        return self._cache._leases.lookup.steps(request, least, patience, forced=forced)

    def _get_steps(
        self, request: TokenRequest, min_remaining: Seconds | None, timeout: Seconds | None
    ) -> Steps[TokenRequest, OpenIdToken]:
        """Return the steps of a caller that wants the token of a request."""
        if getattr(request, "identity_pool_id", self._pool) != self._pool:
            limit = f"must be the session's identity pool, {self._pool}"
            raise InvalidRequestError([Violation("identity_pool_id", limit)])
        return self._cache._leases.lookup.steps(request, min_remaining, timeout)

    def _credentials_steps(
        self, user_id: str, options: CredentialsOptions
    ) -> Steps[CredentialsRequest, AwsCredentials]:
        """Return the steps of a caller that wants a user's credentials."""
        from .._values.trade import CredentialsRequest, check_role

        try:
            check_names("get_credentials", list(options), CredentialsOptions)
            rest: Any = dict(options)
            least, patience = rest.pop("min_remaining", None), rest.pop("timeout", None)
            role = rest.pop("role", None)
            check_role(role)
            request = CredentialsRequest(
                request_of(user_id, self._plain, self._provider, **rest), role
            )
        finally:
            is_plain = options.keys() <= {"role"}
            del user_id, options
            rest = role = None
        cache = self._cache_for_credentials()
        if is_plain:
            if len(self._role_digests) >= _MAX_ROLES:
                self._role_digests.clear()
            self._role_digests[request.role] = cache.key(request).rest
        return cache.steps(request, least, patience)

    def _credentials_hit(self, user_id: str, options: CredentialsOptions) -> AwsCredentials | None:
        """Return cached credentials if they are fresh and *role* is the only option; else None."""
        role = options.get("role")
        if role is None or len(options) > 1:
            return None
        try:
            digest = self._role_digests[role]
            found: AwsCredentials = self._credentials_by_role[user_id, digest]
        except (KeyError, TypeError):
            return None
        wall = self._time()
        if not (wall < found._due_wall and self._monotonic() - wall < found._ahead):
            return None
        self._credential_hits += 1
        return found

    @property
    def _credentials_cache(self) -> CredentialsCache | None:
        """The cache of credentials; None until it is made."""
        return self._of_credentials.get("cache")

    def _cache_for_credentials(self) -> CredentialsCache:
        """Return the cache of credentials. The first caller makes it."""
        if self._credentials_cache is not None:
            return self._credentials_cache
        from .credentials import CredentialsCache

        made = CredentialsCache(self._cache, self._client, self._provider, self._plain)
        # setdefault() is one step, so concurrent threads share one cache.
        cache = self._of_credentials.setdefault("cache", made)
        if cache is not made:
            made.close()
            return cache
        cache.follow()
        leases = cache.leases.state.entries.leases
        self._credentials, self._credentials_by_role = leases.plain, leases.others
        if self._closed:  # the session was closed meanwhile
            cache.close()
        return cache

    def _invalidate(self, lease: Any) -> None:
        """Discard a rejected token, or rejected credentials."""
        if isinstance(lease, OpenIdToken):
            self._cache.invalidate(lease)
        elif isinstance(lease, Lease):
            self._cache_for_credentials().leases.invalidate(cast("AwsCredentials", lease))
        else:
            kind = type(lease).__name__
            del lease  # it may be the text of a token
            raise TypeError(f"invalidate() takes an OpenIdToken or AwsCredentials, not {kind}.")

    def _caches(self) -> list[TokenCache | CredentialsCache]:
        """Return the caches. Tokens come first, so that an exchange in between gets a new token."""
        return [self._cache, *([self._credentials_cache] if self._credentials_cache else [])]

    def _forget(self, user_id: str) -> None:
        try:
            for cache in self._caches():
                cache.forget(user_id)
        finally:
            del user_id  # a traceback shows the locals of its frames

    def _forget_identity(self, identity_id: str) -> None:
        try:
            for cache in self._caches():
                cache.forget_identity(identity_id)
        finally:
            del identity_id  # it may be a user id in the wrong place

    def _clear(self) -> None:
        for cache in self._caches():
            cache.clear()

    def stats(self) -> Stats:
        """Return what the session has done so far, and what it holds now."""
        stats = self._cache.stats()
        found = None
        if self._credentials_cache is not None:
            found = self._credentials_cache.leases.stats()
            found = attrs.evolve(found, hits=found.hits + self._credential_hits)
        return attrs.evolve(stats, hits=stats.hits + self._hits, credentials=found)

    def health(self) -> Health:
        """
        Tell how the last calls went, for a health check. This method makes no call.

        It reports on the calls for tokens or, if those succeed, on the exchanges of tokens for
        credentials.

        A session whose calls fail still serves its cached tokens, so do not take a host out of
        service only because calls fail.
        """
        health = self._cache.health()
        if health.ok and self._credentials_cache is not None:
            of_credentials = self._credentials_cache.leases.state.recorder.health
            return health if of_credentials.ok else of_credentials
        return health

    def _check(self) -> None:
        """Call Cognito once, without the cache; health() reports the outcome."""
        self._check_open()
        if self._provider is None:
            raise no_provider()
        from .check import check

        try:
            check(self._client, self._pool, self._provider)
        except DevTokenError as error:
            self._cache._record_check(error)
            raise
        self._cache._record_check(None)

    def _before_fork(self) -> None:
        """Do nothing."""

    def _after_fork(self, *, in_child: bool) -> None:
        if in_child:
            self._hits = self._credential_hits = 0

    def _close(self) -> None:
        self._closed = True
        for cache in self._caches():
            cache.close()
        if isinstance(self._owned, DevTokenClient):
            self._owned.close()
        if self._owned_store is not None:
            self._owned_store.close()

    def _check_open(self) -> None:
        if self._closed:
            raise session_closed()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        name = type(self).__name__
        raise TypeError(f"A {name} cannot be copied or pickled; open a new one in each process.")

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<{type(self).__name__} of {self._pool}, {state}>"

    def __del__(self) -> None:
        # If the arguments were wrong, attributes are missing.
        if (
            not getattr(self, "_closed", True)
            and self._cache._state.recorder.counts["fetches_started"]
        ):
            warnings.warn(f"{self!r} was not closed.", ResourceWarning, stacklevel=2, source=self)
