"""A page of the documentation, as its reader follows it: what it installs, starts and runs."""

import argparse
import ast
import re
import shlex
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from cognito_devtoken.cli import emulator


ROOT = Path(__file__).parents[1]
_SETUP = ROOT / "examples" / "setup"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INCLUDE = re.compile(r"^```{literalinclude} (\S+\.py)$", re.MULTILINE)
_INSTALL = re.compile(r"\bpip install ([^`&\n]+)")
_EMULATOR = re.compile(r"^(?:\S+/)?cognito-devtoken emulator\b([^&\n]*)", re.MULTILINE)
_EXPORT = re.compile(r"^export (.+)$", re.MULTILINE)
_SERVER = re.compile(r"^(?!\S*cognito-devtoken )(.+) &$", re.MULTILINE)
_COMMAND = re.compile(r"(?:.*\\\n)*.*")  # without the output, whose lines may end in a backslash
_CURL = re.compile(r"^curl .+$", re.MULTILINE)
_SAVED = re.compile(r"\bsave this as `(\S+)`")


@attrs.frozen
class Block:
    """A code block: its language, the line on the page where its code begins, and its code."""

    language: str
    line: int
    code: str

    @property
    def has_tests(self) -> bool:
        """Whether pytest finds tests in this block, which its reader therefore runs with pytest."""
        return self.language in {"py", "python"} and any(
            isinstance(node, ast.FunctionDef | ast.ClassDef)
            and node.name.lower().startswith("test")
            for node in ast.parse(self.code).body
        )


@attrs.frozen
class Page:
    """
    What a page tells its reader to do.

    Attributes:
        requirements: What the page installs with ``pip install``, in a block or in a sentence.

        emulator: The arguments of ``cognito-devtoken emulator``, if the page starts it.

        exports: The environment variables that the page exports.

        server: The command that starts the page's application, if it shows one.

        curl: The command that sends the application a request.

        saved_as: The file in which the reader saves the application.

        blocks: Its code.

        included: The files that it shows as its own code. Those that set up a pool are left out:
            they need an AWS account, so tests/test_setup.py runs them.
    """

    path: Path
    requirements: frozenset[str]
    emulator: tuple[str, ...] | None
    exports: Mapping[str, str]
    server: tuple[str, ...] | None
    curl: tuple[str, ...] | None
    saved_as: str | None
    blocks: tuple[Block, ...]
    included: tuple[Path, ...]

    @classmethod
    def read(cls, path: Path) -> "Page":
        text = path.read_text()
        blocks = tuple(
            Block(m[1], text.count("\n", 0, m.start(2)) + 1, m[2]) for m in _BLOCK.finditer(text)
        )
        shell = "\n".join(block.code for block in blocks if block.language in {"sh", "shell"})
        words = [word for line in _INSTALL.findall(text) for word in _words(line)]
        shown = ((path.parent / name).resolve() for name in _INCLUDE.findall(text))
        exported = [word for line in _EXPORT.findall(shell) for word in _words(line)]
        return cls(
            path,
            frozenset(word for word in words if not word.startswith("-")),
            _only(_EMULATOR, shell),
            dict(word.split("=", 1) for word in exported),
            _only(_SERVER, shell),
            _only(_CURL, shell),
            next(iter(_SAVED.findall(text)), None),
            blocks,
            tuple(found for found in shown if _SETUP not in found.parents),
        )

    @property
    def has_examples(self) -> bool:
        """Whether there is anything that its reader can run."""
        languages = {"console", "py", "python"}
        return bool(self.included) or any(block.language in languages for block in self.blocks)

    @contextmanager
    def followed(self, environ: Mapping[str, str]) -> Generator[dict[str, str]]:
        """
        Start what the page starts, in this environment, and give the variables that it exports.

        Only the port differs from the page's: others may use that port on this machine.
        """
        if self.emulator is None:
            yield {**self.exports}
            return
        command = ["cognito-devtoken", "emulator", *self.emulator, "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
            try:
                assert process.stdout, "a pipe"
                _, _, url = process.stdout.readline().strip().rpartition(" ")
                documented = _address(self.emulator)
                yield {name: url if v == documented else v for name, v in self.exports.items()}
            finally:
                process.terminate()


def pages() -> list[Page]:
    """Return the pages that have examples."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [page for page in map(Page.read, paths) if page.has_examples]


def run_console(code: str, environ: Mapping[str, str]) -> None:
    """
    Run the commands of a console block and compare their output.

    "…" matches anything. A command that must fail is followed by "# exit CODE".
    """
    commands = re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]
    assert commands, "no command in this block"
    for text in commands:
        written = _COMMAND.match(text)
        assert written, "every text matches"
        command, wanted = re.sub(r"\\\n\s*", "", written[0]), text[written.end() :]
        command, _, exit_code = command.partition("  # exit ")
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, timeout=60, env=environ
        )
        assert done.returncode == int(exit_code or 0), done.stderr
        pattern = ".*".join(map(re.escape, wanted.strip().split("…")))
        printed = (done.stdout + done.stderr).strip()
        assert re.fullmatch(pattern, printed, re.DOTALL), printed


def _only(pattern: re.Pattern[str], shell: str) -> tuple[str, ...] | None:
    """Return the words of the only command that matches, if there is one."""
    found: list[str] = pattern.findall(shell)
    assert len(found) <= 1, f"more than one command: {found}"
    return tuple(_words(found[0])) if found else None


def _words(line: str) -> list[str]:
    return shlex.split(line, comments=True)


def _address(arguments: Sequence[str]) -> str:
    """Return the address at which the emulator listens when it is started like this."""
    parser = argparse.ArgumentParser()
    emulator.add_arguments(parser)
    parsed = parser.parse_args(arguments)
    return f"http://{parsed.host}:{parsed.port}"
