"""``inspect``: explains a token and verifies it, without showing the token itself."""

import json
import os
import pty
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from math import ceil, floor
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from cli_process import COMMAND
from terminals import Terminal, piped

from calling import ask, jwt
from cognito_devtoken.cli import main
from cognito_devtoken.cli.inspect import _span
from cognito_devtoken.emulator import Emulator
from patience import PATIENCE
from pools import POOL


POOL_ID = POOL.identity_pool_id


@pytest.fixture
def token(cognito: Any) -> str:
    answer = ask(cognito, PrincipalTags={"team": "blue"}, TokenDuration=3600)
    return str(answer["Token"])


@pytest.fixture
def keys(emulator: Emulator) -> str:
    return emulator.jwks_uri


@pytest.fixture
def forged() -> str:
    """A token that no service has issued."""
    return jwt(**claims())


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"sub": "eu-central-1:0", "aud": POOL_ID, "iat": now, "exp": now + 900} | changes


class TestExplanation:
    def test_it_explains_the_token_without_showing_it(
        self, token: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        expires = pyjwt.decode(token, options={"verify_signature": False})["exp"]
        before = time.time()
        assert main(["inspect", token]) == 0
        after = time.time()

        out, err = capsys.readouterr()
        lines = out.splitlines()
        assert lines[0].startswith("identity      eu-central-1:")
        assert lines[1] == f"identity pool {POOL_ID}  (aud)"
        assert "issuer        https://cognito-identity.amazonaws.com  (iss)" in lines
        assert "auth methods  authenticated: the user has logged in  (amr)" in lines
        assert "              login.example.com: a provider of the pool" in lines
        assert "              login.example.com: your user user-42" in lines
        assert 'tags          {"team": ["blue"]}' in lines
        left, _, rest = lines[-2].removeprefix("lifetime      ").partition(" left of ")
        seconds = range(floor(expires - after), ceil(expires - before) + 1)
        assert left in map(_span, seconds)
        assert rest == "1 h 0 min, by this machine's clock"
        assert lines[-1] == "verified      no (use --verify)"
        assert err == ""
        assert not any(part in out for part in token.split("."))

    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"exp": 1_700_000_000, "iat": 1_699_999_000}, "EXPIRED "),
            ({"exp": 1_700_000_000}, "expires       2023-11-14 22:13:20 UTC  (exp)"),
            ({"iat": 9_000_000_000, "exp": 9_000_000_900}, "lifetime      starts in"),
            ({"exp": "soon"}, "expires       soon  (exp)\nlifetime      unknown"),
            ({"exp": True}, "expires       true  (exp)\nlifetime      unknown"),
            ({"iat": 1e300}, "issued        1e+300  (iat)"),
            ({"amr": ["unauthenticated"]}, "unauthenticated: a guest  (amr)"),
            ({"amr": ["odd"]}, "auth methods  odd: unknown state"),
            ({"amr": None}, "auth methods  null  (amr)"),
            ({"amr": []}, "auth methods  []  (amr)"),
            (
                {"amr": ["authenticated", "arn:aws:iam::1:oidc-provider/x:OIDC:me"]},
                "arn:aws:iam::1:oidc-provider/x: its user me",
            ),
            (
                {"https://cognito-identity.cn-north-1.amazonaws.com.cn/identity-pool-arn": "arn:x"},
                f"identity pool {POOL_ID}  (aud)\n              arn:x\nissuer",
            ),
            ({"https://aws.amazon.com/tags": 1}, "verified"),
            ({"nonce": ["\x1b[2J", "ä"]}, 'nonce         ["\\u001b[2J", "ä"]'),
            ({"sub": "\x1b[2J"}, "identity      \\x1b[2J  (sub)"),
        ],
    )
    def test_unusual_claims_are_shown_escaped(
        self, changes: dict[str, Any], text: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["inspect", jwt(**claims(**changes))]) == 0

        out = capsys.readouterr().out
        assert text in out
        assert "\x1b" not in out

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("canary", "Not a JWT"),
            ("", "Standard input is empty"),
            ("{}", 'Expected a JSON object with a "Token".'),
            ("{canary", 'Expected a JSON object with a "Token".'),
            ('{"Token":' + "[" * 100_000, 'Expected a JSON object with a "Token".'),
            ("eyJhIjogMX0.canary.x", "The claims of the token cannot be read."),
        ],
    )
    def test_input_that_is_not_a_token_is_refused_and_not_shown(
        self,
        text: str,
        why: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(sys, "stdin", piped(text))

        assert main(["inspect", "-"]) == 252

        err = capsys.readouterr().err
        assert why in err
        assert "canary" not in err

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(0, "0 s"), (59.7, "1 min 0 s"), (3599, "59 min 59 s"), (86_400, "24 h 0 min")],
    )
    def test_durations_are_shown_in_at_most_two_units(self, seconds: float, text: str) -> None:
        assert _span(seconds) == text

    @pytest.mark.parametrize(
        ("issued_ago", "bar"), [(0, "●" + "─" * 44), (2_000_000, "·" * 44 + "●")]
    )
    def test_a_terminal_shows_the_life_as_a_bar(
        self, issued_ago: int, bar: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "60")
        issued = int(time.time()) - issued_ago
        with redirect_stdout(Terminal()) as terminal:
            assert main(["inspect", jwt(**claims(iat=issued, exp=issued + 1_000_000))]) == 0

        assert terminal.text.splitlines()[-2] == " " * 14 + bar


