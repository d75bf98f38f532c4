"""Responses for AWS clients that are not sent anywhere, and a record of who signed the requests."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import attrs
from botocore.awsrequest import AWSResponse


KEY_ID = re.compile(r"(?:Credential=|AWSAccessKeyId=)([\w.-]+)")
BUCKET = "bucket"
EXPRESS_BUCKET = "bucket--use1-az4--x-s3"
PAGES = 3


def key_id_in(text: object) -> str | None:
    """Return the id of the access key in an Authorization header or a presigned URL."""
    found = KEY_ID.search(str(text).replace("%2F", "/"))
    return found and found[1]


@attrs.frozen
class Sent:
    """A request: its signer's key id, its operation and its URL."""

    key_id: str | None
    operation: str
    url: str
    headers: Any
    body: Any


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **kwargs: Any) -> Iterator[bytes]:
        yield self._body

    def read(self, amount: int | None = None) -> bytes:
        body, self._body = self._body, b""
        return body

    async def content(self) -> bytes:
        return self._body


Answer = tuple[int, dict[str, str], str]


class Service:
    """
    Stands in for all of AWS: a handler of botocore's before-send event.

    Attributes:
        sent: The requests so far.

        answers: What to respond to operations in place of the usual, one response each.
    """

    def __init__(self, make_response: Callable[..., Any] | None = None) -> None:
        self.sent: list[Sent] = []
        self.answers: dict[str, list[Answer]] = {}
        self._lock = threading.Lock()
        self._make_response = make_response or _response

    def __call__(self, request: Any, event_name: str, **kwargs: Any) -> Any:
        operation = event_name.rpartition(".")[2]
        key_id = key_id_in(request.headers.get("Authorization"))
        with self._lock:
            self.sent.append(Sent(key_id, operation, request.url, request.headers, request.body))
            waiting = self.answers.get(operation)
            answer = waiting.pop(0) if waiting else None
        status, headers, body = answer or _usual(operation, request.url, key_id)
        return self._make_response(request.url, status, headers, body.encode())

    def of(self, operation: str) -> list[Sent]:
        return [each for each in self.sent if each.operation == operation]


def _response(url: str, status: int, headers: dict[str, str], body: bytes) -> AWSResponse:
    given: Any = (url, status, headers, _Raw(body))
    return AWSResponse(*given)


def _usual(operation: str, url: str, key_id: str | None) -> Answer:
    if operation.startswith("ListObjects"):
        page = (
            int(found[1])
            if (found := re.search(r"(?:continuation-token|marker)=(\d+)", url))
            else 0
        )
        more = (
            f"<IsTruncated>true</IsTruncated><NextContinuationToken>{page + 1}"
            f"</NextContinuationToken><NextMarker>{page + 1}</NextMarker>"
            if page + 1 < PAGES
            else ""
        )
        text = f"<ListBucketResult>{more}<Contents><Key>{page}</Key></Contents></ListBucketResult>"
        return 200, {}, text
    if operation == "CreateMultipartUpload":
        return 200, {}, f"<R><UploadId>{key_id}</UploadId></R>"
    if operation == "UploadPart":
        return 200, {"ETag": '"part"'}, ""
    if operation == "CreateSession":
        return (
            200,
            {},
            f"<R><Credentials><AccessKeyId>express.{key_id}</AccessKeyId><SecretAccessKey>canary"
            f"</SecretAccessKey><SessionToken>canary-session.{key_id}</SessionToken>"
            "<Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></R>",
        )
    if operation == "DescribeEndpoints":
        return 200, {}, json.dumps({"Endpoints": [{"Address": "cell", "CachePeriodInMinutes": 9}]})
    if operation in ("CompleteMultipartUpload", "CopySnapshot"):
        return 200, {}, "<R></R>"
    return 200, {}, "" if "s3" in url else "{}"
