"""A service that takes OIDC tokens. It verifies them with PyJWT and the emulator's keys."""

import io
import json
import urllib.request
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import attrs
import jwt as pyjwt
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from certificates import Certificate
from cognito_devtoken.cli import main


@attrs.frozen
class RelyingParty:
    """
    Accepts tokens of one issuer, audience and subject.

    Attributes:
        keys_url: Where the public keys are.
    """

    keys_url: str
    issuer: str
    audience: str
    subject: str

    def verify(self, token: str) -> None:
        """
        Verify a token.

        Raises:
            pyjwt.InvalidTokenError: If the token is not acceptable.
        """
        with urllib.request.urlopen(self.keys_url) as answer:
            keys = {key.key_id: key.key for key in pyjwt.PyJWKSet(json.load(answer)["keys"]).keys}
        key: Any = keys[pyjwt.get_unverified_header(token)["kid"]]
        claims = pyjwt.decode(
            token,
            key,
            ["RS512"],
            {"require": ["iss", "aud", "sub", "iat", "exp"]},
            issuer=self.issuer,
            audience=self.audience,
        )
        if claims["sub"] != self.subject:
            raise pyjwt.InvalidTokenError("another subject")


def configuration_for(service: str, token: str, folder: Path) -> str:
    """Return what ``inspect --for`` prints for a service."""
    path = folder / "token"
    path.write_text(token)
    with redirect_stdout(io.StringIO()) as out:
        assert main(["inspect", "--for", service, f"file://{path}"]) == 0
    return out.getvalue()


@contextmanager
def serving_tls(
    certificate: Certificate, routes: Mapping[str, Callable[[Request], Response]]
) -> Generator[HTTPServer]:
    """Run a server with HTTPS. Each path has a function that responds."""
    with HTTPServer("127.0.0.1", ssl_context=certificate.context()) as server:
        for path, respond in routes.items():
            server.expect_request(path).respond_with_handler(respond)
        yield server


def json_response(document: Any, status: int = 200) -> Response:
    return Response(json.dumps(document), status, content_type="application/json")
