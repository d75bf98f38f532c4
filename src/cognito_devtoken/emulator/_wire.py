"""The service's two wire protocols: read requests, and write responses in the same protocol."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Protocol, cast
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import attrs

from .._values.text import one_line


_NOT_FOR_HEADERS = re.compile(r"[^\x20-\x7e]")
# https://www.w3.org/TR/xml/#charsets
_NOT_FOR_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TARGET = "AWSCognitoIdentityService"
_MAX_FIELDS = 100
COGNITO, STS = "cognito-identity", "sts"
STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


# Authentication errors come from AWS before the service is reached. Their text is in "Message".
_AUTHENTICATION_ERRORS = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)
# The codes and statuses of these errors in the query protocol.
_IN_QUERY = {
    "ExpiredTokenException": ("ExpiredToken", 403),
    "IncompleteSignatureException": ("IncompleteSignature", 400),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
}


class Refusal(Exception):
    """
    An error response of the service.

    Args:
        code: The error code.

        message: The text for the caller.

        status: The HTTP status, which is nearly always 400, whatever the API model says.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message, status)
        self.code = code
        self.message = message
        self.status = status


class AuthenticationRefusal(Refusal):
    """An error response to a caller whose AWS credentials are invalid."""


@attrs.frozen
class Answer:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@attrs.frozen
class HttpRequest:
    """
    An HTTP request.

    Attributes:
        method: The HTTP method, such as ``POST``.

        query: The part of the URL after the question mark.

        headers: The headers, by lower-case names.

        body: The whole body.
    """

    method: str
    query: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)


class Received(Protocol):
    """A request as one of the protocols reads it."""

    service: ClassVar[str]

    @property
    def operation(self) -> str:
        """The name of the operation, as the caller sent it; empty if the request names none."""
        ...

    def members(self) -> dict[str, Any]:
        """Return the members of the operation's input."""
        ...

    def unknown(self) -> Refusal:
        """Return the error for an operation that the emulator does not have."""
        ...

    def answer(self, result: Mapping[str, Any], request_id: str) -> Answer:
        """Return the response to a successful call."""
        ...

    def refuse(self, refusal: Refusal, request_id: str) -> Answer:
        """Return the response to a failed call."""
        ...


def received(request: HttpRequest) -> Received:
    """Find out a request's protocol, and read the request."""
    is_form = "x-www-form-urlencoded" in request.headers.get("content-type", "")
    in_address = _fields(request.query)
    if is_form or "Action" in in_address:
        fields = in_address | (_fields(request.body.decode("ascii", "replace")) if is_form else {})
        return Query(fields, as_json="application/json" in request.headers.get("accept", ""))
    return AwsJson(request.headers.get("x-amz-target", ""), request.body)


def _fields(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, max_num_fields=_MAX_FIELDS))
    except ValueError:
        return {}  # too many fields


@attrs.frozen
class AwsJson:
    """The protocol of Cognito: AwsJson 1.1."""

    service: ClassVar[str] = COGNITO

    target: str
    body: bytes = attrs.field(repr=False)

    @property
    def operation(self) -> str:
        service, _, operation = self.target.rpartition(".")
        return operation if service == _TARGET else ""

    def members(self) -> dict[str, Any]:
        try:
            members: Any = json.loads(self.body)
        except (ValueError, RecursionError):
            raise Refusal("SerializationException", "The body is not JSON") from None
        if not isinstance(members, dict):
            raise Refusal("SerializationException", "The body is not a JSON object")
        return cast("dict[str, Any]", members)

    def unknown(self) -> Refusal:
        if not self.target:
            why = "The request has no X-Amz-Target, which names the operation."
        elif not self.operation:
            why = f"X-Amz-Target names no operation of Cognito: {one_line(self.target)}"
        else:
            why = f"The emulator has no operation {one_line(self.operation)}."
        return Refusal("UnknownOperationException", why)

    def answer(self, result: Mapping[str, Any], request_id: str) -> Answer:
        headers = {"x-amzn-RequestId": request_id, "content-type": "application/x-amz-json-1.1"}
        return Answer(200, headers, _json(result))

    def refuse(self, refusal: Refusal, request_id: str) -> Answer:
        """Return an error, with the service's trailing colon in the error type."""
        member = "Message" if refusal.code in _AUTHENTICATION_ERRORS else "message"
        headers = {
            "x-amzn-RequestId": request_id,
            "x-amzn-ErrorType": f"{refusal.code}:",
            "x-amzn-ErrorMessage": _header(refusal.message),
            "content-type": "application/x-amz-json-1.1",
        }
        body = {"__type": refusal.code, member: refusal.message}
        return Answer(refusal.status, headers, _json(body))


@attrs.frozen
class Query:
    """
    The protocol of STS. Requests have fields in the body or the URL; responses are XML or JSON.

    Attributes:
        fields: The fields, by name.

        as_json: Whether the caller accepts JSON.
    """

    service: ClassVar[str] = STS

    fields: Mapping[str, str] = attrs.field(repr=False)
    as_json: bool = False

    @property
    def operation(self) -> str:
        return self.fields.get("Action", "")

    def members(self) -> dict[str, Any]:
        return dict(self.fields)

    def unknown(self) -> Refusal:
        version = self.fields.get("Version")
        why = f"Could not find operation {one_line(self.operation)} for version {version}"
        return Refusal("InvalidAction", why)

    def answer(self, result: Mapping[str, Any], request_id: str) -> Answer:
        metadata = {"RequestId": request_id}
        name = self.operation
        members = {f"{name}Result": result, "ResponseMetadata": metadata}
        return self._answer(200, f"{name}Response", members, request_id)

    def refuse(self, refusal: Refusal, request_id: str) -> Answer:
        code, status = refusal.code, refusal.status
        if isinstance(refusal, AuthenticationRefusal):
            code, status = _IN_QUERY[code]
        error = {
            "Type": "Sender" if status < 500 else "Receiver",
            "Code": code,
            "Message": refusal.message,
        }
        members = {"Error": error, "RequestId": request_id}
        return self._answer(status, "ErrorResponse", members, request_id)

    def _answer(
        self, status: int, name: str, members: Mapping[str, Any], request_id: str
    ) -> Answer:
        headers = {"x-amzn-RequestId": request_id}
        if self.as_json:
            # In JSON, only a successful response is nested under its name.
            body = _json({name: members} if status == 200 else members)
            return Answer(status, headers | {"content-type": "application/json"}, body)
        root = ET.Element(name, xmlns=STS_NAMESPACE)
        _fill(root, members)
        return Answer(status, headers | {"content-type": "text/xml"}, ET.tostring(root))


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, default=datetime.timestamp).encode()


def _fill(element: ET.Element, members: Mapping[str, Any]) -> None:
    for name, value in members.items():
        child = ET.SubElement(element, name)
        if isinstance(value, Mapping):
            _fill(child, cast("Mapping[str, Any]", value))
        elif isinstance(value, datetime):
            child.text = f"{value:%Y-%m-%dT%H:%M:%SZ}"
        else:
            child.text = _NOT_FOR_XML.sub("?", str(value))


def _header(text: str) -> str:
    """Reduce a text to the characters and the length that headers and clients support."""
    return _NOT_FOR_HEADERS.sub("?", " ".join(text.split()))[:1000]