class TestSources:
    def test_it_accepts_the_output_of_get_token(
        self, forged: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        answer = json.dumps({"IdentityId": "x", "Token": forged})
        (tmp_path / "token").write_text(answer)
        for arguments in ([], ["-"], [f"file://{tmp_path}/token"]):
            monkeypatch.setattr(sys, "stdin", piped(answer))
            assert main(["inspect", *arguments]) == 0

    @pytest.mark.external
    def test_a_terminal_prompts_without_echo_and_shows_the_life_as_a_bar(self, token: str) -> None:
        ours, theirs = pty.openpty()
        environ = os.environ | {"COLUMNS": "60", "PYTHONIOENCODING": "utf-8"}
        with subprocess.Popen(
            [*COMMAND, "inspect"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environ,
            start_new_session=True,
        ) as process:
            os.close(theirs)
            shown = read_until(ours, b"(input is hidden): ")
            # A terminal takes no longer line than 4,095 bytes, and a token has fewer.
            os.write(ours, token.encode() + b"\n")
            shown += read_until(ours, b"use --verify")
            process.wait(PATIENCE)
        os.close(ours)

        text = shown.decode()
        assert process.returncode == 0
        assert not any(part in text for part in token.split("."))
        assert "●" + "─" * 44 in text

    @pytest.mark.external
    @pytest.mark.parametrize(
        ("typed", "why"), [(b"\x04", "is empty"), (b"canary\xff\n", "cannot be decoded")]
    )
    def test_what_is_no_text_is_refused_at_the_prompt(self, typed: bytes, why: str) -> None:
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [*COMMAND, "inspect"],
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONIOENCODING": "utf-8"},
            start_new_session=True,
        ) as process:
            os.close(theirs)
            assert process.stderr
            shown = process.stderr.read(1)
            os.write(ours, typed)
            shown += process.stderr.read()
            process.wait(PATIENCE)
        os.close(ours)

        text = shown.decode()
        assert process.returncode == 252
        assert f"Error parsing parameter 'TOKEN': Standard input {why}\n" in text
        assert "canary" not in text


def read_until(descriptor: int, text: bytes) -> bytes:
    shown = b""
    while text not in shown:
        shown += os.read(descriptor, 4096)
    return shown


def greet(server: socket.socket) -> None:
    """Answer one request with something that is not HTTP."""
    server.settimeout(PATIENCE)
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"220 ready for mail\r\n")


