"""The demo: what it shows, what it draws on a terminal, and how it ends."""

import asyncio
import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from contextlib import closing, redirect_stdout

import attrs
import pytest

from cognito_devtoken import AsyncTokenSession, OpenIdToken
from cognito_devtoken._policy import State
from cognito_devtoken.cli import main
from cognito_devtoken.cli._callers import Regulars
from cognito_devtoken.cli._picture import ASCII, BLOCKS, Moment, draw
from cognito_devtoken.cli._screen import look, moving_picture, step
from cognito_devtoken.cli.demo import _no_aws_account
from cognito_devtoken.exceptions import TokenUnavailableError
from cognito_devtoken.testing import FakeFetcher, ManualClock


DEMO = [sys.executable, "-m", "cognito_devtoken", "demo"]
POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
MOMENT = Moment(
    age=2.0,
    lifetime=6.0,
    due=3.5,
    hard=5.4,
    state=State.FRESH,
    served=12_345,
    errors=0,
    fetches=2,
    is_down=False,
)


class Terminal(io.TextIOWrapper):
    """Standard output as a terminal that keeps what it is sent."""

    def __init__(self, encoding: str = "utf-8", *, is_terminal: bool = True) -> None:
        super().__init__(io.BytesIO(), encoding, newline="")
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    @property
    def text(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode(self.encoding)


def left_on_screen(sent: str) -> list[str]:
    """The lines that a terminal shows in the end."""
    lines, row, column = [""], 0, 0
    for match in re.finditer(r"\x1b\[([\d;]*)([A-Za-z])|[^\x1b]", sent):
        number, what = match[1], match[2] or match[0]
        if match[2] is None and what == "\r":
            column = 0
        elif match[2] is None and what == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif match[2] is None:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + what + line[column + 1 :]
            column += 1
        elif what == "A":
            row -= int(number or 1)
            assert row >= 0
        elif what == "G":
            column = int(number) - 1
        elif what in "JK":
            lines[row] = lines[row][:column]
            del lines[row + 1 if what == "J" else len(lines) :]
        else:
            assert what == "m", match[0]
    return lines


class OnTerminal:
    """A command on a terminal of 80 columns."""

    def __init__(self, command: list[str]) -> None:
        self.sent = ""
        self._fd, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
        self.process = subprocess.Popen(
            command,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=environment | {"TERM": "xterm", "PYTHONIOENCODING": "utf-8"},
        )
        os.close(terminal)

    def read_until(self, text: str) -> None:
        while text not in self.sent:
            read = self._read()
            assert read, self.sent
            self.sent += read

    def read_on(self) -> str:
        while read := self._read():
            self.sent += read
        self.process.wait(30)
        return self.sent

    def _read(self) -> str:
        try:
            return os.read(self._fd, 4096).decode(errors="replace")
        except OSError:  # EIO: the process has ended
            return ""

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._fd)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The whole demo, at its own pace, read through a pipe, by a user with odd settings."""
    config = tmp_path_factory.mktemp("aws") / "config"
    config.write_text("[broken")
    nobody = "http://127.0.0.1:1"
    environment = os.environ | {
        "AWS_PROFILE": "nobody",
        "AWS_CONFIG_FILE": str(config),
        "AWS_ENDPOINT_URL": nobody,
        "HTTP_PROXY": nobody,
        "http_proxy": nobody,
        "PYTHONIOENCODING": "ascii",
        "TERM": "xterm",
    }
    command = [*DEMO, "--user-id", "é"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def figures(told: subprocess.CompletedProcess[str], step: int, name: str) -> list[float]:
    """The numbers that a step shows beside a name."""
    _, _, rest = told.stdout.partition(f"\n{step}. ")
    line = re.search(rf"^   {re.escape(name)} .*$", rest.partition("\n\n")[0], re.MULTILINE)
    assert line, told.stdout
    return [float(number.replace(",", "")) for number in re.findall(r"\d[\d,.]*\d|\d", line[0])]


class TestTold:
    def test_it_succeeds_whatever_the_users_own_aws_settings(
        self, told: subprocess.CompletedProcess[str]
    ) -> None:
        assert (told.returncode, told.stderr) == (0, "")

    def test_the_whole_way_of_a_token(self, told: subprocess.CompletedProcess[str]) -> None:
        for text in (
            "GetOpenIdTokenForDeveloperIdentity",
            r"login.example.com:...:\xe9  your user id, readable",
            "good: RS512, key us-east-1-1",
            "one letter changed  refused",
            "GetCredentialsForIdentity",
            "AccessKeyId       ASIA",
            "the same identity",
            "with TokenSession(pool_id",
        ):
            assert text in told.stdout

    def test_a_character_that_cannot_be_shown_is_a_number(
        self, told: subprocess.CompletedProcess[str]
    ) -> None:
        assert r"login.example.com = \xe9" in told.stdout

    def test_a_hundred_thousand_hits_and_a_cold_call_make_one_call(
        self, told: subprocess.CompletedProcess[str]
    ) -> None:
        assert figures(told, 5, "a hit")[1] == 100_000
        assert figures(told, 5, "calls to Cognito") == [1]

    def test_a_thousand_callers_make_one_call(self, told: subprocess.CompletedProcess[str]) -> None:
        answered, slowest = figures(told, 6, "calls answered")
        assert answered == 1000
        assert slowest > 100
        assert figures(told, 6, "calls to Cognito")[0] == 1

    def test_a_token_is_refreshed_before_its_grace_period(
        self, told: subprocess.CompletedProcess[str]
    ) -> None:
        (age,) = figures(told, 7, "refreshed ahead")
        assert 3.3 <= age < 5.4
        assert figures(told, 7, "calls to Cognito")[0] == 1

    @pytest.mark.parametrize("step", [7, 8])
    def test_callers_get_no_error_in_a_refresh_and_an_outage(
        self, told: subprocess.CompletedProcess[str], step: int
    ) -> None:
        answered, errors, _ = figures(told, step, "calls answered")
        assert answered > 1000
        assert errors == 0

    def test_the_outage_makes_refreshes_fail(self, told: subprocess.CompletedProcess[str]) -> None:
        failed, age = figures(told, 8, "refreshes")
        assert failed >= 1
        assert 4.5 <= age < 6

    def test_it_is_plain_text_of_two_screens(self, told: subprocess.CompletedProcess[str]) -> None:
        lines = told.stdout.split("\n")
        assert len(lines) <= 60
        assert max(map(len, lines)) <= 80
        assert re.fullmatch(r"[\n -~]*", told.stdout)

    def test_it_shows_no_token(self, told: subprocess.CompletedProcess[str]) -> None:
        assert "eyJ" not in told.stdout


@pytest.fixture(scope="module")
def watched() -> str:
    """All that the demo sends to a terminal, with a token of 3 s."""
    call = "show_all('ana', show_token=True, life=3)"
    command = [sys.executable, "-c", f"from cognito_devtoken.cli.demo import show_all; {call}"]
    with closing(OnTerminal(command)) as terminal:
        sent = terminal.read_on()
        assert terminal.process.returncode == 0, sent
    return sent


class TestWatched:
    def test_the_life_of_the_token_is_drawn_while_it_passes(self, watched: str) -> None:
        ages = re.findall(r"\x1b\[0m  +(\d+\.\d) s, (\w+)", watched)

        assert len(ages) > 20
        assert {"fresh", "due"} <= {state for _, state in ages}
        assert "Cognito is down\x1b" in watched

    def test_what_was_drawn_is_wiped_away(self, watched: str) -> None:
        lines = left_on_screen(watched)
        text = "\n".join(lines)

        assert not set(BLOCKS.characters) - {BLOCKS.omitted} & set(text)
        for number in range(1, 9):
            (title,) = [line for line in lines if line.startswith(f"{number}. ")]
            assert re.fullmatch(r".{70} +[\d.]+ m?s", title)
        assert len(lines) <= 60

    def test_the_token_is_shown_if_asked_for(self, watched: str) -> None:
        assert re.search(r"^     Token +eyJ", watched, re.MULTILINE)

    def test_ctrl_c_ends_it_quietly(self) -> None:
        with closing(OnTerminal(DEMO)) as terminal:
            terminal.read_until("answered: 2")
            terminal.process.send_signal(signal.SIGINT)
            sent = terminal.read_on()

        *_, title, end = left_on_screen(sent)
        assert terminal.process.returncode == 130
        assert title.startswith("7. A token that lives 6 s")
        assert end == ""


class TestEnds:
    def test_a_closed_pipe_is_quiet(self) -> None:
        command = f"{' '.join(DEMO)} | head -1"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)

        assert done.stderr == ""
        assert done.stdout.count("\n") == 1

    def test_a_user_id_that_is_none_is_told(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["demo", "--user-id", ""]) == 252

        out, err = capsys.readouterr()
        assert out.endswith("\n")
        assert err == (
            "\ncognito-devtoken: [ERROR]: An error occurred (ParamValidation): "
            "Parameter validation failed:\nuser_id must have 1 to 50000 characters, not 0\n"
        )

    def test_the_environment_is_put_back(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_PROFILE", "mine")
        before = dict(os.environ)

        with _no_aws_account():
            assert "AWS_PROFILE" not in os.environ
            assert os.environ["AWS_ACCESS_KEY_ID"] == "demo"

        assert dict(os.environ) == before


class TestPicture:
    def test_a_life_as_a_bar(self) -> None:
        assert draw(MOMENT, ASCII, 79, colored=False) == (
            "   ------------ freshO-------------====== due ======#####xxxxx   2.0 s, fresh",
            "   answered: 12,345   errors: 0   calls to Cognito: 2",
        )

    def test_the_marker_stops_at_the_end(self) -> None:
        dead = attrs.evolve(MOMENT, age=99.0, state=State.EXPIRED)

        assert draw(dead, ASCII, 79, colored=False)[0].endswith("#####xxxxO  99.0 s, expired")

    def test_an_outage_is_named(self) -> None:
        down = attrs.evolve(MOMENT, is_down=True)

        assert draw(down, ASCII, 79, colored=False)[1].endswith("   Cognito is down")

    def test_lines_are_never_wider_than_asked_for(self) -> None:
        crowded = attrs.evolve(MOMENT, age=99.0, state=State.EXPIRED, served=10**30)

        for width in range(40, 80):
            assert max(map(len, draw(crowded, BLOCKS, width, colored=False))) <= width

    def test_colours_change_nothing_else(self) -> None:
        colored, _ = draw(MOMENT, BLOCKS, 79, colored=True)

        assert "\x1b[33m▓▓▓▓▓\x1b[0m" in colored
        assert re.sub(r"\x1b\[\d+m", "", colored) == draw(MOMENT, BLOCKS, 79, colored=False)[0]


class TestScreen:
    @pytest.fixture
    def terminal(self, monkeypatch: pytest.MonkeyPatch) -> Terminal:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.delenv("NO_COLOR", raising=False)
        return Terminal()

    def test_a_title_is_there_before_the_work(self, terminal: Terminal) -> None:
        with redirect_stdout(terminal), step("1. Work") as show:
            assert terminal.text == f"\n{'1. Work':<70}"
            show("figure", "1")

        assert re.fullmatch(r"\n.{70} +\d+ ms\n   figure {14}1\n", terminal.text)

    def test_a_step_that_fails_ends_its_line(self, terminal: Terminal) -> None:
        with redirect_stdout(terminal), pytest.raises(KeyboardInterrupt), step("1. Work"):
            raise KeyboardInterrupt

        assert terminal.text == f"\n{'1. Work':<70}\n"

    @pytest.mark.parametrize(
        ("encoding", "characters"), [("utf-8", BLOCKS), ("latin-1", ASCII), ("ascii", ASCII)]
    )
    def test_only_what_can_be_shown_is_drawn_with(self, encoding: str, characters: object) -> None:
        with redirect_stdout(Terminal(encoding)):
            assert look() is characters

    def test_a_picture_takes_the_place_of_the_one_before(self, terminal: Terminal) -> None:
        terminal.write("title")
        with redirect_stdout(terminal), moving_picture() as show:
            show(attrs.evolve(MOMENT, age=1.0, is_down=True))
            show(MOMENT)
            title, bar, counts = left_on_screen(terminal.text)
            assert title == "title"
            assert (bar, counts) == draw(MOMENT, BLOCKS, 79, colored=False)
            assert "\x1b[32m" in terminal.text

    @pytest.mark.parametrize("error", [None, KeyboardInterrupt])
    def test_nothing_of_it_is_left(
        self, terminal: Terminal, error: type[BaseException] | None
    ) -> None:
        terminal.write("title")
        try:
            with redirect_stdout(terminal), moving_picture() as show:
                show(MOMENT)
                if error:
                    raise error
        except KeyboardInterrupt:
            pass
        terminal.write("done")

        assert left_on_screen(terminal.text) == ["title".ljust(70) + "done", ""]

    def test_without_colours_if_told_so(
        self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NO_COLOR", "1")
        with redirect_stdout(terminal), moving_picture() as show:
            show(MOMENT)

        assert "fresh" in terminal.text
        assert not re.search(r"\x1b\[\d*m", terminal.text)

    @pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("COLUMNS", "40")])
    def test_a_terminal_that_cannot_show_it_is_sent_nothing(
        self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setenv(name, value)
        with redirect_stdout(terminal), moving_picture() as show:
            show(MOMENT)

        assert terminal.text == ""

    def test_a_pipe_is_sent_nothing(self, terminal: Terminal) -> None:
        pipe = Terminal(is_terminal=False)
        with redirect_stdout(pipe), moving_picture() as show:
            show(MOMENT)

        assert pipe.text == ""

    def test_a_closed_standard_output_is_quiet(self) -> None:
        with redirect_stdout(None), step("1. Work"), moving_picture() as show:
            show(MOMENT)
            assert look() is ASCII


class TestRegulars:
    @staticmethod
    async def meet(
        fetcher: FakeFetcher, clock: ManualClock
    ) -> tuple[AsyncTokenSession, Regulars, OpenIdToken]:
        session = AsyncTokenSession(
            POOL_ID, developer_provider="login.example.com", client=fetcher, clock=clock
        )
        token = await session.get_token("user-42")
        return session, Regulars(session, "user-42", token), token

    def test_they_notice_another_token(self) -> None:
        async def ask() -> None:
            clock = ManualClock()
            session, regulars, _ = await self.meet(FakeFetcher(clock, lifetime=6), clock)
            async with session:
                await regulars.ask()
                assert (regulars.served, regulars.replaced_at) == (1, [])
                clock.advance(6)
                await regulars.ask()
                assert (regulars.served, regulars.replaced_at) == (2, [6.0])
                assert regulars.age == 0

        asyncio.run(ask())

    def test_they_count_errors(self) -> None:
        async def ask() -> None:
            clock = ManualClock()
            fetcher = FakeFetcher(clock, lifetime=6)
            session, regulars, _ = await self.meet(fetcher, clock)
            async with session:
                clock.advance(6)
                fetcher.error = TokenUnavailableError("down")
                await regulars.ask()
                assert (regulars.served, regulars.errors) == (0, 1)
                regulars.recount()
                assert (regulars.served, regulars.errors) == (0, 0)

        asyncio.run(ask())

    def test_their_moment_is_that_of_the_token(self) -> None:
        async def ask() -> None:
            clock = ManualClock()
            session, regulars, token = await self.meet(FakeFetcher(clock, lifetime=10), clock)
            async with session:
                clock.advance(9.5)
                assert regulars.moment(fetches=3, is_down=True) == Moment(
                    age=9.5,
                    lifetime=10,
                    due=token._due,
                    hard=9.0,
                    state=State.GRACE,
                    served=0,
                    errors=0,
                    fetches=3,
                    is_down=True,
                )

        asyncio.run(ask())
