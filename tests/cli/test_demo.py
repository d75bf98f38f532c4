"""The demo: what it shows, what it leaves on a terminal, and how it ends."""

import os
import re
import signal
from contextlib import closing, redirect_stdout

import pytest
from cli_process import COMMAND, finished, run
from terminals import OnTerminal, Terminal, left_on_screen, set_terminal
from timelapse import Timelapse

from cognito_devtoken.cli import main
from cognito_devtoken.cli.demo import _no_aws_account, show_all
from cognito_devtoken.cli.demo.drawing import BLOCKS


pytestmark = pytest.mark.external

DEMO = [*COMMAND, "demo"]


@pytest.fixture(scope="module")
def printed() -> str:
    """The whole demo, printed to an ASCII pipe on a clock that a slow machine cannot affect."""
    with redirect_stdout(Terminal("ascii", is_terminal=False)) as pipe:
        show_all("é", show_token=False, life=6, pace=Timelapse().pace)
    return pipe.text


def figures(printed: str, step: int, name: str) -> list[float]:
    """Return the numbers that a step shows next to a name."""
    _, _, rest = printed.partition(f"\n{step}. ")
    line = re.search(rf"^   {re.escape(name)} .*$", rest.partition("\n\n")[0], re.MULTILINE)
    assert line, printed
    return [float(number.replace(",", "")) for number in re.findall(r"\d[\d,.]*\d|\d", line[0])]


class TestPlainText:
    def test_it_follows_a_token_from_request_to_credentials(self, printed: str) -> None:
        for text in (
            "GetOpenIdTokenForDeveloperIdentity",
            r"login.example.com:...:\xe9  the user's id, readable",
            "valid: RS512, key us-east-1-1",
            "one letter changed  rejected",
            "GetCredentialsForIdentity",
            "AccessKeyId       ASIA",
            "the same identity",
            "with TokenSession(pool_id",
        ):
            assert text in printed

    def test_a_character_outside_ascii_is_escaped(self, printed: str) -> None:
        assert r"login.example.com = \xe9" in printed

    def test_a_hundred_thousand_hits_and_a_cold_call_make_one_call(self, printed: str) -> None:
        _, runs, hits = figures(printed, 5, "a hit")
        assert runs * hits == 100_000
        assert figures(printed, 5, "calls to Cognito") == [1]

    def test_a_thousand_callers_make_one_call(self, printed: str) -> None:
        answered, slowest = figures(printed, 6, "calls answered")
        assert answered == 1000
        assert slowest >= 100
        assert figures(printed, 6, "calls to Cognito")[0] == 1

    def test_a_token_is_refreshed_once_it_is_due(self, printed: str) -> None:
        (age,) = figures(printed, 7, "refreshed ahead")
        assert 3.3 <= age <= 4.1
        assert figures(printed, 7, "calls to Cognito")[0] == 1

    def test_callers_get_no_error_in_a_refresh_and_an_outage(self, printed: str) -> None:
        for step, seconds in ((7, 3.3), (8, 4.5)):
            answered, errors, _ = figures(printed, step, "calls answered")
            assert answered >= 20 * 100 * seconds
            assert errors == 0

    def test_refreshes_fail_in_the_outage_and_succeed_before_the_grace_period(
        self, printed: str
    ) -> None:
        failed, age = figures(printed, 8, "refreshes")
        assert failed >= 1
        assert 4.5 <= age < 5.4

    def test_each_step_shows_only_what_it_has_counted_itself(self, printed: str) -> None:
        hits, due_hits = figures(printed, 8, "by session.stats()")
        failed = int(figures(printed, 8, "refreshes")[0])

        assert hits + due_hits == figures(printed, 8, "calls answered")[0]
        assert due_hits > 0
        _, _, last = printed.partition("by session.stats()")
        assert f"fetches started: {failed + 1}, failed: {failed}\n" in last

    def test_it_is_plain_ascii_that_fits_two_screens(self, printed: str) -> None:
        lines = printed.split("\n")
        assert len(lines) <= 60
        assert max(map(len, lines)) <= 80
        assert re.fullmatch(r"[\n -~]*", printed)

    def test_it_shows_no_token(self, printed: str) -> None:
        assert "eyJ" not in printed


