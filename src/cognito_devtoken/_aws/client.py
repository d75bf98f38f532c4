"""The client: one call to Cognito, through botocore, without a cache."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from importlib import import_module
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Self, TypeVar

from .._runtime.clock import monotonic
from .._runtime.fork import watch
from .._values.clock import SYSTEM_CLOCK, Instant
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from ..exceptions import (
    CallerDeniedError,
    ConfigurationError,
    InvalidRequestError,
    ServiceError,
    SessionClosedError,
)
from .made_clients import COGNITO, STS, ClientKind, MadeClients


if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.config import Config
    from botocore.session import Session

    from .._values.credentials import AwsCredentials
    from .._values.role import AssumeRole
    from .._values.trade import Trade
    from .masking import HasLogins

R = TypeVar("R")

# Clients whose AWS credentials were refused are replaced after this many seconds at the earliest. A
# session without a token backs off for at least as long.
_REPLACED_AFTER = 1.0

# Imported early, because otherwise the first call would import them.
_NEEDED = (
    "botocore.retries.standard",
    "botocore.session",
    "encodings.idna",
    ".call",
    ".client_factory",
    ".connections",
    ".errors",
    ".log_filter",
    "cognito_devtoken._values.trade",
)


class DevTokenClient:
    """
    Gets tokens from Cognito: one call per token, no cache.

    It calls Cognito through botocore, so whatever configures boto3 also configures this client: the
    environment, profiles, ``AWS_ENDPOINT_URL_COGNITO_IDENTITY``, FIPS endpoints, proxies.
    Unless *config* says otherwise, it waits 2 s for a connection and 5 s for a response. Unless
    *config*, the environment or the profile says otherwise, it makes 2 attempts in botocore's
    ``standard`` retry mode (``legacy`` does not retry this service's
    ``TooManyRequestsException``).

    The sum of the two times, 7 s, limits each attempt as a whole, from the DNS look-up to the last
    byte of the response, however slowly the server sends. After that, the connection is closed. So
    a call takes at most 15 s: two attempts of 7 s, and a pause of up to 1 s between them.
    A response of more than 1 MiB is refused. These limits do not apply to a *boto_client*, whose
    time-outs only limit the wait for the next byte.

    Getting AWS credentials takes additional time. Each request that botocore makes for them (STS,
    SSO) has the same limits; a ``credential_process`` has none.

    The AWS credentials need ``cognito-identity:GetOpenIdTokenForDeveloperIdentity`` on the identity
    pool. They are looked up at the first call. If AWS refuses them, or there are none, the next
    call looks them up again, at most once a second. So it finds credentials that another program
    has meanwhile written to the shared credentials file, or to a profile. A *boto_client* keeps the
    credentials that it has.

    Any number of threads may share one client. A forked child makes its own connections, but
    would share a *boto_client* with its parent, so give each process its own *boto_client*.

    Args:
        region_name: The region to call. None uses that of *config*, or else the region of each
            request's pool. The default region of the environment or the profile is ignored,
            because a pool exists only in its own region.

        endpoint_url: Where to send calls instead of AWS, such as an emulator's URL.

        profile_name: The profile to read from the AWS config files.

        config: A botocore config that overrides the defaults above.

        boto_client: A ``cognito-identity`` client of botocore or boto3 to use instead of all
            the above. :meth:`close` leaves it open.

    Raises:
        ConfigurationError: If *boto_client* is for another service, its calls must be
            awaited, or it is given together with another argument.
    """

    def __init__(
        self,
        region_name: str | None = None,
        *,
        endpoint_url: str | None = None,
        profile_name: str | None = None,
        config: Config | None = None,
        boto_client: BaseClient | None = None,
    ) -> None:
        self._region_name = region_name or getattr(config, "region_name", None)
        self._endpoint_url = endpoint_url
        self._profile_name = profile_name
        self._config = config
        self._given = boto_client
        self._monotonic: Callable[[], float] = monotonic
        self._closed = False
        # Import modules, and initialise OpenSSL with a first context, here and not in the thread of
        # the first call. If the process forked during an import, the child would have a
        # half-imported module. If it forked while OpenSSL initialises, the child would have a lock
        # that stays locked.
        import ssl

        for module in _NEEDED:
            import_module(module, __package__)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

        self._renew()
        watch(self)
        if boto_client is None:
            return
        known = hasattr(boto_client, "get_open_id_token_for_developer_identity")
        kind = type(boto_client)
        # The object with __aenter__ is what aiobotocore returns before its client is entered.
        if iscoroutinefunction(getattr(kind, "_make_api_call", None)) or (
            not known and hasattr(kind, "__aenter__")
        ):
            raise ConfigurationError(
                "boto_client must be a client of botocore or boto3, not of aiobotocore or "
                "aioboto3, whose calls must be awaited.",
                hint="Leave boto_client out. An AsyncTokenSession does not block the event loop, "
                "because it calls Cognito on threads of its own.",
            )
        if not known:
            raise ConfigurationError(
                "boto_client must be a client for cognito-identity (identity pools), not for "
                "another service such as cognito-idp (user pools)."
            )
        if any(v is not None for v in (region_name, endpoint_url, profile_name, config)):
            raise ConfigurationError(
                "boto_client cannot be combined with region_name, endpoint_url, profile_name or "
                "config.",
                hint="Configure the boto_client itself.",
            )
        from .log_filter import guard_loggers

        guard_loggers()

    def _renew(self) -> None:
        self._replacing = threading.Lock()
        self._made = MadeClients(self._monotonic())

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        """
        Get a token from Cognito.

        Cognito creates an identity if these logins have none, and links logins that are not linked
        yet. Repeating a call is harmless.

        During the call, log records of botocore and urllib3 in this thread are dropped, because
        they contain logins and the token. botocore's warnings are kept, without their arguments.

        Args:
            request: What to request.

        Returns:
            A token whose pool, identity and lifetime fit the request.

        Raises:
            ServiceError: If Cognito returns an error.

            TokenUnavailableError: If Cognito cannot be reached, or does not answer in time.

            InvalidTokenResponseError: If the response does not fit the request.

            ConfigurationError: If there are no AWS credentials, or botocore's
                configuration is wrong.

            SessionClosedError: If the client is closed.

            TypeError: If *request* is not a TokenRequest.
        """
        if not isinstance(request, TokenRequest):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may be untyped
            kind = type(request).__name__
            del request  # it may be a user id in the wrong place
            raise TypeError(f"fetch() takes a TokenRequest, not {kind}.")
        made = self._up_to_date()
        return self._guarded(partial(self._fetch, made, request), made, request)

    def _guarded(
        self,
        run: Callable[[], R],
        made: MadeClients,
        request: HasLogins,
        operation: str | None = None,
    ) -> R:
        """Make a call. No secret is logged, and errors become errors of this library."""
        from .errors import OPERATION, translate
        from .log_filter import our_call

        try:
            with our_call, made.in_use():
                return run()
        except BaseException as error:  # noqa: BLE001  # Ctrl-C has frames too
            failure = error
        # Done outside the handler, so that botocore's error does not become the context of ours:
        # the locals in its frames hold the request and the response.
        failure = translate(failure, request, operation or OPERATION, made.sessions.get(COGNITO))
        if isinstance(failure, CallerDeniedError) or (
            # A ConfigurationError that is a ServiceError, too, is about the pool or a role.
            isinstance(failure, ConfigurationError) and not isinstance(failure, ServiceError)
        ):
            made.refused = True
        try:
            raise failure
        finally:
            del failure  # its traceback refers to this frame

    def _up_to_date(self) -> MadeClients:
        """Return the clients to use: new ones, if AWS has refused the present credentials."""
        made, now = self._made, self._monotonic()
        if made.refused and now - made.since >= _REPLACED_AFTER and not self._closed:
            with self._replacing:
                if self._made is made:  # no other thread was faster
                    self._made = MadeClients(now)
            made.retire()
        return self._made

    def _fetch(self, made: MadeClients, request: TokenRequest) -> OpenIdToken:
        from .call import call
        from .errors import OPERATION

        client = self._client_of(made, ClientKind(self._region_name or request.region))
        sent = Instant.now(SYSTEM_CLOCK)
        return OpenIdToken.from_response(call(client, OPERATION, request), request, obtained=sent)

    def fetch_credentials(
        self, token: OpenIdToken, role: str | AssumeRole | None = None
    ) -> AwsCredentials:
        """
        Exchange a token for temporary AWS credentials.

        The call is not signed, so it needs no AWS credentials. STS is called at its endpoint in
        the region of the identity pool, unless the AWS configuration says otherwise
        (``AWS_ENDPOINT_URL_STS``, ``AWS_STS_REGIONAL_ENDPOINTS``). *endpoint_url* applies only to
        Cognito.

        Args:
            token: The token to exchange.

            role: None means the role of the identity pool (``GetCredentialsForIdentity``). An ARN
                means another role that the pool's rules allow the user. An
                :class:`~cognito_devtoken.credentials.AssumeRole` means any role that trusts the
                pool (``AssumeRoleWithWebIdentity``).

        Returns:
            Credentials for the identity of the token.

        Raises:
            StaleTokenError: If AWS no longer accepts the token.

            InvalidRequestError: If *role* violates a limit.

            TypeError: If *token* is not an OpenIdToken.

        It also raises the errors that :meth:`fetch` raises.
        """
        if not isinstance(token, OpenIdToken):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may be untyped
            kind = type(token).__name__
            del token  # it may be the text of a token
            raise TypeError(f"fetch_credentials() takes an OpenIdToken, not {kind}.")
        from .._values.trade import Trade, check_role

        try:
            check_role(role)
        except InvalidRequestError:
            del role  # it may be a secret in the wrong place
            raise
        trade = Trade(token, role)
        made = self._up_to_date()
        return self._guarded(partial(self._trade, made, trade), made, trade, trade.operation)

    def _trade(self, made: MadeClients, trade: Trade) -> AwsCredentials:
        from .._values.trade import BASIC
        from .call import call

        if trade.operation == BASIC:
            kind = ClientKind(trade.region, STS, is_signed=False)
        else:
            kind = ClientKind(self._region_name or trade.region, is_signed=False)
        client = self._client_of(made, kind)
        sent = Instant.now(SYSTEM_CLOCK)
        return trade.credentials(call(client, trade.operation, trade), sent=sent)

    def _client_for(self, *kind: Any) -> Any:
        return self._client_of(self._made, ClientKind(*kind))

    def _client_of(self, made: MadeClients, kind: ClientKind) -> Any:
        # A given client is only for Cognito. It serves unsigned calls, too, because botocore never
        # signs GetCredentialsForIdentity.
        given = self._given if kind.service == COGNITO else None
        client = given or made.by_kind.get(kind)
        if client is None or self._closed:
            with made.making:
                self._check_open()
                # Another thread may have made it while this one waited for the lock.
                client = made.by_kind.get(kind) or self._make_client(made, kind)
                made.by_kind[kind] = client
                if self._closed:  # meanwhile
                    client.close()
                self._check_open()
        return client

    def _make_client(self, made: MadeClients, kind: ClientKind) -> BaseClient:
        from .client_factory import make_client

        return make_client(
            made.sessions.get(kind.service) or self._session_for(made, kind.service),
            kind.region,
            service=kind.service,
            is_signed=kind.is_signed,
            endpoint_url=self._endpoint_url if kind.service == COGNITO else None,
            config=self._config,
        )

    def _session_for(self, made: MadeClients, service: str) -> Session:
        """Make the botocore session whose clients call a service."""
        from botocore.config import Config

        from .client_factory import TIME_LIMITS, prefer_regional_sts
        from .connections import BoundedSession

        session = made.sessions[service] = BoundedSession(profile=self._profile_name)
        session.set_default_client_config(Config(**TIME_LIMITS))
        if service == STS:
            # Only in this session, not in the one for Cognito, which calls STS for AWS credentials.
            prefer_regional_sts(session)
        return session

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosedError("This DevTokenClient is closed.")

    def close(self) -> None:
        """Close the connections that the client opened. Using a closed client raises an error."""
        # Do not wait for the lock that is held while AWS credentials are looked up.
        self._closed = True
        self._made.close()

    def _before_fork(self) -> None:
        """Do nothing: a child inherits nothing that may be half done."""

    def _after_fork(self, *, in_child: bool) -> None:
        if in_child:
            # Keep the parent's clients, so that their connections stay open; do not use them.
            self._inherited = self._made
            self._renew()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


# Where users import it from, as repr(), help() and tracebacks show it.
DevTokenClient.__module__ = "cognito_devtoken"
