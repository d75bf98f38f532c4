"""What the demo draws: the life of a token as a bar, on a terminal that can move its cursor."""

import re
from contextlib import redirect_stdout

import attrs
import pytest
from terminals import Terminal, left_on_screen, set_terminal

from cognito_devtoken._cache.policy import Freshness
from cognito_devtoken.cli.demo.drawing import ASCII, BLOCKS, Moment, draw
from cognito_devtoken.cli.demo.screen import look, moving_picture, step


MOMENT = Moment(
    age=2.0,
    lifetime=6.0,
    due=3.5,
    hard=5.4,
    state=Freshness.FRESH,
    served=12_345,
    errors=0,
    fetches=2,
    is_down=False,
)


class TestPicture:
    def test_the_life_of_a_token_is_a_bar(self) -> None:
        assert draw(MOMENT, ASCII, 79, colored=False) == (
            "   ------------ freshO-------------====== due ======#####xxxxx   2.0 s, fresh",
            "   answered: 12,345   errors: 0   calls to Cognito: 2",
        )

    def test_the_marker_stops_at_the_end(self) -> None:
        dead = attrs.evolve(MOMENT, age=99.0, state=Freshness.EXPIRED)

        assert draw(dead, ASCII, 79, colored=False)[0].endswith("#####xxxxO  99.0 s, expired")

    def test_an_outage_is_labelled(self) -> None:
        down = attrs.evolve(MOMENT, is_down=True)

        assert draw(down, ASCII, 79, colored=False)[1].endswith("   Cognito is down")

    def test_lines_never_exceed_the_given_width(self) -> None:
        crowded = attrs.evolve(MOMENT, age=99.0, state=Freshness.EXPIRED, served=10**30)

        for width in range(40, 80):
            assert max(map(len, draw(crowded, BLOCKS, width, colored=False))) <= width

    def test_colours_do_not_change_the_text(self) -> None:
        colored, _ = draw(MOMENT, BLOCKS, 79, colored=True)

        assert "\x1b[33m▓▓▓▓▓\x1b[0m" in colored
        assert re.sub(r"\x1b\[\d+m", "", colored) == draw(MOMENT, BLOCKS, 79, colored=False)[0]


class TestScreen:
    @pytest.fixture
    def terminal(self, monkeypatch: pytest.MonkeyPatch) -> Terminal:
        set_terminal(monkeypatch)
        return Terminal()

    def test_a_title_is_shown_before_the_work(self, terminal: Terminal) -> None:
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
    def test_only_characters_in_the_encoding_are_used(
        self, encoding: str, characters: object
    ) -> None:
        with redirect_stdout(Terminal(encoding)):
            assert look() is characters

    def test_each_picture_replaces_the_previous_one(self, terminal: Terminal) -> None:
        terminal.write("title")
        with redirect_stdout(terminal), moving_picture() as show:
            show(attrs.evolve(MOMENT, age=1.0, is_down=True))
            show(MOMENT)
            title, bar, counts = left_on_screen(terminal.text)
            assert title == "title"
            assert (bar, counts) == draw(MOMENT, BLOCKS, 79, colored=False)
            assert "\x1b[32m" in terminal.text

    @pytest.mark.parametrize("error", [None, KeyboardInterrupt])
    def test_the_picture_is_erased_at_the_end(
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

    def test_no_color_disables_colours(
        self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("NO_COLOR", "1")
        with redirect_stdout(terminal), moving_picture() as show:
            show(MOMENT)

        assert "fresh" in terminal.text
        assert not re.search(r"\x1b\[\d*m", terminal.text)

    @pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("COLUMNS", "40")])
    def test_nothing_is_sent_to_an_unsuitable_terminal(
        self, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setenv(name, value)
        with redirect_stdout(terminal), moving_picture() as show:
            show(MOMENT)

        assert terminal.text == ""

    def test_nothing_is_sent_to_a_pipe(self, terminal: Terminal) -> None:
        pipe = Terminal(is_terminal=False)
        with redirect_stdout(pipe), moving_picture() as show:
            show(MOMENT)

        assert pipe.text == ""

    def test_a_closed_standard_output_is_ignored(self) -> None:
        with redirect_stdout(None), step("1. Work"), moving_picture() as show:
            show(MOMENT)
            assert look() is ASCII