@pytest.fixture(scope="module")
def drawn() -> str:
    """Everything that the demo sends to a terminal."""
    with pytest.MonkeyPatch.context() as monkeypatch, redirect_stdout(Terminal()) as terminal:
        set_terminal(monkeypatch)
        show_all("ana", show_token=True, life=6, pace=Timelapse().pace)
    return terminal.text.replace("\n", "\r\n")  # as a terminal driver does


class TestDrawn:
    def test_the_life_of_the_token_is_drawn_as_it_passes(self, drawn: str) -> None:
        ages = re.findall(r"\x1b\[0m  +(\d+\.\d) s, (\w+)", drawn)

        assert len(ages) >= 10 * (3.3 + 4.5)
        assert {state for _, state in ages} == {"fresh", "due"}
        assert "Cognito is down\x1b" in drawn

    def test_the_drawing_is_erased_at_the_end(self, drawn: str) -> None:
        lines = left_on_screen(drawn)
        text = "\n".join(lines)

        assert not set(BLOCKS.characters) - {BLOCKS.omitted} & set(text)
        for number in range(1, 9):
            (title,) = [line for line in lines if line.startswith(f"{number}. ")]
            assert re.fullmatch(r".{70} +[\d.]+ m?s", title)
        assert len(lines) <= 60

    def test_the_token_is_shown_on_request(self, drawn: str) -> None:
        assert re.search(r"^     Token +eyJ", drawn, re.MULTILINE)

    @pytest.mark.parametrize(("seconds", "title"), [(1.0, "7. A token that"), (5.0, "8. The same")])
    def test_ctrl_c_erases_the_drawing(
        self, seconds: float, title: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_terminal(monkeypatch)
        pace = Timelapse(interrupted_after=seconds).pace

        with redirect_stdout(Terminal()) as terminal, pytest.raises(KeyboardInterrupt):
            show_all("ana", show_token=False, life=6, pace=pace)

        *_, last, end = left_on_screen(terminal.text.replace("\n", "\r\n"))
        assert last.startswith(title)
        assert end == ""


class TestCommand:
    def test_it_succeeds_whatever_the_users_aws_settings(
        self, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        config = tmp_path_factory.mktemp("aws") / "config"
        config.write_text("[broken")
        refused = "http://127.0.0.1:1"
        environ = os.environ | {
            "AWS_PROFILE": "nobody",
            "AWS_CONFIG_FILE": str(config),
            "AWS_ENDPOINT_URL": refused,
            "HTTP_PROXY": refused,
            "http_proxy": refused,
            "PYTHONIOENCODING": "ascii",
            "TERM": "xterm",
        }

        done = run("demo", "--user-id", "é", env=environ)

        assert (done.returncode, done.stderr) == (0, "")
        titles = re.findall(r"^(\d)\. .{67} +[\d.]+ m?s$", done.stdout, re.MULTILINE)
        assert titles == list("12345678")
        assert r"login.example.com = \xe9" in done.stdout
        assert "\x1b" not in done.stdout

    def test_ctrl_c_ends_it_quietly(self) -> None:
        with closing(OnTerminal(DEMO)) as terminal:
            # The full pipe blocks the demo before its end, because the test stops reading.
            terminal.read_until("errors: 0")
            terminal.process.send_signal(signal.SIGINT)
            sent = terminal.read_on()

        *_, title, end = left_on_screen(sent)
        assert terminal.process.returncode == 130
        assert re.match(r"7\. A token that lives 6 s|8\. The same", title)
        assert end == ""

    def test_a_closed_pipe_causes_no_message(self) -> None:
        done = finished(["sh", "-c", f"{' '.join(DEMO)} | head -1"])

        assert done.stderr == ""
        assert done.stdout.count("\n") == 1

    def test_an_empty_user_id_is_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["demo", "--user-id", ""]) == 252

        out, err = capsys.readouterr()
        assert out.endswith("\n")
        assert err == (
            "\ncognito-devtoken: [ERROR]: An error occurred (ParamValidation): "
            "--user-id must have 1 to 50000 characters, not 0\n"
        )


def test_the_environment_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    before = dict(os.environ)

    with _no_aws_account():
        assert "AWS_PROFILE" not in os.environ
        assert os.environ["AWS_ACCESS_KEY_ID"] == "demo"

    assert dict(os.environ) == before
