"""Terminals, in memory and real, what they show, and standard input from a pipe."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from patience import PATIENCE


class Terminal(io.TextIOWrapper):
    """Standard output as a terminal that records what is written to it."""

    def __init__(self, encoding: str = "utf-8", *, is_terminal: bool = True) -> None:
        super().__init__(io.BytesIO(), encoding, "backslashreplace", newline="")
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    @property
    def text(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode(self.encoding)


def piped(content: bytes | str, encoding: str = "utf-8") -> io.TextIOWrapper:
    """Return standard input that is a pipe with this content."""
    raw = content if isinstance(content, bytes) else content.encode(encoding)
    return io.TextIOWrapper(io.BytesIO(raw), encoding, "surrogateescape")


def set_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment of an 80-column colour terminal."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)


def left_on_screen(sent: str) -> list[str]:
    """Return the lines that a terminal shows in the end."""
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
    """A command on an 80-column terminal."""

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
        self.process.wait(PATIENCE)
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
