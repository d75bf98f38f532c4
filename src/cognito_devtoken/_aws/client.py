"""The client, which makes one call to Cognito with botocore, without a cache."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self, TypeVar

from .._runtime.clock import monotonic
from .._runtime.fork import watch
from .._values.clock import Instant
from .._values.operations import BASIC, GET_TOKEN
from .._values.providers import developer_user
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from ..exceptions import InvalidRequestError, SessionClosedError
from .made_clients import COGNITO, STS, ClientKind, MadeClients


if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.config import Config

    from .._values.credentials import AwsCredentials
    from .._values.erased import ErasedUser
    from .._values.role import AssumeRole
    from .call import CallInput
    from .identities import Identities


R = TypeVar("R")

# How many seconds to wait at least before replacing clients whose AWS credentials were refused. A
# session without a token backs off for at least as long.
_REPLACED_AFTER = 1.0

# The modules that the first call would otherwise import.
_NEEDED = (
    "botocore.retries.standard",
    "botocore.session",
    "encodings.idna",
    ".call",
    ".client_factory",
    ".connections",
    ".errors",
    ".log_filter",
)


class DevTokenClient:
    """
    Gets tokens from Cognito: one call per token, no cache.

    This client calls Cognito with botocore, so everything that configures boto3 also configures
    this client: the environment, profiles, ``AWS_ENDPOINT_URL_COGNITO_IDENTITY``, FIPS endpoints,
    proxies. Unless *config* says otherwise, it waits 2 s for a connection and 5 s for a response.
    Unless *config*, the environment or the profile says otherwise, it makes 2 attempts in
    botocore's ``standard`` retry mode (the ``legacy`` mode does not retry this service's
    ``TooManyRequestsException``).

    The sum of the two time-outs, 7 s, also limits each attempt as a whole, from the DNS look-up
    to the last byte of the response, however slowly the server sends. After that, the connection
    is closed. So a call takes at most 15 s: two attempts of 7 s, and a pause of up to 1 s between
    them. A response of more than 1 MiB is refused. These limits do not apply to a *boto_client*,
    whose time-outs only limit the wait for the next byte.

    Getting AWS credentials takes additional time. Each request that botocore makes for them (STS,
    SSO) has the same limits; a ``credential_process`` has none.

    The AWS credentials need ``cognito-identity:GetOpenIdTokenForDeveloperIdentity`` on the identity
    pool. They are looked up at the first call. If AWS refuses them, or there are none, the next
    call looks them up again, at most once a second. So the client finds credentials that another
    program has written to the shared credentials file or to a profile in the meantime. A
    *boto_client* keeps its credentials.

    Any number of threads may share one client. In a forked child, the client opens its own
    connections. It cannot do that for a *boto_client*, so give each process its own *boto_client*.

    Args:
        region_name: The region to call. None uses that of *config*, or else the region of each
            request's pool. The default region of the environment or the profile is ignored,
            because a pool exists only in its own region.

        endpoint_url: Where to send calls instead of AWS, such as an emulator's URL.

        profile_name: The profile to read from the AWS config files.

        config: A botocore config that overrides the defaults above.

        boto_client: Your own ``cognito-identity`` client of botocore or boto3. Pass it without any
            other argument. :meth:`close` leaves it open.

    Raises:
        ConfigurationError: If *boto_client* is for another service, if its calls must be
            awaited, or if it is passed together with another argument.
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
        # Import modules and initialise OpenSSL (by making a context) here, not in the thread of the
        # first call. If the process forked during an import, the child would have a
        # half-imported module. If it forked during the initialisation of OpenSSL, the child would
        # have a lock that stays locked.
        import ssl

        for module in _NEEDED:
            import_module(module, __package__)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

        self._renew()
        watch(self)
        if boto_client is None:
            return
        from .client_factory import check_given

        check_given(boto_client, (region_name, endpoint_url, profile_name, config))
        from .log_filter import guard_loggers

        guard_loggers()

    def _renew(self) -> None:
        self._replacing = threading.Lock()
        self._made = MadeClients(self._monotonic())

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        """
        Get a token from Cognito.

        If the logins of the request have no identity, Cognito creates one. It also links logins
        that are not linked yet. Repeating a call is harmless.

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

        def read(response: dict[str, Any], sent: Instant) -> OpenIdToken:
            return OpenIdToken.from_response(response, request, obtained=sent)

        return self._ask(ClientKind(self._region_name or request.region), GET_TOKEN, request, read)

    def _ask(self, kind: ClientKind, operation: str, asked: CallInput, read: Callable[..., R]) -> R:
        from .call import ask  # imports botocore

        made = self._up_to_date()
        return ask(made, partial(self._client_of, made, kind), operation, asked, read)

    def _up_to_date(self) -> MadeClients:
        """Return the clients to use: new clients if AWS has refused the current credentials."""
        made = self._made
        if made.refused and not self._closed:
            now = self._monotonic()
            if now - made.since >= _REPLACED_AFTER:
                with self._replacing:
                    if self._made is made:  # no other thread has replaced them
                        self._made = MadeClients(now)
                made.retire()
        return self._made

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

        This method also raises the errors that :meth:`fetch` raises.
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
        if trade.operation == BASIC:
            kind = ClientKind(trade.region, STS, is_signed=False)
        else:
            kind = ClientKind(self._region_name or trade.region, is_signed=False)

        return self._ask(kind, trade.operation, trade, trade.credentials)

    def find_identity(self, request: TokenRequest, developer_provider: str) -> str | None:
        """
        Look up the identity of a user, without creating one (``LookupDeveloperIdentity``).

        Args:
            request: Names the pool and the user. Other members have no effect.

            developer_provider: The provider whose login in *request* is the user id (at most 1024
                characters).

        Returns:
            The identity id; None if the user has no identity.

        This method raises the same errors as :meth:`fetch`.
        """
        try:
            identities = self._identities(request, developer_provider)
        finally:
            del request  # it may be a user id in the wrong place
        return identities.find()

    def erase_identity(self, request: TokenRequest, developer_provider: str) -> ErasedUser:
        """
        Delete the identity of a user, and unlink every user id from it.

        :meth:`TokenSession.erase` also discards cached tokens and credentials. AWS accepts them
        until they expire. The arguments and errors are the same as for :meth:`find_identity`.

        Raises:
            IncompleteEraseError: If a call failed after something may have been changed, or if an
                identity is left. Call this method again.
        """
        try:
            identities = self._identities(request, developer_provider)
        finally:
            del request
        return identities.erase()

    def _identities(self, request: TokenRequest, developer_provider: str) -> Identities:
        from .identities import Identities, Question

        try:
            user = developer_user(request, developer_provider)
        except TypeError:
            del request
            raise
        kind = ClientKind(self._region_name or request.region)

        def ask(question: Question, read: Callable[[dict[str, Any]], R]) -> R:
            def read_response(response: dict[str, Any], sent: object) -> R:
                return read(response)

            return self._ask(kind, question.operation, question, read_response)

        return Identities(ask, request.identity_pool_id, developer_provider, user)

    def _client_for(self, *kind: Any) -> Any:
        return self._client_of(self._made, ClientKind(*kind))

    def _client_of(self, made: MadeClients, kind: ClientKind) -> Any:
        # A *boto_client* is only used for Cognito. It can make the unsigned calls, too, because
        # botocore never signs GetCredentialsForIdentity.
        given = self._given if kind.service == COGNITO else None
        client = given or made.by_kind.get(kind)
        if client is None or self._closed:
            with made.making:
                self._check_open()
                # Another thread may have made the client while this one waited for the lock.
                client = made.by_kind.get(kind) or self._make_client(made, kind)
                made.by_kind[kind] = client
                if self._closed:  # closed in the meantime
                    client.close()
                self._check_open()
        return client

    def _make_client(self, made: MadeClients, kind: ClientKind) -> BaseClient:
        from .client_factory import make_client, session_for

        return make_client(
            made.sessions.get(kind.service) or session_for(made, kind.service, self._profile_name),
            kind.region,
            service=kind.service,
            is_signed=kind.is_signed,
            endpoint_url=self._endpoint_url if kind.service == COGNITO else None,
            config=self._config,
        )

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosedError("This DevTokenClient is closed.")

    def close(self) -> None:
        """Close the connections that the client opened. Using a closed client raises an error."""
        # This does not take the lock, which may be held while AWS credentials are looked up.
        self._closed = True
        self._made.close()

    def _before_fork(self) -> None:
        """Do nothing, because a fork cannot leave a child with a half-finished state."""

    def _after_fork(self, *, in_child: bool) -> None:
        if in_child:
            # The parent's clients are kept but not used, so that their connections stay open.
            self._inherited = self._made
            self._renew()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


# repr(), help() and tracebacks then show the module from which users import this class.
DevTokenClient.__module__ = "cognito_devtoken"
