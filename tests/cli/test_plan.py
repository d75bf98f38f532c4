"""``cognito-devtoken plan``: its report, its JSON, and what it refuses."""

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pytest
from cli_process import COMMAND, finished

from cognito_devtoken.cli import main


DOCS = Path(__file__).parents[2] / "docs"
# Plans that between them use every formula.
PLANS = [
    [],
    ["--hosts", "20"],
    ["--hosts", "20", "--shared-store"],
    ["--hosts", "20", "--sticky-users", "--token-duration", "86400"],
    ["--hosts", "20", "--requests-per-hour", "12.5"],
    ["--hosts", "3", "--shared-store", "--requests-per-hour", "60", "--cold-within", "60"],
    ["--visits-per-day", "3", "--visit-minutes", "20", "--headroom", "33.3"],
    ["--credentials", "enhanced", "--hosts", "4", "--cold-within", "90"],
    ["--credentials", "enhanced", "--shared-store", "--hosts", "4", "--token-duration", "86400"],
    ["--credentials", "basic", "--duration-seconds", "7200", "--visits-per-day", "1"],
    ["--credentials", "basic", "--credentials-quota", "300", "--quota", "120.5"],
    ["--latency", "0.8", "--max-concurrent-fetches", "2"],
]


def plan_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = main(["plan", *arguments])

    out, err = capsys.readouterr()
    assert err == ""
    return code, out


def data_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(plan_of(capsys, *arguments, "--output", "json")[1])


def evaluated(calculation: str) -> float:
    """Calculate what a figure says that it is calculated from."""
    functions = {"min": min, "max": max, "floor": math.floor, "ceil": math.ceil}
    return float(eval(calculation, {"__builtins__": {}}, functions))


