"""hvac logs in to Vault with a user's token, against a stub of Vault's auth method ``jwt``."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from werkzeug import Request, Response

from certificates import Certificate
from cognito_devtoken import DevTokenClient, TokenSession
from cognito_devtoken.emulator import Emulator
from pools import POOL
from relying_party import RelyingParty, configuration_for, json_response, serving_tls


hvac = pytest.importorskip("hvac", reason="hvac is not installed")

pytestmark = pytest.mark.external

ROLE = "app"
VAULT_TOKEN = "hvs.of-the-role"


@pytest.fixture
def session(client: DevTokenClient) -> Iterator[TokenSession]:
    with TokenSession(
        POOL.identity_pool_id, developer_provider=POOL.developer_provider, client=client
    ) as session:
        yield session


def relying_party(emulator: Emulator, configuration: str) -> RelyingParty:
    """Take the arguments of the ``vault write`` commands, but keys from the emulator."""
    words = shlex.split(configuration.replace("\\\n", ""))
    given = dict(word.split("=", 1) for word in words if "=" in word)
    assert given["jwks_url"] == f"{given['bound_issuer']}/.well-known/jwks_uri"
    return RelyingParty(
        emulator.jwks_uri, given["bound_issuer"], given["bound_audiences"], given["bound_subject"]
    )


@pytest.fixture
def vault(
    certificate: Certificate, emulator: Emulator, session: TokenSession, tmp_path: Path
) -> Iterator[Any]:
    """A client of a Vault in which the role accepts user-42."""
    token = session.get_token("user-42").token
    party = relying_party(emulator, configuration_for("vault", token, tmp_path))

    def log_in(request: Request) -> Response:
        document: Any = request.get_json()
        assert document["role"] == ROLE
        try:
            party.verify(document["jwt"])
        except pyjwt.InvalidTokenError:
            return json_response({"errors": ["error validating claims"]}, 400)
        return json_response({"auth": {"client_token": VAULT_TOKEN, "lease_duration": 3600}})

    with serving_tls(certificate, {"/v1/auth/jwt/login": log_in}) as server:
        client = hvac.Client(server.url_for("").rstrip("/"), verify=str(certificate.path))
        yield client
        client.adapter.close()
        server.check_assertions()


def test_the_users_token_logs_in(vault: Any, session: TokenSession) -> None:
    assertion = session.assertion("user-42")

    vault.auth.jwt.jwt_login(role=ROLE, jwt=assertion())

    assert vault.token == VAULT_TOKEN


def test_another_user_is_refused_and_the_message_does_not_show_the_token(
    vault: Any, session: TokenSession
) -> None:
    assertion = session.assertion("ana")

    with pytest.raises(hvac.exceptions.InvalidRequest, match="validating claims") as caught:
        vault.auth.jwt.jwt_login(role=ROLE, jwt=assertion())

    assert assertion() not in str(caught.value)