class TestVerification:
    def test_a_genuine_token_is_verified_with_the_services_keys(
        self,
        token: str,
        emulator: Emulator,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url + "/")

        assert main(["inspect", token, "--verify"]) == 0

        last = capsys.readouterr().out.splitlines()[-1]
        assert last == ("verified      RS512 by key eu-central-1-1; pool not checked")

    def test_a_token_is_verified_with_a_given_key_set(
        self, token: str, keys: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        import urllib.request

        with urllib.request.urlopen(keys) as answer:
            key_set = json.load(answer)
        for key in key_set["keys"]:
            # As observed in Cognito's own keys.
            key["n"] = key["n"].replace("-", "+").replace("_", "/") + "=="
        key_set["keys"].append(
            {"kty": "oct", "k": "c29tZXRoaW5nIGVsc2UgYWx0b2dldGhlcg", "kid": "b"}
        )
        (tmp_path / "keys").write_text(json.dumps(key_set))

        for source in (keys, str(tmp_path / "keys"), f"file://{tmp_path}/keys"):
            assert main(["inspect", token, "--jwks", source, "--identity-pool-id", POOL_ID]) == 0
            assert "by key eu-central-1-1; pool matches\n" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("change", "arguments", "why"),
        [
            (lambda token: token[:-9] + "A" * 9, [], "The token is NOT verified by the keys of"),
            (lambda token: jwt(**claims()), [], "The token is NOT verified by the keys of"),
            (str, ["--identity-pool-id", "us-east-1:0"], "for ANOTHER identity pool."),
        ],
    )
    def test_a_forged_or_foreign_token_is_refused(
        self,
        change: Callable[[str], str],
        arguments: list[str],
        why: str,
        token: str,
        keys: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert main(["inspect", change(token), "--jwks", keys, *arguments]) == 255

        err = capsys.readouterr().err
        assert why in err
        assert not any(part in err for part in token.split("."))

    @pytest.mark.parametrize("expires", [1_700_000_000, None])
    def test_an_expired_token_is_refused(
        self, expires: int | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(65537, 2048)
        public = pyjwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        (tmp_path / "keys").write_text(json.dumps({"keys": [public | {"kid": "a", "use": "sig"}]}))
        text = pyjwt.encode(claims(exp=expires), key, "RS512", {"kid": "a"})

        assert main(["inspect", text, "--jwks", str(tmp_path / "keys")]) == 255
        assert "the token has EXPIRED" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("source", "why"),
        [
            ("http://127.0.0.1:1/keys", "Cannot read keys from http://127.0.0.1:1/keys: "),
            ("http://me:canary@127.0.0.1:1/", "keys from http://<hidden>@127.0.0.1:1/: "),
            ("ftp://me:canary@localhost/", "keys from ftp://<hidden>@localhost/: No such"),
            ("", "Cannot read keys from : Is a directory"),
            ("/nowhere/keys", "Cannot read keys from /nowhere/keys: No such file or directory"),
            ("/no\0where", "Cannot read keys from /no\\x00where: ValueError"),
            ("{folder}/keys", "NOT verified by the keys of"),
            ("{folder}/number", "NOT verified by the keys of"),
            ("{folder}/deep", "NOT verified by the keys of"),
        ],
    )
    def test_unavailable_or_invalid_keys_are_reported(
        self, source: str, why: str, forged: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "keys").write_text("[]")
        (tmp_path / "number").write_text('{"keys": [5]}')
        (tmp_path / "deep").write_text("[" * 100_000)

        assert main(["inspect", forged, "--jwks", source.format(folder=tmp_path)]) == 255

        err = capsys.readouterr().err
        assert why in err
        assert "canary" not in err

    def test_a_server_that_does_not_speak_http_is_reported(
        self, token: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
            with ThreadPoolExecutor(1) as threads:
                greeting = threads.submit(greet, server)
                assert main(["inspect", token, "--jwks", url]) == 255
                greeting.result()

        assert f"Cannot read keys from {url}: Connection was closed" in capsys.readouterr().err

    @pytest.mark.parametrize("url", ["http://[", "https:///keys", "http://me:canary@/keys"])
    def test_an_invalid_url_of_keys_is_a_wrong_argument(
        self, url: str, forged: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["inspect", forged, "--jwks", url]) == 252

        err = capsys.readouterr().err
        assert "Bad value for --jwks: " in err
        assert "canary" not in err

    def test_a_pool_is_only_checked_together_with_the_signature(
        self, forged: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["inspect", forged, "--identity-pool-id", POOL_ID]) == 252
        out, err = capsys.readouterr()
        assert out == ""
        assert "--identity-pool-id requires --verify or --jwks.\n" in err

    def test_a_missing_extra_is_named(
        self, forged: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setitem(sys.modules, "joserfc", None)

        assert main(["inspect", forged, "--verify"]) == 253
        assert "pip install 'cognito-devtoken[cli]'" in capsys.readouterr().err
