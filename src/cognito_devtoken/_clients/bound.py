"""
Make clients for many users from one template client.

A bound client shares all attributes of the template, except for its event emitter and its request
signer, which use the credentials of one user. Binding a client takes microseconds, and all bound
clients share the template's connections.

Law of this module: only this module and its asyncio counterpart know botocore's private names. If a
release of botocore changes them, :func:`check` fails, and each user gets a separate client. The
template's own credentials cannot sign anything, so a failure never signs a request as another user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, NoReturn, Self

from botocore import UNSIGNED
from botocore.credentials import Credentials, RefreshableCredentials

from ..exceptions import ConfigurationError


# The key in a request's context under which the BoundEvents of the request's client is stored.
_CONTEXT = "cognito_devtoken"
# The same values as in botocore, for S3 Express credentials, which live for five minutes.
EXPRESS: Any = {"method": "s3express", "advisory_timeout": 45, "mandatory_timeout": 10}

# The operation that check() calls. The model of this service is small.
PROBED_SERVICE = "sts"
PROBED_OPERATION = "get_caller_identity"
# do_not_send() is the first handler of this event, so that no handler of the application counts a
# probe as a request.
PROBED_EVENT = "before-send.sts.GetCallerIdentity"
PROBES = "PROBE1", "PROBE2"


class ExpressSessions:
    """
    The S3 Express credentials of one user, by bucket.

    This class replaces botocore's own cache. That cache distinguishes only buckets, not users, and
    it requests credentials with the template and not with the user's client.

    Args:
        client: The user's client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._sessions: dict[str, RefreshableCredentials] = {}

    def get_credentials(self, bucket: str) -> RefreshableCredentials:
        """Return the credentials for a bucket."""
        found = self._sessions.get(bucket)
        if found is None:
            create = partial(self._create, bucket)
            found = RefreshableCredentials.create_from_metadata(
                metadata=create(), refresh_using=create, **EXPRESS
            )
            self._sessions[bucket] = found
        return found

    def _create(self, bucket: str) -> dict[str, Any]:
        return session_metadata(self._client.create_session(Bucket=bucket))


def session_metadata(response: Any) -> dict[str, Any]:
    """Return the credentials of an S3 Express session in the form that botocore refreshes."""
    found = response["Credentials"]
    return {
        "access_key": found["AccessKeyId"],
        "secret_key": found["SecretAccessKey"],
        "token": found["SessionToken"],
        "expiry_time": found["Expiration"].isoformat(),
    }


def _stay_open(client: Any) -> None:
    """Do nothing, because the clients of other users use the same connections."""


def _no_credentials(client: Any) -> None:
    """Return None to keep boto3 from using the CRT, whose client has its own credentials."""


class Template:
    """
    Makes clients for users by copying one client.

    Args:
        client: The client to copy. Its credentials belong to no user.
    """

    methods: ClassVar[Mapping[str, Any]] = {
        "close": _stay_open,
        "_get_credentials": _no_credentials,
    }
    sessions: ClassVar[type[Any]] = ExpressSessions

    def __init__(self, client: Any) -> None:
        self.client = client
        kind: Any = client.__class__
        self._kind = type(kind.__name__, (kind,), {"__module__": kind.__module__, **self.methods})
        self._signer = client._request_signer
        self.events = client.meta.events
        if client.meta.service_model.service_name == "s3":
            # To follow a redirect, botocore uses the template to look up the bucket's region, which
            # S3 returns even without a signature.
            self.events.register("choose-signer.s3.HeadBucket", _unsigned_without_user)
            self.events.register_last("before-sign.s3", _use_own_sessions)

    def bind(self, credentials: Credentials) -> Any:
        """Return a client that signs with these credentials."""
        client = _like(self.client, self._kind)
        client.meta = _like(client.meta)
        client.meta.events = BoundEvents(self, credentials)
        # For presigned POSTs and database authentication tokens, the signer uses its own
        # credentials, and not those that BoundEvents puts into the context.
        client._request_signer = _like(self._signer)
        client._request_signer._credentials = credentials
        return client

    def close(self) -> Any:
        """Close the connections that all bound clients use."""
        return self.client.close()

    def renew_connections(self, make_client: Callable[[], Any]) -> None:
        """Make a forked child open its own connections when it sends its first request."""
        endpoint = self.client._endpoint
        endpoint.http_session = _LazyConnections(make_client, endpoint.http_session)


def _like(given: Any, kind: type[Any] | None = None) -> Any:
    """Return a shallow copy; much faster than copy.copy()."""
    made: Any = object.__new__(given.__class__ if kind is None else kind)
    # Attributes are set one by one because Python then stores their names once for all copies.
    for name, value in given.__dict__.items():
        setattr(made, name, value)
    return made


