"""``whois`` and ``erase``: find and delete the identity of a user."""

import io
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_arguments import NOWHERE, POOL_ID
from terminals import piped

from calling import ask
from cognito_devtoken._values.operations import DELETE, LOOKUP, UNLINK
from cognito_devtoken.cli import main
from cognito_devtoken.emulator import Emulator
from pools import POOL


pytestmark = [
    pytest.mark.external,
    pytest.mark.usefixtures("emulator_in_environment"),
]

USER = "canary-user"
PROVIDER = POOL.developer_provider
NAMED = ("--identity-pool-id", POOL_ID, "--logins", f"{PROVIDER}={USER}")
WHOIS = ["whois", *NAMED]
ERASE = ["erase", "--yes", *NAMED]


class Keyboard(io.StringIO):
    """Standard input from a terminal on which somebody types."""

    def isatty(self) -> bool:
        return True


def identities(emulator: Emulator) -> set[str]:
    return set(emulator._front.service.world.directory.identities)


@pytest.fixture
def identity_id(cognito: Any) -> str:
    return str(ask(cognito, {PROVIDER: USER})["IdentityId"])


class TestWhois:
    @pytest.mark.parametrize(
        ("options", "shown"),
        [
            ([], '{{\n    "IdentityId": "{}"\n}}\n'),
            (["--output", "text"], "{}\n"),
            (["--query", "IdentityId", "--output", "text"], "{}\n"),
            (["--output", "off"], ""),
        ],
    )
    def test_it_prints_the_identity(
        self,
        identity_id: str,
        options: list[str],
        shown: str,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert main([*WHOIS, *options]) == 0

        assert capsys.readouterr() == (shown.format(identity_id), "")

    def test_a_user_without_an_identity_is_an_error_and_gets_none(
        self, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(WHOIS) == 255

        out, err = capsys.readouterr()
        assert (out, identities(emulator)) == ("", set())
        assert err == (
            "\ncognito-devtoken: [ERROR]: The user has no identity in this identity pool.\n"
        )

    def test_an_error_of_the_service_names_the_operation(
        self, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        emulator.fail_next("AccessDeniedException", f"Not {USER}.", operation=LOOKUP)

        assert main(WHOIS) == 254

        assert capsys.readouterr().err == (
            "\ncognito-devtoken: [ERROR]: An error occurred (AccessDeniedException) when calling "
            f"the {LOOKUP} operation: Not <hidden>.\nAllow cognito-identity:{LOOKUP} for the AWS "
            "credentials that this application uses.\n"
        )

    def test_an_unknown_pool_is_an_error(self, capsys: pytest.CaptureFixture[str]) -> None:
        pool = ["--identity-pool-id", "us-east-1:0", "--logins", f"{PROVIDER}={USER}"]

        for command in ("whois", "erase"):
            assert main([command, *pool, *["--yes"] * (command == "erase")]) == 254
            assert "IdentityPool 'us-east-1:0' not found." in capsys.readouterr().err


class TestNamingAUser:
    def test_the_login_is_read_from_a_file_or_from_standard_input(
        self,
        identity_id: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        (tmp_path / "user").write_text(USER)
        text = json.dumps({"IdentityPoolId": POOL_ID, "Logins": {PROVIDER: USER}})
        (tmp_path / "all.json").write_text(text)
        pool = ["--identity-pool-id", POOL_ID]
        for words, typed in [
            ([*pool, "--logins", f"{PROVIDER}@=file://{tmp_path}/user"], ""),
            ([*pool, "--logins", "-"], f"{PROVIDER}={USER}\n"),
            (["--cli-input-json", f"file://{tmp_path}/all.json"], ""),
            (["--cli-input-yaml", "-"], text),
        ]:
            monkeypatch.setattr(sys, "stdin", piped(typed))

            assert main(["whois", *words, "--output", "text"]) == 0
            assert capsys.readouterr().out == f"{identity_id}\n"

    @pytest.mark.parametrize("command", ["whois", "erase"])
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ([], "the following arguments are required: --identity-pool-id, --logins"),
            (
                [*NAMED, "--logins", f"{PROVIDER}={USER},idp.example={USER}"],
                "Bad value for --logins: expected one login, not 2.",
            ),
            (
                [*NAMED, "--cli-input-json", '{"TokenDuration": 60, "IdentityId": "a:0"}'],
                "This command has no parameters IdentityId, TokenDuration.",
            ),
            (
                [*NAMED, "--logins", f"{PROVIDER}={'x' * 1025}"],
                f"Logins['{PROVIDER}'] must have 1 to 1024 characters, not 1025",
            ),
            (
                [*NAMED, "--logins", f"accounts.google.com={USER}"],
                "Logins['accounts.google.com'] must name the developer provider, not a public one",
            ),
            (
                [*NAMED, "--logins", f"cognito-idp.us-east-1.amazonaws.com/us-east-1_a={USER}"],
                "must name the developer provider, not a public one",
            ),
            ([*NAMED, "--logins", f"{PROVIDER}="], "must have 1 to 50000 characters, not 0"),
            ([*NAMED, "--identity-id", USER], "Unknown options: --identity-id, 1 argument"),
        ],
    )
    def test_anything_but_one_user_is_refused_before_a_call(
        self,
        command: str,
        words: list[str],
        message: str,
        emulator: Emulator,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert main([command, *words, *["--yes"] * (command == "erase")]) == 252

        err = capsys.readouterr().err
        assert message in err
        assert USER not in err
        assert not emulator.calls

    def test_the_debug_log_does_not_show_the_user(
        self, cognito: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for user in (USER, "canary-other"):
            ask(cognito, {PROVIDER: user, "idp.example": "ana"})

        assert main([*WHOIS, "--debug"]) == main([*ERASE, "--debug"]) == 0

        err = capsys.readouterr().err
        assert f"{LOOKUP} answered" in err
        assert f"{UNLINK} answered" in err
        assert "canary" not in err
        logging.getLogger().handlers.clear()


class TestErase:
    def test_it_deletes_the_identity_and_says_what_it_did(
        self, emulator: Emulator, cognito: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for user in (USER, "ana-old"):
            found = ask(cognito, {PROVIDER: user, "idp.example": "ana"})["IdentityId"]

        assert main(ERASE) == 0

        out, err = capsys.readouterr()
        assert json.loads(out) == {"DeletedIdentityIds": [found], "UnlinkedUserIdCount": 2}
        assert (err, identities(emulator)) == ("", set())
        assert main(ERASE) == 0
        assert json.loads(capsys.readouterr().out) == {
            "DeletedIdentityIds": [],
            "UnlinkedUserIdCount": 0,
        }

    @pytest.mark.parametrize(
        "options",
        [["--output", "text"], ["--output", "table"], ["--query", "DeletedIdentityIds[0]"]],
    )
    def test_it_prints_in_the_formats_of_the_other_commands(
        self, identity_id: str, options: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([*ERASE, *options]) == 0

        out = capsys.readouterr().out
        assert identity_id in out
        assert not out.startswith("{")

    @pytest.mark.parametrize("stdin", [piped(b"y\n"), None])
    def test_without_a_terminal_it_needs_yes(
        self,
        stdin: Any,
        identity_id: str,
        emulator: Emulator,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(sys, "stdin", stdin)

        assert main(["erase", *NAMED]) == 252

        assert capsys.readouterr().err == (
            "\ncognito-devtoken: [ERROR]: An error occurred (ParamValidation): Standard input is "
            "not a terminal, so erase cannot ask for confirmation.\nPass --yes to erase the user "
            "without confirmation.\n"
        )
        assert identities(emulator) == {identity_id}

    @pytest.mark.parametrize(
        ("typed", "deletes"),
        [("y\n", True), (" YES \n", True), ("n\n", False), ("\n", False), ("", False)],
    )
    def test_on_a_terminal_it_asks_for_confirmation(
        self,
        typed: str,
        deletes: bool,
        identity_id: str,
        emulator: Emulator,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(sys, "stdin", Keyboard(typed))

        assert main(["erase", *NAMED]) == (0 if deletes else 255)

        out, err = capsys.readouterr()
        assert err.startswith(f"Delete the identity {identity_id}? [y/N] ")
        assert ("Nothing was deleted." in err) is not deletes
        assert bool(out) is deletes
        assert identities(emulator) == (set() if deletes else {identity_id})

    def test_an_answer_that_cannot_be_decoded_does_not_confirm(
        self,
        identity_id: str,
        emulator: Emulator,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        typed = io.TextIOWrapper(io.BytesIO(b"\xffy\n"), "utf-8")
        typed.isatty = lambda: True  # type: ignore[method-assign]
        monkeypatch.setattr(sys, "stdin", typed)

        assert main(["erase", *NAMED]) == 255

        assert capsys.readouterr().err.endswith("Nothing was deleted.\n")
        assert identities(emulator) == {identity_id}

    def test_a_query_that_fails_does_so_before_anything_is_deleted(
        self, identity_id: str, emulator: Emulator
    ) -> None:
        assert main([*ERASE, "--query", "length(UnlinkedUserIdCount)"]) == 255

        assert identities(emulator) == {identity_id}

    def test_it_does_not_ask_about_a_user_without_an_identity(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "stdin", Keyboard())

        assert main(["erase", *NAMED]) == 0

        out, err = capsys.readouterr()
        assert json.loads(out)["DeletedIdentityIds"] == []
        assert err == ""

    def test_it_says_what_is_left_and_can_be_repeated(
        self, identity_id: str, emulator: Emulator, capsys: pytest.CaptureFixture[str]
    ) -> None:
        left = f"The user is not erased completely: the identity {identity_id} is left."
        emulator.leave_undeleted("AccessDenied", times=4)
        assert main(ERASE) == 254
        err = capsys.readouterr().err
        assert err.startswith(f"\ncognito-devtoken: [ERROR]: {left}")
        assert "Erase the user again" in err
        emulator.fail_next("TooManyRequestsException", operation=DELETE, times=3)
        assert main(ERASE) == 254
        assert left in capsys.readouterr().err
        emulator.drop_next(operation=DELETE, times=3)
        assert main(ERASE) == 255
        assert left in capsys.readouterr().err

        assert main(ERASE) == 0
        assert identities(emulator) == set()

    def test_an_endpoint_that_cannot_be_reached_is_an_error(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([*ERASE, "--endpoint-url", NOWHERE]) == 255

        assert "Could not connect" in capsys.readouterr().err
