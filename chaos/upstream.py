"""A Cognito on loopback that fails on request, and sees which calls are in the air."""

import asyncio
import base64
import json
import re
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import attrs

from .checker import Overlap


POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
PROVIDER = "login.example.com"
_DEFAULT_DURATION = 900
# How long an answer takes if nothing is wrong, in seconds.
_LATENCY = (0.002, 0.04)
# Which share of the answers fails while no trouble lasts.
_SELDOM = 0.01
_FAULTS = ("throttling", "errors", "slow", "silent", "dripping", "cut", "garbage")
# Longer than any client waits.
_FOREVER = 120.0


@attrs.define(eq=False)
class Call:
    """
    A call in the air.

    Attributes:
        cache: The cache that makes it.

        user: The user that it is for.

        began: When it arrived.

        reader: Its connection.

        reported: Whether it is known to have lasted too long.
    """

    cache: str
    user: str
    began: float
    reader: asyncio.StreamReader
    reported: bool = False

    @property
    def given_up(self) -> bool:
        """Whether the client has closed the connection."""
        return self.reader.at_eof()


class Upstream:
    """
    The server.

    Attributes:
        troubles: The troubles that last now; "refused" is done by :meth:`refuse`.

        answers: How many answers of each kind there were.

        failing: Which share of the answers fails while a trouble lasts.

        healthy: Whether nothing fails, apart from calls that fail already.
    """

    def __init__(self, seed: int, on_overlap: Callable[[Overlap], None]) -> None:
        self.troubles: set[str] = set()
        self.answers: Counter[str] = Counter()
        self.failing = 0.6
        self.healthy = False
        self._random = Random(f"{seed}/upstream")
        self._on_overlap = on_overlap
        self._in_air: defaultdict[tuple[str, bytes], set[Call]] = defaultdict(set)
        self._connections: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._serial = 0
        self._server: asyncio.Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def calls(self) -> list[Call]:
        """Return the calls in the air."""
        return [call for calls in self._in_air.values() for call in calls if not call.given_up]

    async def start(self) -> None:
        """Listen, always on the same port."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Refuse connections, and break off those that there are."""
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def stop(self) -> None:
        """Refuse connections, and wait until those that there are have ended."""
        self.refuse()
        await asyncio.gather(*self._connections)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection
        self._connections.add(connection)
        self._writers.add(writer)
        try:
            # Swallowed, because asyncio logs a cancelled connection as an error.
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while not writer.is_closing():
                    await self._serve(reader, writer)
        finally:
            self._connections.discard(connection)
            self._writers.discard(writer)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        body = await reader.readexactly(int(_field(r"content-length: *(\d+)", head)))
        process = _field(r"credential=([^/]+)/", head)
        session = _field(r"user-agent:.* session/(\d+)", head)
        members = json.loads(body)
        call = Call(f"{process}/{session}", members["Logins"][PROVIDER], time.time(), reader)
        calls = self._in_air[call.cache, body]
        if calls:
            await self._compare(call, calls)
        calls.add(call)
        try:
            await self._answer(call, members, writer)
        finally:
            calls.discard(call)
            if not calls:
                self._in_air.pop((call.cache, body), None)

    async def _compare(self, call: Call, calls: set[Call]) -> None:
        """Report a call that arrives while another is in the air."""
        # The client may just have closed the other's connection. Both events may be in one round
        # of the event loop, in any order.
        for _ in range(2):
            await asyncio.sleep(0)
        for other in calls:
            if not other.given_up:
                self._on_overlap(Overlap(call.cache, call.user, other.began, call.began))

    async def _answer(
        self, call: Call, members: dict[str, Any], writer: asyncio.StreamWriter
    ) -> None:
        random = self._random
        troubles = [each for each in _FAULTS if each in self.troubles]
        fault = None
        if random.random() < (0 if self.healthy else self.failing if troubles else _SELDOM):
            fault = random.choice(troubles or _FAULTS)
        self.answers[fault or "token"] += 1
        await asyncio.sleep(random.uniform(*_LATENCY))
        match fault:
            case "throttling":
                refusal = b'{"__type":"TooManyRequestsException","message":"Rate exceeded"}'
                answer = _response(400, refusal)
            case "errors":
                answer = _response(random.choice((500, 502, 503)), random.choice(_ERRORS))
            case "garbage":
                answer = _response(random.choice((200, 400, 500)), _garbage(random))
            case "silent":
                await self._until_given_up(call, _FOREVER)
                answer = b""
            case "slow":
                await self._until_given_up(call, random.uniform(0.5, 8.0))
                answer = self._token(members)
            case _:
                answer = self._token(members)
        if fault == "dripping":
            await self._drip(call, answer, writer)
        else:
            if fault == "cut":
                answer = answer[: random.randrange(len(answer))]
            writer.write(answer)
            await writer.drain()
        if fault in ("cut", "silent"):
            writer.close()

    async def _until_given_up(self, call: Call, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await call.reader.read(1)  # nothing comes but the end of the connection

    async def _drip(self, call: Call, answer: bytes, writer: asyncio.StreamWriter) -> None:
        """Send an answer byte by byte, but for its head, so that no read times out."""
        pause = self._random.choice((0.002, 0.02, 1.0))
        begin = self._random.choice((0, answer.index(b"\r\n\r\n") + 4))
        writer.write(answer[:begin])
        for at in range(begin, len(answer)):
            if call.given_up or writer.is_closing():
                writer.close()
                return
            writer.write(answer[at : at + 1])
            await asyncio.sleep(pause)

    def _token(self, members: dict[str, Any]) -> bytes:
        """Return the answer to a request, issued now."""
        self._serial += 1
        user = members["Logins"][PROVIDER]
        identity_id = f"us-east-1:{uuid.uuid5(uuid.NAMESPACE_OID, user)}"
        issued = time.time()
        claims = {
            "sub": identity_id,
            "aud": POOL_ID,
            "amr": ["authenticated", PROVIDER, f"{PROVIDER}:{POOL_ID}:{user}"],
            "iss": "https://cognito-identity.amazonaws.com",
            "exp": int(issued) + members.get("TokenDuration", _DEFAULT_DURATION),
            "iat": int(issued),
            "issued": issued,
            "serial": self._serial,
        }
        header = {"kid": "chaos", "typ": "JWS", "alg": "RS512"}
        token = f"{_segment(header)}.{_segment(claims)}.{'A' * 342}"
        return _response(200, json.dumps({"IdentityId": identity_id, "Token": token}).encode())


_ERRORS = (
    b'{"__type":"InternalErrorException","message":"Down"}',
    b"<html><body>Bad gateway</body></html>",
    b"",
)


def _garbage(random: Random) -> bytes:
    return random.choice(
        (
            b"{",
            b"[]",
            b'{"IdentityId":null,"Token":7}',
            b'{"__type":"X\x1b[31m\x07","message":"\xe2\x80\xae\x1b]0;title\x07"}',
            b'{"message":"' + b"x" * 20_000 + b'"}',
            b"://" + b"a:" * 5_000,
        )
    )


def _response(status: int, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status} Any\r\nx-amzn-RequestId: {uuid.uuid4()}\r\n"
        f"content-type: application/x-amz-json-1.1\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _field(pattern: str, head: str) -> str:
    found = re.search(pattern, head, re.IGNORECASE)
    if found is None:
        raise ValueError(f"No {pattern} in {head!r}")
    return found[1]
