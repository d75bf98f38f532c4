"""
Translate the errors that botocore raises without a response from Cognito.

Such an error is about the network or the configuration. After a network error, the next call may
succeed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from string import Formatter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError

from .._values.secret import HIDDEN
from .._values.text import one_line, printable
from ..exceptions import ConfigurationError, DevTokenError, TokenUnavailableError
from .connections import MAX_RESPONSE, TooLargeError
from .frames import client_of, local_of, profile_of, provider_of
from .masking import program_line, says_more
from .proxies import loopback_hint
from .sources import CREDENTIALS_HINT, log_in_hint, unsendable


if TYPE_CHECKING:
    from botocore.session import Session


_UNAVAILABLE = (boto.HTTPClientError, boto.ConnectionError, boto.IncompleteReadError)
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.SSOError,
)


def _known(names: Iterable[str]) -> tuple[type[BotoCoreError], ...]:
    """Return the classes among these names that this version of botocore has."""
    return tuple(cls for name in names if (cls := getattr(boto, name, None)))


# Errors whose text consists only of names and addresses. The text of another error may quote a
# header or a program's output, and with it an AWS secret. Of such an error, only the _PLAIN_FIELDS
# are shown.
_PLAIN_TEXT = (
    boto.EndpointConnectionError,
    boto.ConnectionClosedError,
    boto.ConnectTimeoutError,
    boto.ReadTimeoutError,
    boto.ProxyConnectionError,
    boto.SSLError,
    boto.PartialCredentialsError,
    boto.UnknownCredentialError,
    boto.ProfileNotFound,
    boto.ConfigNotFound,
    boto.ConfigParseError,
    boto.BaseEndpointResolverError,
    boto.EndpointProviderError,
    boto.InvalidConfigError,
    boto.InvalidDefaultsMode,
    boto.InvalidRegionError,
    boto.InvalidRetryConfigurationError,
    boto.InvalidProxiesConfigError,
    boto.MissingDependencyException,
    boto.InvalidIMDSEndpointError,
    boto.InvalidIMDSEndpointModeError,
    boto.InvalidSTSRegionalEndpointsConfigError,
    boto.SSOError,
    boto.TokenRetrievalError,
    *_known(("InvalidChecksumConfigError", "LoginTokenLoadError", "LoginRefreshRequired")),
)
_PLAIN_FIELDS = frozenset({"provider"})
_CONFIGURATION_HINT = (
    "Check the AWS environment variables, such as AWS_PROFILE, and the AWS config file."
)
_MISSING_HINT = (
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile or a role. The emulator "
    "accepts any values."
)
_OWN_ENDPOINT_HINT = (
    "Check that a server, such as the emulator, listens at the endpoint's address. It is set by "
    "endpoint_url, AWS_ENDPOINT_URL_COGNITO_IDENTITY, AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL "
    "or the profile."
)
_PLAIN_HTTP_HINT = "The endpoint speaks plain HTTP: begin its address with http://."
_CERTIFICATE_HINT = (
    "Check the certificate of the endpoint, or of the proxy. If a CA of your own signed it, set "
    "AWS_CA_BUNDLE, or ca_bundle of the profile, to a file with the CA's certificate."
)

# The operating system's limits that keep a call from being made, and what to do about each.
LIMITS = {
    errno.EMFILE: (
        "This process has reached its limit of open file descriptors. Raise the limit (ulimit -n, "
        "LimitNOFILE in systemd), or find out what keeps files and connections open."
    ),
    errno.ENFILE: "Raise the system's limit of open files (fs.file-max on Linux), or close files.",
    errno.ENOMEM: "Free memory on this host, or give it more.",
}


def from_botocore(error: BotoCoreError, session: Session | None) -> DevTokenError:
    """
    Return our error in place of one of botocore's own errors.

    Args:
        error: What botocore raised.

        session: The botocore session, whose profiles the hint may name.
    """
    if refusal := _system_error(error):
        return from_system(refusal)
    inner = error.kwargs.get("error")
    if type(error) is boto.HTTPClientError and isinstance(inner, TypeError | ValueError):
        return _from_unsent(error, inner)
    fields = {name: _shown(error, name) for _, name, _, _ in Formatter().parse(error.fmt) if name}
    known_init = type(error).__init__ in (BotoCoreError.__init__, boto.HTTPClientError.__init__)
    cause = type(error)(**fields) if known_init else BotoCoreError()
    message = f"{type(error).__name__}: {one_line(str(cause))}"
    failure: DevTokenError
    if isinstance(error, _UNAVAILABLE):
        failure = TokenUnavailableError(message, last_error=cause, hint=_network_hint(error))
    else:
        failure = ConfigurationError(message, hint=_hint(error, session))
    failure.__cause__ = cause
    return failure


def _shown(error: BotoCoreError, field: str) -> str:
    """Return a field of an error's text, without anything that may be a secret."""
    text = str(error.kwargs.get(field))
    if isinstance(error, _PLAIN_TEXT) or field in _PLAIN_FIELDS:
        return one_line(text)
    if not isinstance(error, boto.CredentialRetrievalError):
        return HIDDEN
    # The field is a message of botocore, or the output of a credential_process.
    line = program_line(text) or "no message"
    code = getattr(local_of(error, "_retrieve_credentials_using", "p"), "returncode", None)
    if code:
        profile = printable(profile_of(provider_of(error)) or "")
        return f"{line} (profile {profile}, exit code {code})"
    return line


