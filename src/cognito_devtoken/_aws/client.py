"""One call to Cognito, through botocore, without a cache."""

from __future__ import annotations

import os
import threading
from functools import cache
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from .._fork import watch
from .._values.clock import SYSTEM_CLOCK, Instant
from .._values.request import TokenRequest
from .._values.token import OpenIdToken
from ..exceptions import ConfigurationError, SessionClosedError


if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.config import Config
    from botocore.session import Session


# What a first call would import.
_NEEDED = (
    "botocore.retries.standard",
    "botocore.session",
    "encodings.idna",
    ".errors",
    ".log_filter",
)


class _CognitoIdentity(Protocol):
    """What is used of botocore's client."""

    def get_open_id_token_for_developer_identity(self, **params: Any) -> dict[str, Any]: ...

    def close(self) -> None: ...


class DevTokenClient:
    """
    Gets tokens from Cognito: one call each, no cache.

    It sends through botocore, so what configures boto3 configures it: the environment,
    profiles, ``AWS_ENDPOINT_URL_COGNITO_IDENTITY``, FIPS endpoints, proxies. Unless
    *config* says otherwise, it waits 2 s for a connection and 5 s for an answer. Unless
    *config*, the environment or the profile says otherwise, it makes 2 attempts in
    botocore's ``standard`` retry mode (``legacy`` does not retry this service's
    ``TooManyRequestsException``).

    The AWS credentials need ``cognito-identity:GetOpenIdTokenForDeveloperIdentity`` on
    the identity pool. They are looked up at the first call, not before.

    Any number of threads may share one client. A forked child makes connections of its own;
    *boto_client* it would share with its parent, so give each process its own.

    Args:
        region_name: The region to call. None takes *config*'s, else the region of each
            request's pool: a pool exists in its own region only, so the default region
            of the environment or the profile is not consulted.

        endpoint_url: Where to send the calls in place of AWS, such as an emulator's URL.

        profile_name: The profile to read from the AWS config files.

        config: Takes precedence over the defaults above.

        boto_client: A ``cognito-identity`` client of botocore or boto3 to send through,
            in place of all the above. It stays yours: :meth:`close` leaves it open.

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
        # thread imports leaves its child with half a module, and one that forks while OpenSSL
        # starts, which it does with the first context, with a lock that nobody opens.
        import ssl

        for module in _NEEDED:
            import_module(module, __package__)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _product()

        self._renew()
        watch(self)
        if boto_client is None:
            return
        if not hasattr(boto_client, "get_open_id_token_for_developer_identity"):
            raise ConfigurationError(
                "boto_client must be a client for cognito-identity, the identity pools; "
                "cognito-idp, the user pools, is another service."
            )
        if any(v is not None for v in (region_name, endpoint_url, profile_name, config)):
            raise ConfigurationError(
                "boto_client brings its own region_name, endpoint_url, profile_name and "
                "config: none of them goes with it."
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

        Creates the identity if there is none for these logins, and links logins that are
        not linked yet. Repeating a call is harmless.

        While it runs, log records of botocore and urllib3 in this thread are dropped,
        because they hold logins and the token. Warnings of botocore pass, without what
        they quote.

        Args:
            request: What to ask for.

        Returns:
            A token that fits the request in pool, identity and lifetime.

        Raises:
            ServiceError: If Cognito says no.

            TokenUnavailableError: If Cognito cannot be reached, or does not answer in time.

            InvalidTokenResponseError: If the answer does not fit the request.

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
        from .log_filter import quiet

        try:
            with quiet:
                return self._fetch(request)
        except BaseException as error:  # noqa: BLE001  # Ctrl-C has frames, too
            failure = error
        # Outside the handler, so that botocore's error does not come along as the
        # context, with the request and the answer in the locals of its frames.
        failure = translate(failure, request)
        try:
            raise failure
        finally:
            del failure  # which holds this frame

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
        from botocore.session import Session

        if self._session is None:
            self._session = Session(profile=self._profile_name)
        client = make_client(
            self._session, region, endpoint_url=self._endpoint_url, config=self._config
        )
        return cast("_CognitoIdentity", client)

    def _check_open(self) -> None:
        if self._closed:
            raise SessionClosedError("This DevTokenClient is closed.")

    def close(self) -> None:
        """Close the connections that it opened. A closed client refuses to fetch."""
        # Without the lock, which is held while AWS credentials are looked up.
        self._closed = True
        made, self._made = self._made, {}
        for client in made.values():
            client.close()

    def _before_fork(self) -> bool:
        return True  # a child takes over nothing that may be half done

    def _after_fork(self, *, ready: bool, in_child: bool) -> None:
        if in_child:
            self._inherited = self._made  # kept, and never used: they are the parent's
            self._renew()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
    A client of botocore for Cognito's identity pools.

    Args:
        session: Where its configuration comes from.

        region: The region to call; None takes the session's.

        endpoint_url: Where to send the calls in place of AWS.

        config: Takes precedence over our defaults.

        verify: False takes any certificate; a path is that of those to verify against.

        attempts: How many for one call, unless *config*, the environment or the profile
            says otherwise.

    Raises:
        ConfigurationError: If botocore cannot make one of that.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    from .errors import one_line
    from .log_filter import guard_loggers

    guard_loggers()
    try:
        # Any: the stubs lack some of its members.
        merged: Any = Config(
            connect_timeout=2,
            read_timeout=5,
            # botocore's 10 would throw connections away, and warn of it.
            max_pool_connections=50,
            # TokenRequest has checked more than botocore would.
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
        raise  # some are ValueErrors too; translate() knows them
    except (AttributeError, TypeError, ValueError) as error:
        # An argument of another type, a bad endpoint_url, a bad number in the
        # environment. The text of any other may hold a secret.
        text = one_line(str(error))
        known = text.startswith(("Invalid endpoint:", "invalid literal for int"))
        raise ConfigurationError(
            f"botocore's configuration is wrong: {text if known else type(error).__name__}."
        ) from None
    guard_loggers()  # there may be more of them now
    return client


def _retries(session: Session, given: Any, attempts: int) -> Any:
    """What *given* sets, with our defaults for what it, environment and profile leave out."""
    retries: dict[str, Any] = dict(given or {})
    if (
        not {"max_attempts", "total_max_attempts"} & retries.keys()
        and session.get_config_variable("max_attempts") is None
    ):
        retries["total_max_attempts"] = attempts
    # botocore has a default of its own here, so that asking it tells nothing.
    if not (os.environ.get("AWS_RETRY_MODE") or session.get_scoped_config().get("retry_mode")):
        retries.setdefault("mode", "standard")
    return retries


def _user_agent(session: Session, config: Config | None) -> str | None:
    """
    What botocore would say of itself, and our name before it.

    Made once: botocore makes it anew, twice for each call, for a tenth of the call's CPU.
    """
    given = getattr(config, "user_agent_appid", None)
    if given or session.get_config_variable("user_agent_appid"):
        return None  # an application id, which a string of our own would lack
    return f"{_product()} {session.user_agent()}"


@cache
def _product() -> str:
    from importlib.metadata import version

    return f"cognito-devtoken/{version('cognito-devtoken')}"