class TestReport:
    @pytest.mark.parametrize("arguments", PLANS, ids=" ".join)
    def test_every_calculation_comes_to_its_figure(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = data_of(capsys, "--users", "12345", *arguments)

        for operation in found["Operations"]:
            for figure in operation["Figures"]:
                if figure["Value"] is None:
                    assert "unknown" in figure["Calculation"]
                    continue
                value = evaluated(figure["Calculation"])
                # A floor or ceiling may round the other way, because the numbers are shortened.
                off = 1.0 if "floor" in figure["Formula"] else 0.0
                assert value == pytest.approx(figure["Value"], rel=1e-6, abs=off), figure

    @pytest.mark.parametrize("arguments", PLANS, ids=" ".join)
    def test_the_text_has_all_figures_formulas_and_changes_of_the_json(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        given = ["--users", "12345", *arguments]
        code, text = plan_of(capsys, *given)
        found = data_of(capsys, *given)

        assert code == (0 if found["Fits"] else 1)
        words = " ".join(text.split())
        for operation in found["Operations"]:
            assert f"\n{operation['Operation']}\n" in text
            assert operation["Quota"]["Page"] in words
            for figure in operation["Figures"]:
                assert re.search(rf"^  {figure['Name']} ", text, re.MULTILINE)
                assert f"= {figure['Formula']}" in text
        for number, change in enumerate(found["Changes"], start=1):
            assert f"\n  {number}. {change['Options']}\n" in text
            assert change["Cost"] in words

    def test_the_answer_comes_first(self, capsys: pytest.CaptureFixture[str]) -> None:
        over, fits = (plan_of(capsys, "--users", users) for users in ("30000", "20000"))

        assert over[0] == 1
        assert over[1].startswith(
            "Over the quota of GetOpenIdTokenForDeveloperIdentity: this needs 68.18 calls/s\n"
            "with 20 % headroom, and the quota is 50.\n"
            "In the steady state, with 20 % headroom, the quota supports 22,000 users; you\n"
            "have 30,000.\n"
            "Set max_entries to at least 30,000: each session sees 30,000 users, and keeps\n"
            "entries for 10,000 by default. The figures assume that no token is evicted.\n"
            "30,000 tokens take about 45 MB.\n\n"
        )
        assert fits[0] == 0
        assert fits[1].startswith("Within the quota.\nIn the steady state, with 20 % headroom, the")

    def test_a_deployment_that_is_over_the_quota_is_named(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, text = plan_of(capsys, "--users", "10000", "--cold-within", "10")

        assert code == 1
        assert "needs 1,000 calls/s to make all cold fetches within 10 s" in " ".join(text.split())

    def test_an_unknown_quota_is_named_and_not_exceeded(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        given = ["--users", "1000", "--credentials", "basic"]

        code, text = plan_of(capsys, *given)

        assert code == 0
        assert "The quota of AssumeRoleWithWebIdentity is unknown and not checked." in text
        assert re.search(r"\n  quota +unknown\n", text)
        assert "AWS does not document it" in text
        assert re.search(r"users it supports +unknown = ", text)
        (quota,) = [each["Quota"] for each in data_of(capsys, *given)["Operations"][1:]]
        assert (quota["CallsPerSecond"], quota["Certainty"]) == (None, "undocumented")

    def test_a_quota_that_is_given_is_not_called_the_default(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        default, given = (
            plan_of(capsys, "--users", "10", *more)[1] for more in ([], ["--quota", "75"])
        )

        assert "AWS's documented default; AWS raises it on request" in default
        assert "75 calls/s for each account and region\n" in given
        assert "given as an option; AWS raises it on request" in given
        assert "documented default" not in given

    def test_more_users_of_a_session_than_its_default_number_of_entries_cause_a_warning(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code, enough = plan_of(capsys, "--users", "10000")
        code_over, over = plan_of(capsys, "--users", "10001")

        assert (code, code_over) == (0, 0)
        assert "Set max_entries" not in enough
        assert (
            "The figures assume that no token is evicted: max_entries is 10,000 by default, and "
            "each session needs 10,000."
        ) in " ".join(enough.split())
        assert (
            "Set max_entries to at least 10,001: each session sees 10,001 users, and keeps entries "
            "for 10,000 by default. The figures assume that no token is evicted. 10,001 tokens "
            "take about 15 MB."
        ) in " ".join(over.split())

    def test_the_warning_about_entries_covers_credentials_if_the_plan_has_them(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        _, text = plan_of(capsys, "--users", "20000", "--credentials", "enhanced")

        assert (
            "The figures assume that no token and no credentials are evicted. 20,000 tokens and as "
            "many credentials take about 60 MB."
        ) in " ".join(text.split())
        assert "  entries per session 20,000 credentials = users\n" in text

    @pytest.mark.parametrize(
        ("more", "needed", "formula"),
        [
            ([], 30_000, "users"),
            (["--shared-store"], 30_000, "users"),
            (["--sticky-users"], 2500, "ceil(users / hosts)"),
        ],
    )
    def test_the_json_has_the_entries_that_a_session_needs(
        self, more: list[str], needed: int, formula: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = data_of(capsys, "--users", "30000", "--hosts", "12", *more)

        assert found["Entries"] == {
            "PerSession": needed,
            "DefaultLimit": 10_000,
            "Megabytes": pytest.approx(needed * 0.0015),
            "IsOver": needed > 10_000,
        }
        (figure,) = [
            each
            for each in found["Operations"][0]["Figures"]
            if each["Name"] == "entries per session"
        ]
        assert (figure["Value"], figure["Formula"]) == (needed, formula)

    def test_too_few_threads_are_named(self, capsys: pytest.CaptureFixture[str]) -> None:
        _, text = plan_of(capsys, "--users", "20000", "--latency", "1")

        warning = "  This is more than max_concurrent_fetches, which is 8, so calls are queued.\n"
        assert warning in text

    def test_a_change_that_is_not_enough_says_so(self, capsys: pytest.CaptureFixture[str]) -> None:
        _, text = plan_of(capsys, "--users", "5000000")

        assert re.search(r"2\. --token-duration 86400\n.*not enough on its own\.", text, re.DOTALL)

    def test_the_json_has_the_members_in_the_documentation(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = data_of(capsys, "--users", "1000")

        (operation,) = found["Operations"]
        named = [*found, *("IsOver", "Quota", "Figures"), "Certainty"]
        named += [*operation["Figures"][0].keys() - {"Name"}, *found["Entries"]]
        text = (DOCS / "command-line.md").read_text()
        assert {"IsOver", "Quota", "Figures"} <= operation.keys()
        assert [name for name in named if f"`{name}`" not in text] == []

    def test_options_mean_what_they_say(self, capsys: pytest.CaptureFixture[str]) -> None:
        found = data_of(
            capsys,
            *("--users", "1", "--visits-per-day", "2", "--visit-minutes", "3"),
            *("--credentials", "basic", "--duration-seconds", "900", "--token-duration", "60"),
            *("--quota", "6", "--credentials-quota", "7", "--headroom", "8"),
            *("--cold-within", "9", "--latency", "10", "--max-concurrent-fetches", "11"),
            *("--hosts", "12", "--shared-store", "--sticky-users"),
        )

        assert found["Plan"] == {
            "Users": 1,
            "Hosts": 12,
            "HasSharedStore": True,
            "HasStickyUsers": True,
            "RequestsPerHour": None,
            "VisitsPerDay": 2.0,
            "VisitSeconds": 180.0,
            "TokenSeconds": 60,
            "Credentials": "basic",
            "CredentialsSeconds": 900,
            "QuotaPerSecond": 6.0,
            "CredentialsQuotaPerSecond": 7.0,
            "HeadroomPercent": 8.0,
            "ColdSeconds": 9.0,
            "LatencySeconds": 10.0,
            "Threads": 11,
        }

    @pytest.mark.external
    def test_it_loads_neither_botocore_nor_needs_aws_credentials(self) -> None:
        script = "import sys; from cognito_devtoken.cli import main; main(sys.argv[1:]); "
        script += "print({'botocore', 'asyncio', 'socket'} & {*sys.modules}, file=sys.stderr)"
        command = [COMMAND[0], "-c", script, "plan", "--users", "9", "--plot", os.devnull]

        done = finished(command, env={"PYTHONPATH": os.environ.get("PYTHONPATH", "")})

        assert done.stdout.startswith("Within the quota.")
        assert done.stderr == "set()\n"


class TestRefused:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "the following arguments are required: --users"),
            (["--users", "0"], "argument --users: expected a whole number from 1 to 10000000000"),
            (["--users", "-1"], "argument --users: expected a whole number from 1"),
            (["--users", "1.5"], "argument --users: expected a whole number from 1"),
            (["--users", "nan"], "argument --users: expected a whole number from 1"),
            (["--users", "9" * 5000], "argument --users: expected a whole number from 1"),
            (["--users", "1", "--hosts", "0"], "--hosts: expected a whole number from 1 to"),
            (["--users", "1", "--hosts", "1000001"], "--hosts: expected a whole number from 1 to"),
            (["--users", "1", "--quota", "nan"], "--quota: expected a number from 0.1 to 1000000"),
            (["--users", "1", "--quota", "inf"], "--quota: expected a number from 0.1 to 1000000"),
            (["--users", "1", "--quota", "0"], "--quota: expected a number from 0.1 to 1000000"),
            (["--users", "1", "--quota", "many"], "--quota: expected a number from 0.1 to"),
            (["--users", "1", "--headroom", "100"], "--headroom: expected a number from 0 to 99"),
            (["--users", "1", "--headroom", "-1"], "--headroom: expected a number from 0 to 99"),
            (["--users", "1", "--latency", "0"], "--latency: expected a number from 0.001 to 60"),
            (["--users", "1", "--cold-within", "0"], "--cold-within: expected a number from 1 to"),
            (["--users", "1", "--requests-per-hour", "0"], "--requests-per-hour: expected a"),
            (["--users", "1", "--token-duration", "86401"], "whole number from 1 to 86400"),
            (["--users", "1", "--credentials", "x"], "Found invalid choice 'x', expected one of"),
            (["--users", "1", "--output", "yaml"], "Found invalid choice 'yaml', expected one of"),
            (["--users", "1", "--nonsense"], "Unknown options: --nonsense"),
            (
                ["--users", "1", "--requests-per-hour", "1", "--visits-per-day", "1"],
                "--visits-per-day cannot be used with --requests-per-hour.\nChoose how to",
            ),
            (
                ["--users", "1", "--visit-minutes", "1"],
                "--visit-minutes cannot be used without --visits-per-day.",
            ),
            (
                ["--users", "1", "--credentials", "enhanced", "--duration-seconds", "900"],
                "--duration-seconds cannot be used without --credentials basic.",
            ),
            (
                ["--users", "1", "--credentials-quota", "9"],
                "--credentials-quota cannot be used without --credentials.",
            ),
            (
                ["--users", "1", "--credentials", "basic", "--duration-seconds", "899"],
                "--duration-seconds: expected a whole number from 900 to 43200",
            ),
        ],
    )
    def test_a_wrong_argument_is_named_with_its_limits(
        self, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["plan", *arguments]) == 252

        out, err = capsys.readouterr()
        assert out == ""
        assert message in err

    def test_a_plot_that_cannot_be_written_is_named_and_nothing_is_printed(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "missing" / "plan.svg"

        assert main(["plan", "--users", "1", "--plot", str(path)]) == 255

        out, err = capsys.readouterr()
        assert out == ""
        assert f"Cannot write {path}: No such file or directory" in err
