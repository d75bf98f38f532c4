"""Calls to Cognito and STS through botocore, made the way the AWS CLI makes them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from .._values.clock import SYSTEM_CLOCK, Instant
from .._values.operations import BASIC, GET_TOKEN
from .._values.providers import developer_user
from .._values.request import TokenRequest
from .._values.text import one_line
from .._values.token import OpenIdToken
from ..exceptions import InvalidRequestError, TokenUnavailableError
from ._errors import OutputError
from ._input.members import violations
from ._input.options import Options
from ._output.debug_log import LOG, logging_of


if TYPE_CHECKING:
    from botocore.session import Session

    from .._aws.call import Asked
    from .._aws.identities import Identities
    from .._aws.masking import HasLogins
    from .._values.credentials import AwsCredentials
    from .._values.trade import CredentialsRequest


R = TypeVar("R")

_ATTEMPTS = 3


@attrs.frozen
class Sent:
    """
    A request. It is kept whole, so that no variable in a frame holds only a login.

    Attributes:
        members: The parameters, named as in the API and not validated.
    """

    members: Mapping[str, Any] = attrs.field(repr=False)

    @property
    def logins(self) -> Mapping[str, str]:
        """The logins whose value is text."""
        logins = self.members.get("Logins")
        items = cast("dict[str, object]", logins).items() if isinstance(logins, dict) else ()
        return {name: value for name, value in items if isinstance(value, str)}

    def to_params(self) -> dict[str, Any]:
        """Return the members of the operation."""
        return dict(self.members)


class Service:
    """
    Cognito, with the AWS configuration of this run.

    Raises:
        ConfigurationError: If the profile does not exist or cannot be read.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        with self._guarded(Sent({})):
            from .._aws.connections import BoundedSession

            self._session: Session = BoundedSession(profile=options.profile)
            self._scoped: Mapping[str, Any] = self._session.get_scoped_config()

    @property
    def output(self) -> str:
        """The output format that the arguments, the environment or the profile set, unchecked."""
        given = self._options.output or os.environ.get("AWS_DEFAULT_OUTPUT")
        return given or str(self._scoped.get("output", "json"))

    def get_token(self, members: Mapping[str, Any], *, is_dry: bool = False) -> dict[str, Any]:
        """
        Get a token.

        Args:
            members: The request's members. As in the AWS CLI, everything that botocore accepts is
                sent.

            is_dry: Whether to validate only, and send nothing.

        Returns:
            Cognito's response, not validated; empty if nothing was sent.

        Raises:
            InvalidRequestError: If botocore would reject the members.

            ServiceError, TokenUnavailableError, ConfigurationError: As for
                :meth:`.DevTokenClient.fetch`.
        """
        sent = Sent(members)
        with self._guarded(sent):
            client = self._client(members.get("IdentityPoolId"), signed=self._options.is_signed)
            self._check(client, sent)
            if is_dry:
                return {}
            answer = self._call(client, GET_TOKEN, sent)
            del answer["ResponseMetadata"]
            return answer

    def fetch(self, request: TokenRequest) -> OpenIdToken:
        """
        Get a token, checked against the request.

        This method raises the same errors as :meth:`.DevTokenClient.fetch`.
        """
        return OpenIdToken.from_response(self.get_token(request.to_params()), request)

    def fetch_credentials(self, token: OpenIdToken, request: CredentialsRequest) -> AwsCredentials:
        """
        Exchange a token for AWS credentials.

        This method raises the same errors as :meth:`.DevTokenClient.fetch_credentials`.
        """
        from .._values.trade import Trade

        trade = Trade(token, request.role)
        with self._guarded(trade, trade.operation):
            if trade.operation == BASIC:
                client = self._sts_client(trade.region)
            else:
                client = self._client(request.token_request.identity_pool_id, signed=False)
            sent = Instant.now(SYSTEM_CLOCK)
            return trade.credentials(self._call(client, trade.operation, trade), sent=sent)

    def identities(self, request: TokenRequest, developer_provider: str) -> Identities:
        """Return an object that finds and erases the identity of a user."""
        from .._aws.identities import Identities, Question

        def ask(question: Question, read: Callable[[dict[str, Any]], R]) -> R:
            with self._guarded(question, question.operation):
                client = self._client(request.identity_pool_id, signed=self._options.is_signed)
                return read(self._call(client, question.operation, question))

        user = developer_user(request, developer_provider)
        return Identities(ask, request.identity_pool_id, developer_provider, user)

    def get_keys(self, pool_id: object, url: str | None = None) -> tuple[str, bytes]:
        """
        Fetch the public keys that verify tokens.

        Args:
            pool_id: The identity pool of the tokens. Only its region is used.

            url: The URL of the keys. None means the configured endpoint, or AWS if there is none.

        Returns:
            The URL of the keys, and the document, not validated.

        Raises:
            OutputError: If the keys cannot be fetched.

            ConfigurationError: If botocore's configuration is wrong.
        """
        with self._guarded(Sent({})):
            from .._aws import public_keys

            # The keys need no region, but botocore does not work without one.
            region = self._options.region_for(pool_id) or str(
                self._session.get_config_variable("region") or "us-east-1"
            )
            config, session = self._config(signed=False), self._session
            if url is None:
                endpoint_url = self._options.endpoint_url
                url = public_keys.keys_url(session, region, endpoint_url, config)
            LOG.debug("Region %s, public keys %s", region, one_line(url))
        try:
            with self._guarded(Sent({})):
                verify = self._options.verify
                return url, public_keys.get(session, region, url, config, verify=verify)
        except TokenUnavailableError as error:
            message = one_line(f"Cannot read keys from {url}: {error.__cause__ or error}")
            failure = OutputError(message)
            failure.__notes__ = error.__notes__
        raise failure

    def _config(self, *, signed: bool) -> Any:
        from botocore import UNSIGNED
        from botocore.config import Config

        options = self._options
        config: Any = {
            "connect_timeout": options.connect_timeout,
            "read_timeout": options.read_timeout,
        }
        if not signed:
            config["signature_version"] = UNSIGNED
        return Config(**config)

    def _client(self, pool_id: object, *, signed: bool) -> Any:
        options = self._options
        region, endpoint_url = options.region_for(pool_id), options.endpoint_url
        return self._make_client(self._session, region, signed=signed, endpoint_url=endpoint_url)

    def _sts_client(self, region: str) -> Any:
        """Make a client for STS, to which ``--region`` and ``--endpoint-url`` do not apply."""
        from .._aws.client_factory import prefer_regional_sts
        from .._aws.connections import BoundedSession
        from .._aws.made_clients import STS

        # Use a separate session: the other one may get AWS credentials from STS, and must do that
        # with its own settings.
        session = BoundedSession(profile=self._options.profile)
        prefer_regional_sts(session)
        return self._make_client(session, region, signed=False, service=STS)

    def _make_client(
        self, session: Session, region: str | None, *, signed: bool, **which: Any
    ) -> Any:
        from .._aws.client_factory import make_client

        client: Any = make_client(
            session,
            region,
            config=self._config(signed=signed),
            verify=self._options.verify,
            attempts=_ATTEMPTS,
            **which,
        )
        endpoint = one_line(client.meta.endpoint_url)
        LOG.debug("Region %s, endpoint %s", client.meta.region_name, endpoint)
        return client

    def _check(self, client: Any, sent: Sent) -> None:
        from botocore.utils import ensure_boolean
        from botocore.validate import ParamValidator

        shape = client.meta.service_model.operation_model(GET_TOKEN).input_shape
        # A profile can turn botocore's validation off.
        is_checked = ensure_boolean(self._session.get_config_variable("parameter_validation"))
        has_errors = is_checked and ParamValidator().validate(sent.members, shape).has_errors()
        if has_errors or not _is_unicode(sent.members):
            # botocore's own message quotes the values that it rejects.
            raise InvalidRequestError(violations(sent.members))

    def _call(self, client: Any, operation: str, sent: Asked) -> dict[str, Any]:
        from .._aws.call import call

        try:
            answer = call(client, operation, sent)
        finally:
            client.close()
        request_id = answer["ResponseMetadata"].get("RequestId")
        LOG.debug("%s answered, request id %s", operation, request_id)
        return answer

    @contextmanager
    def _guarded(self, sent: HasLogins, operation: str = GET_TOKEN) -> Generator[None]:
        """Translate errors into the library's, and keep secrets out of the log."""
        try:
            with logging_of(debug=self._options.debug):
                yield
        except BaseException as error:  # noqa: BLE001  # the frames of a Ctrl-C hold secrets, too
            failure = error
        else:
            return
        from .._aws.errors import translate

        raise translate(failure, sent, operation, getattr(self, "_session", None))


def _is_unicode(members: Mapping[str, Any]) -> bool:
    """Return whether all text is Unicode. Python makes surrogates of other bytes in arguments."""
    try:
        json.dumps(members, ensure_ascii=False, default=str, skipkeys=True).encode()
    except (ValueError, RecursionError):  # also for a map that contains itself, as YAML allows
        return False
    return True
