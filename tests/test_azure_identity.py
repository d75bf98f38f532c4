"""azure-identity and msal exchange a user's token for one of Entra, against a stub of Entra."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from werkzeug import Request, Response

from certificates import Certificate
from cognito_devtoken import AsyncTokenSession, DevTokenClient, TokenSession
from cognito_devtoken.emulator import Emulator
from cognito_devtoken.exceptions import TokenUnavailableError
from gates import gated
from pools import POOL
from relying_party import RelyingParty, configuration_for, json_response, serving_tls


azure = pytest.importorskip("azure.identity", reason="azure-identity is not installed")
aio = pytest.importorskip("azure.identity.aio", reason="azure-identity is not installed")
msal = pytest.importorskip("msal", reason="msal is not installed")

pytestmark = pytest.mark.external

TENANT, CLIENT_ID, SCOPE = "11111111-2222-4333-8444-555555555555", "the-app", "https://app/.default"
ClientAssertionCredential = azure.ClientAssertionCredential
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ACCESS_TOKEN = "entra-access-token"


# docs/assertions.md shows these two.
def get_access_token(session: TokenSession, **options: Any) -> str:
    assertion = session.assertion("user-42", min_remaining=60)
    with ClientAssertionCredential(TENANT, CLIENT_ID, assertion, **options) as credential:
        token: str = credential.get_token(SCOPE).token
        return token


async def get_access_token_on_a_loop(session: AsyncTokenSession, **options: Any) -> str:
    assertion = session.assertion("user-42")
    async with aio.ClientAssertionCredential(TENANT, CLIENT_ID, assertion, **options) as credential:
        await session.get_token("user-42")  # so that a token is cached
        token = await credential.get_token(SCOPE)
        return str(token.token)


class Entra:
    """
    Entra as far as a client credential goes.

    Attributes:
        credential: What the federated credential of the app accepts.

        accepted: The assertions that were accepted.
    """

    def __init__(self) -> None:
        self.credential: RelyingParty | None = None
        self.accepted: list[str] = []
        self.url = ""

    def trust(self, emulator: Emulator, configuration: str) -> None:
        """Take a federated credential, as Microsoft Graph does."""
        document = json.loads(configuration)
        (audience,) = document["audiences"]
        self.credential = RelyingParty(
            emulator.jwks_uri, document["issuer"], audience, document["subject"]
        )

    def give_token(self, request: Request) -> Response:
        form = request.form
        assert form["grant_type"] == "client_credentials"
        assert form["client_id"] == CLIENT_ID
        assert form["client_assertion_type"] == JWT_BEARER
        assert form["scope"] == SCOPE
        assert self.credential
        try:
            self.credential.verify(form["client_assertion"])
        except pyjwt.InvalidTokenError:
            error = {"error": "invalid_client", "error_description": "AADSTS700213: no match"}
            return json_response(error | {"error_codes": [700213]}, 401)
        self.accepted.append(form["client_assertion"])
        return json_response(
            {"token_type": "Bearer", "expires_in": 3599, "access_token": ACCESS_TOKEN}
        )

    def discover(self, request: Request) -> Response:
        base = f"{self.url}/{TENANT}"
        return json_response(
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
            }
        )


@pytest.fixture
def entra(certificate: Certificate) -> Iterator[Entra]:
    entra = Entra()
    routes = {
        f"/{TENANT}/oauth2/v2.0/token": entra.give_token,
        f"/{TENANT}/v2.0/.well-known/openid-configuration": entra.discover,
    }
    with serving_tls(certificate, routes) as server:
        entra.url = server.url_for("").rstrip("/")
        yield entra
        server.check_assertions()


@pytest.fixture
def options(entra: Entra, certificate: Certificate) -> dict[str, Any]:
    """The arguments with which azure-identity calls the stub, once."""
    return {
        "authority": entra.url.removeprefix("https://"),
        "disable_instance_discovery": True,
        "connection_verify": str(certificate.path),
        "retry_total": 0,
    }


@pytest.fixture
def session(client: DevTokenClient) -> Iterator[TokenSession]:
    with TokenSession(
        POOL.identity_pool_id, developer_provider=POOL.developer_provider, client=client
    ) as session:
        yield session


def new_async_session(emulator: Emulator) -> AsyncTokenSession:
    return AsyncTokenSession(
        POOL.identity_pool_id,
        developer_provider=POOL.developer_provider,
        client=DevTokenClient(endpoint_url=emulator.endpoint_url),
    )


@pytest.fixture
def _trusted(entra: Entra, emulator: Emulator, session: TokenSession, tmp_path: Path) -> None:
    """Entra accepts user-42."""
    token = session.get_token("user-42")
    entra.trust(emulator, configuration_for("entra", token.token, tmp_path))


@pytest.mark.usefixtures("_trusted")
class TestSync:
    def test_the_users_token_is_exchanged_for_an_access_token(
        self, entra: Entra, session: TokenSession, options: dict[str, Any]
    ) -> None:
        assert get_access_token(session, **options) == ACCESS_TOKEN

        assert entra.accepted == [session.get_token("user-42").token]

    def test_the_access_token_is_kept(
        self, entra: Entra, session: TokenSession, options: dict[str, Any]
    ) -> None:
        assertion = session.assertion("user-42")
        with ClientAssertionCredential(TENANT, CLIENT_ID, assertion, **options) as credential:
            for _ in range(2):
                assert credential.get_token(SCOPE).token == ACCESS_TOKEN

        assert len(entra.accepted) == 1

    def test_another_user_is_refused_and_no_message_shows_the_token(
        self,
        session: TokenSession,
        options: dict[str, Any],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        assertion = session.assertion("ana")
        with ClientAssertionCredential(TENANT, CLIENT_ID, assertion, **options) as credential:
            with pytest.raises(Exception, match="AADSTS700213") as caught:
                credential.get_token(SCOPE)

        assert "azure" in caplog.text
        token = session.get_token("ana").token
        assert token not in str(caught.value)
        assert token not in caplog.text

    def test_msal_takes_the_function_too(
        self,
        entra: Entra,
        session: TokenSession,
        certificate: Certificate,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # each would replace its *verify*
            monkeypatch.delenv(name, raising=False)
        app = msal.ConfidentialClientApplication(
            CLIENT_ID,
            {"client_assertion": session.assertion("user-42")},
            authority=f"{entra.url}/{TENANT}",
            instance_discovery=False,
            verify=str(certificate.path),
        )

        assert app.acquire_token_for_client([SCOPE])["access_token"] == ACCESS_TOKEN
        assert entra.accepted == [session.get_token("user-42").token]


@pytest.mark.usefixtures("_trusted")
class TestAsync:
    def test_the_cached_token_is_exchanged_for_an_access_token(
        self, entra: Entra, emulator: Emulator, options: dict[str, Any]
    ) -> None:
        async def main() -> str:
            async with new_async_session(emulator) as session:
                assert await get_access_token_on_a_loop(session, **options) == ACCESS_TOKEN
                return (await session.get_token("user-42")).token

        assert [asyncio.run(main())] == entra.accepted

    def test_without_a_cached_token_the_loop_goes_on_while_the_token_is_fetched(
        self, entra: Entra, options: dict[str, Any]
    ) -> None:
        async def main(emulator: Emulator, open_gate: Any) -> None:
            async with new_async_session(emulator) as session:
                assertion = session.assertion("user-42")
                async with aio.ClientAssertionCredential(
                    TENANT, CLIENT_ID, assertion, **options
                ) as credential:
                    # Cognito does not answer before this loop opens the gate.
                    with pytest.raises(TokenUnavailableError, match="does not wait"):
                        await credential.get_token(SCOPE)
                    assert session.stats().in_flight == 1
                    open_gate()
                    await session.get_token("user-42")
                    assert (await credential.get_token(SCOPE)).token == ACCESS_TOKEN
                assert session.stats().fetches_started == 1

        with gated(POOL) as (emulator, gate):
            assert entra.credential
            entra.credential = RelyingParty(
                emulator.jwks_uri,
                entra.credential.issuer,
                entra.credential.audience,
                entra.credential.subject,
            )
            asyncio.run(main(emulator, gate.open))