class BoundEvents:
    """
    The event emitter of a bound client.

    It passes every event to the handlers of the template. At the first event of a request, it puts
    the user's credentials into the context of the request.

    Args:
        template: The template, which lives as long as its bound clients.

        credentials: The user's credentials.
    """

    __slots__ = ("_credentials", "_sessions", "_template")

    def __init__(self, template: Template, credentials: Credentials) -> None:
        self._template = template
        self._credentials = credentials
        self._sessions: Any = None

    def emit(self, event_name: str, **kwargs: Any) -> Any:
        """
        Emit an event.

        Every call and every presigned URL starts with ``provide-client-params``. So the
        credentials are put in when that event is emitted.
        """
        if event_name.startswith("provide-client-params."):
            context = kwargs["context"]
            context.setdefault("signing", {})["request_credentials"] = self._credentials
            context[_CONTEXT] = self
        return self._template.events.emit(event_name, **kwargs)

    def emit_until_response(self, event_name: str, **kwargs: Any) -> Any:
        """Emit an event until a handler responds."""
        return self._template.events.emit_until_response(event_name, **kwargs)

    def express_sessions(self) -> Any:
        """Return the user's S3 Express sessions."""
        if self._sessions is None:
            self._sessions = self._template.sessions(self._template.bind(self._credentials))
        return self._sessions

    def register(self, *args: Any, **kwargs: Any) -> None:
        """Register a handler."""
        self._change("register", *args, **kwargs)

    def register_first(self, *args: Any, **kwargs: Any) -> None:
        """Register a handler that is called before the others."""
        self._change("register_first", *args, **kwargs)

    def register_last(self, *args: Any, **kwargs: Any) -> None:
        """Register a handler that is called after the others."""
        self._change("register_last", *args, **kwargs)

    def unregister(self, *args: Any, **kwargs: Any) -> None:
        """Remove a handler."""
        self._change("unregister", *args, **kwargs)

    def _change(
        self, method: str, event_name: str, handler: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        """Refuse the change unless s3transfer makes it: its handlers treat all users alike."""
        if getattr(handler, "__module__", "").partition(".")[0] != "s3transfer":
            raise ConfigurationError(
                "The client of one user cannot change the event handlers, which all users share.",
                hint="Change them on the events of the boto3_session that you pass to UserClients, "
                "or use session_for(), whose clients share nothing.",
            )
        getattr(self._template.events, method)(event_name, handler, *args, **kwargs)

    def __deepcopy__(self, memo: object) -> Self:
        return self  # some of botocore's handlers copy a request together with its context


def _use_own_sessions(request: Any, **kwargs: Any) -> None:
    """Make the request use the user's S3 Express credentials instead of the template's."""
    events: BoundEvents | None = request.context.get(_CONTEXT)
    signing = request.context.get("signing", {})
    if events is not None and signing.get("identity_cache") is not None:
        signing["identity_cache"] = events.express_sessions()


def _unsigned_without_user(context: Any, **kwargs: Any) -> Any:
    return None if _CONTEXT in context else UNSIGNED


class _LazyConnections:
    """
    Connections that are opened when the first request is sent.

    Args:
        make_client: Makes the client whose connections are used.

        inherited: The connections of the parent process. Closing them would take locks that
            threads of the parent may have held during the fork, so they are kept and never used.
    """

    def __init__(self, make_client: Callable[[], Any], inherited: Any) -> None:
        self._make_client = make_client
        self._inherited = inherited
        self._made: Any = None

    def send(self, request: Any) -> Any:
        if self._made is None:
            self._made = self._make_client()._endpoint.http_session
        return self._made.send(request)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()


def discovers_endpoints(client: Any, setting: object) -> bool:
    """
    Return whether a client asks its service which endpoints to call.

    botocore sends that request with the template's credentials, so such a client cannot be shared.
    Clients of Amazon Timestream always use endpoint discovery; clients of DynamoDB use it only if
    the AWS configuration enables it.

    Args:
        client: The client.

        setting: The value of ``endpoint_discovery_enabled`` in the configuration.
    """
    model = client.meta.service_model
    if model.endpoint_discovery_operation is None:
        return False
    wanted = str(setting).lower()
    return wanted == "true" or (wanted != "false" and model.endpoint_discovery_required)


class BindingError(Exception):
    """A bound client did not sign as its user."""


class Unsent(Exception):
    """Raised in place of sending the request of a probe; holds its signature."""

    def __init__(self, request: Any) -> None:
        super().__init__()
        self.signature = str(request.headers["Authorization"])


def do_not_send(request: Any, **kwargs: Any) -> NoReturn:
    """Raise Unsent instead of sending the request."""
    raise Unsent(request)


def check(client: Any) -> None:
    """
    Check that bound clients sign as their users. Nothing is sent.

    Args:
        client: A client of :data:`PROBED_SERVICE`.

    Raises:
        Exception: If a bound client does not sign as its user, or if a private name of botocore is
            missing.
    """
    template = Template(client)
    template.events.register_first(PROBED_EVENT, do_not_send)
    for key_id in PROBES:
        bound = template.bind(Credentials(key_id, "none"))
        signatures = [bound.generate_presigned_url(PROBED_OPERATION)]
        try:
            getattr(bound, PROBED_OPERATION)()
        except Unsent as unsent:
            signatures.append(unsent.signature)
        verify(key_id, signatures)


def verify(key_id: str, signatures: list[str]) -> None:
    """Require two signatures, both made with this access key."""
    if [key_id in each for each in signatures] != [True, True]:
        raise BindingError
