"""The client: one call to Cognito, through botocore, without a cache."""

from __future__ import annotations

import os
import threading
from importlib import import_module
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Protocol, Self, cast
from urllib.parse import urlsplit

from .._runtime.fork import watch
from .._values.clock import SYSTEM_CLOCK, Instant
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from .._version import __version__
from ..exceptions import ConfigurationError, SessionClosedError


if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.config import Config
    from botocore.session import Session


# In seconds, for the call itself and for those that botocore makes to get AWS credentials.
_TIME_LIMITS: Any = {"connect_timeout": 2, "read_timeout": 5}

_ENDPOINT_HINT = (
    "It must be of the form http://HOST:PORT or https://HOST:PORT. It comes from endpoint_url, "
    "AWS_ENDPOINT_URL_COGNITO_IDENTITY, AWS_ENDPOINT_URL or the profile."
)

# The modules that a first call would import.
_NEEDED = (
    "botocore.retries.standard",
    "botocore.session",
    "encodings.idna",
    ".connections",
    ".errors",
    ".log_filter",
)


class _CognitoIdentity(Protocol):
    """The part of botocore's client that is used here."""

    def get_open_id_token_for_developer_identity(self, **params: Any) -> dict[str, Any]: ...

    def close(self) -> None: ...


class DevTokenClient:
    """
    Gets tokens from Cognito: one call per token, no cache.

    It calls Cognito through botocore, so whatever configures boto3 also configures it: the
    environment, profiles, ``AWS_ENDPOINT_URL_COGNITO_IDENTITY``, FIPS endpoints, proxies.
    Unless *config* says otherwise, it waits 2 s for a connection and 5 s for a response. Unless
    *config*, the environment or the profile says otherwise, it makes 2 attempts in botocore's
    ``standard`` retry mode (``legacy`` does not retry this service's
    ``TooManyRequestsException``).

    An attempt as a whole, from the DNS look-up to the last byte of the response, takes at most
    both times together, however slowly the server sends; then its connection is closed. So a
    call takes at most 15 s: two attempts of 7 s, and a pause of up to 1 s between them. A response
    of more than 1 MiB is refused. Neither holds for a *boto_client*, whose time-outs only limit
    the wait for the next byte. Getting AWS credentials takes time of its own: each request that
    botocore makes for them (STS, SSO) is limited in the same way, a ``credential_process`` is
    not.

    The AWS credentials need ``cognito-identity:GetOpenIdTokenForDeveloperIdentity`` on
    the identity pool. They are looked up at the first call, not before.

    Any number of threads may share one client. A forked child makes its own connections, but
    would share a *boto_client* with its parent, so give each process its own.

    Args:
        region_name: The region to call. None uses *config*'s, else the region of each
            request's pool: a pool exists in its own region only, so the default region
            of the environment or the profile is not consulted.

        endpoint_url: Where to send calls instead of AWS, such as an emulator's URL.

        profile_name: The profile to read from the AWS config files.

        config: Overrides the defaults above.

        boto_client: A ``cognito-identity`` client of botocore or boto3 to use instead of all
            the above. :meth:`close` leaves it open.

    Raises:
        ConfigurationError: If *boto_client* is for another service, or is given together
            with one of the others.
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
        self._given = cast("_CognitoIdentity | None", boto_client)
        self._closed = False
        # Here and not in the thread of the first call: a process that forks while another
        # thread imports leaves its child with a half-imported module; one that forks while
        # OpenSSL initialises, at the first context, leaves it with a lock that stays locked.
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
        # The second is what aiobotocore returns before its client is entered.
        if iscoroutinefunction(getattr(kind, "_make_api_call", None)) or (
            not known and hasattr(kind, "__aenter__")
        ):
            raise ConfigurationError(
                "boto_client must be a client of botocore or boto3, not of aiobotocore or "
                "aioboto3, whose calls must be awaited.",
                hint="Leave it out: AsyncTokenSession never blocks, because it calls Cognito on "
                "threads of its own.",
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
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._made: dict[str, _CognitoIdentity] = {}

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        """
        Get a token from Cognito.

        Cognito creates the identity if these logins have none, and links logins that are not
        linked yet. Repeating a call is harmless.

        While it runs, log records of botocore and urllib3 in this thread are dropped, because
        they contain logins and the token. Botocore's warnings are kept, without their arguments.

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
        from .errors import translate
        from .log_filter import our_call

        try:
            with our_call:
                return self._fetch(request)
        except BaseException as error:  # noqa: BLE001  # Ctrl-C has frames too
            failure = error
        # Outside the handler, so that botocore's error does not become the context: the locals
        # of its frames hold the request and the response.
        failure = translate(failure, request, session=self._session)
        try:
            raise failure
        finally:
            del failure  # its traceback refers to this frame

    def _fetch(self, request: TokenRequest) -> OpenIdToken:
        client = self._client_for(self._region_name or request.region)
        sent = Instant.now(SYSTEM_CLOCK)
        return OpenIdToken.from_response(
            client.get_open_id_token_for_developer_identity(**request.to_params()),
            request,
            obtained=sent,
        )

    def _client_for(self, region: str) -> _CognitoIdentity:
        client = self._given or self._made.get(region)
        if client is None or self._closed:
            with self._lock:
                self._check_open()
                # Another thread may have made it while this one waited for the lock.
                client = self._made.get(region) or self._make_client(region)
                self._made[region] = client
                if self._closed:  # meanwhile
                    client.close()
                self._check_open()
        return client

    def _make_client(self, region: str) -> _CognitoIdentity:
        from botocore.config import Config

        from .connections import BoundedSession

        if self._session is None:
            self._session = BoundedSession(profile=self._profile_name)
            self._session.set_default_client_config(Config(**_TIME_LIMITS))
        client = make_client(
            self._session, region, endpoint_url=self._endpoint_url, config=self._config
        )
        return cast("_CognitoIdentity", client)

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosedError("This DevTokenClient is closed.")

    def close(self) -> None:
        """Close the connections that the client opened. A closed client refuses to fetch."""
        # Without the lock, which is held while AWS credentials are looked up.
        self._closed = True
        made, self._made = self._made, {}
        for client in made.values():
            client.close()

    def _before_fork(self) -> None:
        """Do nothing: a child inherits nothing that may be half done."""

    def _after_fork(self, *, in_child: bool) -> None:
        if in_child:
            self._inherited = self._made  # the parent's: kept open, and never used
            self._renew()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def make_client(
    session: Session,
    region: str | None,
    *,
    endpoint_url: str | None = None,
    config: Config | None = None,
    verify: bool | str | None = None,
    attempts: int = 2,
) -> BaseClient:
    """
    Make a botocore client for Cognito's identity pools.

    Args:
        session: Provides the configuration.

        region: The region to call; None uses the session's.

        endpoint_url: Where to send calls instead of AWS.

        config: Overrides our defaults.

        verify: False accepts any certificate; a path names the CA certificates to verify with.

        attempts: How many attempts to make per call, unless *config*, the environment or the
            profile says otherwise.

    Raises:
        ConfigurationError: If botocore cannot make a client from these.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    from .._values.text import one_line
    from .log_filter import guard_loggers
    from .sources import unusable

    guard_loggers()
    try:
        # Any, because the stubs lack some of its members.
        merged: Any = Config(
            **_TIME_LIMITS,
            # With botocore's 10, it would discard connections, and log a warning.
            max_pool_connections=50,
            # TokenRequest has already checked more than botocore would.
            parameter_validation=False,
            user_agent=_user_agent(session, config),
        )
        if config is not None:
            merged = merged.merge(config)
        merged = merged.merge(Config(retries=_retries(session, merged.retries, attempts)))
        client = session.create_client(
            "cognito-identity",
            region_name=region,
            endpoint_url=endpoint_url,
            verify=verify,
            config=merged,
        )
    except BotoCoreError:
        raise  # some of them are ValueErrors; translate() handles them
    except (AttributeError, TypeError, ValueError) as error:
        if found := unusable(error):
            raise found from None
        # An argument of the wrong type, a bad endpoint_url, a bad number in the environment.
        # Any other text may contain a secret.
        text = one_line(str(error))
        address = text.startswith(("Invalid endpoint:", "Invalid IPv6 URL"))
        known = address or text.startswith("invalid literal for int")
        raise ConfigurationError(
            f"botocore's configuration is wrong: {text if known else type(error).__name__}.",
            hint=_ENDPOINT_HINT if address else None,
        ) from None
    guard_loggers()  # making the client may have added loggers
    _check_endpoint(client.meta.endpoint_url)
    return client


def _check_endpoint(url: str) -> None:
    """Refuse a URL that no call could be sent to, with which botocore would fail at each call."""
    from .._values.text import one_line

    try:
        address = urlsplit(url)
        is_valid = address.scheme in ("http", "https") and address.port != 0
    except ValueError:  # of the port
        is_valid = False
    if not is_valid:
        raise ConfigurationError(
            f"botocore's configuration is wrong: Invalid endpoint: {one_line(url)}.",
            hint=_ENDPOINT_HINT,
        )


def _retries(session: Session, given: Any, attempts: int) -> Any:
    """Return *given*, with our defaults where it, the environment and the profile are silent."""
    retries: dict[str, Any] = dict(given or {})
    if (
        not {"max_attempts", "total_max_attempts"} & retries.keys()
        and session.get_config_variable("max_attempts") is None
    ):
        retries["total_max_attempts"] = attempts
    # botocore's own default makes its config variable look set, so read the sources.
    if not (os.environ.get("AWS_RETRY_MODE") or session.get_scoped_config().get("retry_mode")):
        retries.setdefault("mode", "standard")
    return retries


def _user_agent(session: Session, config: Config | None) -> str | None:
    """
    Return botocore's user agent with our name in front.

    Made once: botocore would make it twice for each call, which takes a tenth of the call's CPU.
    """
    given = getattr(config, "user_agent_appid", None)
    if given or session.get_config_variable("user_agent_appid"):
        return None  # botocore adds the application id itself, which our string would lack
    return f"cognito-devtoken/{__version__} {session.user_agent()}"
