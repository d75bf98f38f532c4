"""The calls to Cognito, through botocore as the AWS CLI uses it."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import attrs

from .._values.token import COGNITO_PROVIDER, OpenIdToken
from ..exceptions import InvalidRequestError
from ._input.members import violations
from ._input.options import Options
from ._output.debug_log import LOG, logging_of


if TYPE_CHECKING:
    from botocore.session import Session


_OPERATION = "GetOpenIdTokenForDeveloperIdentity"
_ATTEMPTS = 3


@attrs.frozen
class Sent:
    """
    What is sent, whole, so that no frame has a login of its own.

    Attributes:
        members: As the API spells them, and perhaps wrong.
    """

    members: Mapping[str, Any] = attrs.field(repr=False)

    @property
    def logins(self) -> Mapping[str, str]:
        """Those that are text."""
        logins = self.members.get("Logins")
        items = cast("dict[str, object]", logins).items() if isinstance(logins, dict) else ()
        return {name: value for name, value in items if isinstance(value, str)}


class Service:
    """
    Cognito, and the AWS configuration of this run.

    Raises:
        ConfigurationError: If there is no such profile, or it cannot be read.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        with self._guarded(Sent({})):
            from botocore.session import Session

            self._session: Session = Session(profile=options.profile)
            self._scoped: Mapping[str, Any] = self._session.get_scoped_config()

    @property
    def output(self) -> str:
        """The format that arguments, environment or profile want, unchecked."""
        given = self._options.output or os.environ.get("AWS_DEFAULT_OUTPUT")
        return given or str(self._scoped.get("output", "json"))

    def get_token(self, members: Mapping[str, Any], *, is_dry: bool = False) -> dict[str, Any]:
        """
        Ask for a token.

        Args:
            members: Of the request. What botocore lets pass is sent, as by the AWS CLI.

            is_dry: Whether to check only, and send nothing.

        Returns:
            What Cognito answers, unchecked; nothing if it has not been asked.

        Raises:
            InvalidRequestError: If botocore would refuse it.

            ServiceError, TokenUnavailableError, ConfigurationError: As for
                :meth:`.DevTokenClient.fetch`.
        """
        sent = Sent(members)
        with self._guarded(sent):
            client = self._client(members.get("IdentityPoolId"), signed=self._options.is_signed)
            self._check(client, sent)
            if is_dry:
                return {}
            return self._call(client, _OPERATION, sent)

    def get_credentials(self, token: OpenIdToken, pool_id: str) -> dict[str, Any]:
        """
        Trade a token for AWS credentials.

        Returns:
            The credentials as Cognito spells them, unchecked.

        Raises:
            ServiceError, TokenUnavailableError, ConfigurationError: As above.
        """
        sent = Sent({"IdentityId": token.identity_id, "Logins": {COGNITO_PROVIDER: token.token}})
        name = "GetCredentialsForIdentity"
        with self._guarded(sent, name):
            answer = self._call(self._client(pool_id, signed=False), name, sent)
        return cast("dict[str, Any]", answer.get("Credentials", {}))

    def _client(self, pool_id: object, *, signed: bool) -> Any:
        from botocore import UNSIGNED
        from botocore.config import Config

        from .._aws.client import make_client
        from .._aws.errors import one_line

        options = self._options
        config: Any = {
            "connect_timeout": options.connect_timeout,
            "read_timeout": options.read_timeout,
        }
        if not signed:
            config["signature_version"] = UNSIGNED
        client = make_client(
            self._session,
            options.region_for(pool_id),
            endpoint_url=options.endpoint_url,
            config=Config(**config),
            verify=options.verify,
            attempts=_ATTEMPTS,
        )
        endpoint = one_line(client.meta.endpoint_url)
        LOG.debug("Region %s, endpoint %s", client.meta.region_name, endpoint)
        return client

    def _check(self, client: Any, sent: Sent) -> None:
        from botocore.validate import ParamValidator

        shape = client.meta.service_model.operation_model(_OPERATION).input_shape
        if ParamValidator().validate(sent.members, shape).has_errors():
            # botocore's own words quote what they refuse.
            raise InvalidRequestError(violations(sent.members))

    def _call(self, client: Any, operation: str, sent: Sent) -> dict[str, Any]:
        from botocore import xform_name

        try:
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**sent.members)
        finally:
            client.close()
        metadata = answer.pop("ResponseMetadata")
        LOG.debug("%s answered, request id %s", operation, metadata.get("RequestId"))
        return answer

    @contextmanager
    def _guarded(self, sent: Sent, operation: str = _OPERATION) -> Generator[None]:
        """Errors as the library has them, and loggers that keep secrets."""
        try:
            with logging_of(debug=self._options.debug):
                yield
        except BaseException as error:  # noqa: BLE001  # Ctrl-C has frames, too
            failure = error
        else:
            return
        from .._aws.errors import translate

        raise translate(failure, sent, operation)
