"""The service's wire formats."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import attrs


_NOT_FOR_HEADERS = re.compile(r"[^\x20-\x7e]")
# https://www.w3.org/TR/xml/#charsets
_NOT_FOR_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SERVICE = "AWSCognitoIdentityService"
STS_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


# Authentication errors, which AWS raises in front of the service, have a member "Message".
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


class Refusal(Exception):
    """
    An error response of the service.

    Args:
        code: The error code.

        message: The text for the caller.

        status: The HTTP status: 400 for nearly everything, despite the API model.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message, status)
        self.code = code
        self.message = message
        self.status = status


@attrs.frozen
class Answer:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def is_query(headers: Mapping[str, str]) -> bool:
    """Return whether a request uses the protocol of STS, not of Cognito."""
    return "x-www-form-urlencoded" in headers.get("content-type", "")


def operation_of(headers: Mapping[str, str]) -> str:
    """Return the operation of a request in AwsJson, or "" if it is another service's."""
    service, _, operation = headers.get("x-amz-target", "").rpartition(".")
    return operation if service == _SERVICE else ""


def query_fields(body: bytes) -> dict[str, str]:
    """Parse a request in the query protocol of STS."""
    try:
        return dict(parse_qsl(body.decode("ascii", "replace"), max_num_fields=100))
    except ValueError:
        return {}  # too many fields


def json_answer(result: Mapping[str, Any], request_id: str) -> Answer:
    """Return a response in AwsJson 1.1."""
    headers = {"x-amzn-RequestId": request_id, "content-type": "application/x-amz-json-1.1"}
    return Answer(200, headers, json.dumps(result).encode())


def json_refusal(refusal: Refusal, request_id: str) -> Answer:
    """Return an error in AwsJson 1.1, with the service's trailing colon in the error type."""
    member = "Message" if refusal.code in _AUTHENTICATION_ERRORS else "message"
    headers = {
        "x-amzn-RequestId": request_id,
        "x-amzn-ErrorType": f"{refusal.code}:",
        "x-amzn-ErrorMessage": _header(refusal.message),
        "content-type": "application/x-amz-json-1.1",
    }
    body = {"__type": refusal.code, member: refusal.message}
    return Answer(refusal.status, headers, json.dumps(body).encode())


def query_answer(operation: str, result: Mapping[str, Any], request_id: str) -> Answer:
    """Return a response in the query protocol of STS."""
    root = ET.Element(f"{operation}Response", xmlns=STS_NAMESPACE)
    _fill(ET.SubElement(root, f"{operation}Result"), result)
    _fill(ET.SubElement(root, "ResponseMetadata"), {"RequestId": request_id})
    return _xml(200, root, request_id)


def query_refusal(refusal: Refusal, request_id: str) -> Answer:
    """Return an error in the query protocol of STS."""
    root = ET.Element("ErrorResponse", xmlns=STS_NAMESPACE)
    error = {
        "Type": "Sender" if refusal.status < 500 else "Receiver",
        "Code": refusal.code,
        "Message": refusal.message,
    }
    _fill(root, {"Error": error, "RequestId": request_id})
    return _xml(refusal.status, root, request_id)


def _xml(status: int, root: ET.Element, request_id: str) -> Answer:
    headers = {"x-amzn-RequestId": request_id, "content-type": "text/xml"}
    return Answer(status, headers, ET.tostring(root))


def _fill(element: ET.Element, members: Mapping[str, Any]) -> None:
    for name, value in members.items():
        child = ET.SubElement(element, name)
        if isinstance(value, Mapping):
            _fill(child, cast("Mapping[str, Any]", value))
        else:
            child.text = _NOT_FOR_XML.sub("?", str(value))


def _header(text: str) -> str:
    """Reduce a text to what a header can hold and a client reads."""
    return _NOT_FOR_HEADERS.sub("?", " ".join(text.split()))[:1000]
