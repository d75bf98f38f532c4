"""
The cheapest server for the operation: it answers every request with the same bytes.

The optional argument is the latency in seconds.
"""

import asyncio
import base64
import json
import sys
import time


POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
LATENCY = float(sys.argv[1]) if __name__ == "__main__" and len(sys.argv) > 1 else 0.0
IDENTITY_ID = "us-east-1:dec4106a-0f05-5c0a-b270-66e3e599174d"


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _answer() -> bytes:
    now = int(time.time())
    claims = {
        "sub": IDENTITY_ID,
        "aud": POOL_ID,
        "amr": ["authenticated", "login.example.com", f"login.example.com:{POOL_ID}:user-42"],
        "iss": "https://cognito-identity.amazonaws.com",
        "exp": now + 86_400,
        "iat": now,
    }
    signature = "A" * 342  # as long as an RS512 signature
    token = f"{_segment({'kid': 'a', 'typ': 'JWS', 'alg': 'RS512'})}.{_segment(claims)}.{signature}"
    body = json.dumps({"IdentityId": IDENTITY_ID, "Token": token}).encode()
    head = f"HTTP/1.1 200 OK\r\nx-amzn-RequestId: 1\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class _Server(asyncio.Protocol):
    answer = _answer()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.received.endswith(b"}"):  # the end of the JSON request
            self.received = b""
            loop = asyncio.get_running_loop()
            if LATENCY:
                loop.call_later(LATENCY, self.transport.write, self.answer)
            else:
                self.transport.write(self.answer)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(_Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
