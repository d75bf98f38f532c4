"""``inspect --for``: prints what to configure where the token is to be accepted."""

import json
import shlex
import sys
from typing import Any

import pytest
from ruamel.yaml import YAML
from terminals import piped

from calling import ask, jwt
from cognito_devtoken.cli import main
from cognito_devtoken.emulator import Emulator


POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
IDENTITY_ID = "us-east-1:dec4106a-0f05-5c0a-b270-66e3e599174d"
ISSUER = "https://cognito-identity.amazonaws.com"
USER = "canary-user-id"
NAME = "cognito-us-east-1-dec4106a-0f05-5c0a-b270-66e3e599174d"
SERVICES = ["entra", "vault", "kubernetes"]


def token(**changes: Any) -> str:
    amr = ["authenticated", "login.example.com", f"login.example.com:{POOL_ID}:{USER}"]
    claims = {"sub": IDENTITY_ID, "aud": POOL_ID, "iss": ISSUER, "amr": amr}
    return jwt(**claims | {"iat": 1_700_000_000, "exp": 1_700_000_900} | changes)


@pytest.fixture
def printed_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """A function that returns what the command prints for a service, and a token on its stdin."""

    def printed(service: str, text: str | None = None) -> str:
        monkeypatch.setattr(sys, "stdin", piped(token() if text is None else text))
        assert main(["inspect", "--for", service]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return printed


def test_entra_gets_a_federated_credential(printed_for: Any) -> None:
    assert json.loads(printed_for("entra")) == {
        "name": NAME,
        "issuer": ISSUER,
        "subject": IDENTITY_ID,
        "audiences": [POOL_ID],
    }
    assert len(NAME) <= 120


def test_vault_gets_commands_for_the_keys_and_a_role(printed_for: Any) -> None:
    words = shlex.split(printed_for("vault").replace("\\\n", ""))

    second = words.index("vault", 1)
    assert words[:second] == [
        *("vault", "write", "auth/jwt/config"),
        f"jwks_url={ISSUER}/.well-known/jwks_uri",
        f"bound_issuer={ISSUER}",
        "jwt_supported_algs=RS512",
    ]
    assert words[second:] == [
        *("vault", "write", f"auth/jwt/role/{NAME}"),
        "role_type=jwt",
        "user_claim=sub",
        f"bound_audiences={POOL_ID}",
        f"bound_subject={IDENTITY_ID}",
    ]


def test_kubernetes_gets_a_configuration_that_pins_audience_and_subject(printed_for: Any) -> None:
    found = YAML(typ="safe").load(printed_for("kubernetes"))

    assert found["apiVersion"] == "apiserver.config.k8s.io/v1"
    assert found["kind"] == "AuthenticationConfiguration"
    (authenticator,) = found["jwt"]
    assert authenticator["issuer"] == {"url": ISSUER, "audiences": [POOL_ID]}
    assert [rule["expression"] for rule in authenticator["claimValidationRules"]] == [
        f'claims.aud == "{POOL_ID}"',
        f'claims.sub == "{IDENTITY_ID}"',
    ]
    assert authenticator["claimMappings"] == {"username": {"claim": "sub", "prefix": "cognito:"}}


def test_in_china_the_names_are_those_of_the_region(printed_for: Any) -> None:
    issuer = "https://cognito-identity.cn-north-1.amazonaws.com.cn"
    sub, aud = (each.replace("us-east-1", "cn-north-1") for each in (IDENTITY_ID, POOL_ID))

    out = printed_for("vault", token(sub=sub, aud=aud, iss=issuer))

    assert f" jwks_url={issuer}/.well-known/jwks_uri " in out
    assert f" bound_issuer={issuer} " in out
    assert f" bound_subject={sub}" in out


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_printed_of_the_token_or_the_user_id(service: str, printed_for: Any) -> None:
    text = token()
    out = printed_for(service, json.dumps({"IdentityId": IDENTITY_ID, "Token": text}))

    assert USER not in out
    assert not any(part in out for part in text.split("."))


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": "https://accounts.google.com"}, f"its iss is not {ISSUER}."),
        ({"iss": f"{ISSUER}/canary"}, f"its iss is not {ISSUER}."),
        ({"aud": "canary; rm -rf /"}, "its aud is not the id of an identity pool, REGION:GUID."),
        ({"aud": [POOL_ID]}, "its aud is not the id of an identity pool, REGION:GUID."),
        ({"sub": 'us-east-1:0" || true'}, "its sub is not the id of an identity, REGION:GUID."),
        ({"sub": f"{IDENTITY_ID}\n"}, "its sub is not the id of an identity, REGION:GUID."),
        ({"sub": "us-east-1:" + "0" * 46}, "its sub is not the id of an identity, REGION:GUID."),
    ],
)
def test_a_token_that_is_not_cognitos_is_refused(
    service: str,
    changes: dict[str, Any],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", piped(token(**changes)))

    assert main(["inspect", "--for", service]) == 252

    out, err = capsys.readouterr()
    assert out == ""
    assert f"This token is not from a Cognito identity pool: {why}\n" in err
    assert "canary" not in err


@pytest.mark.parametrize("words", [["--for", "google"], ["--for=google"]])
def test_google_is_refused_with_the_reason(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", *words]) == 252

    out, err = capsys.readouterr()
    assert out == ""
    assert "Google Cloud does not accept Cognito's tokens: " in err
    assert "RS256 or ES256, and Cognito signs with RS512.\n" in err
    assert "sts:GetWebIdentityToken" in err


def test_an_unknown_service_is_answered_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["inspect", "--for", "vaulty"]) == 252

    assert "expected one of entra, vault, kubernetes\n" in capsys.readouterr().err


@pytest.mark.parametrize("service", SERVICES)
def test_a_genuine_token_can_be_verified_first(
    service: str, cognito: Any, emulator: Emulator, printed_for: Any
) -> None:
    answer = ask(cognito)

    assert answer["IdentityId"] in printed_for(service, answer["Token"])
    arguments = ["inspect", "--for", service, "--jwks", emulator.jwks_uri, answer["Token"]]
    assert main(arguments) == 0


def test_a_forged_token_is_refused_if_it_is_verified(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", piped(token()))

    assert main(["inspect", "--for", "entra", "--jwks", emulator.jwks_uri]) == 255

    out, err = capsys.readouterr()
    assert out == ""
    assert "NOT verified" in err