def _hint(error: BotoCoreError, session: Session | None) -> str | None:
    if hint := log_in_hint(error, session):
        return hint
    if error.kwargs.get("provider") == "custom-process":
        return says_more(str(error.kwargs.get("error_msg"))) or (
            "Run the credential_process of the profile by hand: it must print AWS credentials."
        )
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        return _MISSING_HINT
    return CREDENTIALS_HINT if isinstance(error, _NO_CREDENTIALS) else _CONFIGURATION_HINT


def _from_unsent(error: BotoCoreError, inner: Exception) -> DevTokenError:
    """Return the error for a request that the HTTP client refused to send."""
    if found := unsendable(error):
        return found
    header = local_of(inner, "putheader", "header")
    if header is not None:
        name = header.decode("ascii", "replace") if isinstance(header, bytes) else str(header)
        agent = name.lower() == "user-agent"
        return ConfigurationError(
            f"The header {printable(name)} contains a character that cannot be sent.",
            hint="Check AWS_EXECUTION_ENV, a part of this header." if agent else CREDENTIALS_HINT,
        )
    # The endpoint's address has been checked before, so the error is about the proxy's.
    text = str(inner)
    why = HIDDEN if "@" in text else one_line(text).removesuffix(".")
    return ConfigurationError(
        f"The call cannot be sent through the proxy: {why}.",
        hint="Set HTTP_PROXY and HTTPS_PROXY to http://HOST:PORT.",
    )


def _network_hint(error: BotoCoreError) -> str | None:
    if isinstance(error, boto.SSLError):
        is_plain = "WRONG_VERSION_NUMBER" in str(error.kwargs.get("error"))
        return _PLAIN_HTTP_HINT if is_plain else _CERTIFICATE_HINT
    if not isinstance(error, boto.ProxyConnectionError):
        host = urlsplit(endpoint_of(error)).hostname or ""
        return _OWN_ENDPOINT_HINT if host and ".amazonaws." not in host else None
    return loopback_hint(endpoint_of(error)) or (
        "Check that the proxy is running, and that HTTP_PROXY and HTTPS_PROXY name it. NO_PROXY "
        "lists the hosts to call without a proxy."
    )


def endpoint_of(error: BaseException) -> str:
    """Return the URL that a failed call was for; "" if it is not known."""
    url = getattr(getattr(client_of(error), "meta", None), "endpoint_url", None)
    return url if isinstance(url, str) else ""


def _system_error(error: BaseException | None) -> OSError | None:
    """Return the TooLargeError or the system's refusal that led to an error; None if none did."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # a cause may refer to itself
        seen.add(id(error))
        if isinstance(error, TooLargeError) or (
            isinstance(error, OSError) and error.errno in LIMITS
        ):
            return error
        inner = error.kwargs.get("error") if isinstance(error, BotoCoreError) else None
        cause = error.__cause__ or error.__context__
        error = inner if isinstance(inner, BaseException) else cause
    return None


def from_system(error: OSError) -> DevTokenError:
    """Return an error without the text of the original, which may quote anything."""
    if isinstance(error, TooLargeError):
        return TokenUnavailableError(
            f"The response is larger than {MAX_RESPONSE} bytes.",
            hint="Check that the endpoint belongs to Cognito, not to a proxy or another server.",
        )
    number = error.errno or 0
    return TokenUnavailableError(
        f"The call failed with {type(error).__name__} "
        f"{errno.errorcode.get(number, number)}: {os.strerror(number)}.",
        hint=LIMITS.get(number, "Look for the cause on this host: the system refused the call."),
    )
