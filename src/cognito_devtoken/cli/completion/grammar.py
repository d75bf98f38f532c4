"""
What the shells complete, read from the parsers.

The scripts of all shells find the command on a command line in the same way: it is the first word
that is neither an option nor the value of an option.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs


# In this command, a program with its own arguments follows "--".
RUNS_PROGRAM = "exec"
_OPERATION = "get-open-id-token-for-developer-identity"


@attrs.frozen
class Option:
    """
    An option.

    Attributes:
        flags: The spellings of the option.

        help: What the option does.

        takes_value: Whether the next word is the value of the option.

        is_value_optional: Whether the option can also be used without a value.

        choices: The values that the option accepts; empty if there are too many to list.
    """

    flags: Sequence[str]
    help: str
    takes_value: bool
    is_value_optional: bool
    choices: Sequence[str]


@attrs.frozen
class Place:
    """
    What can come after a command.

    Attributes:
        options: The options of the command.

        words: The other arguments of the command and what each means, if they can be listed.
    """

    options: Sequence[Option]
    words: Mapping[str, str]

    @property
    def flags(self) -> list[str]:
        """Every spelling of every option."""
        return [flag for option in self.options for flag in option.flags]


@attrs.frozen
class Grammar:
    """
    The whole command line.

    Attributes:
        places: What can come after each command, by its name. Under the empty name: what can come
            before any command, and the commands themselves.

        service: The AWS CLI's name of the service, which may come before the command.
    """

    places: Mapping[str, Place]
    service: str

    def values(self) -> Iterator[tuple[str, str, Option]]:
        """Yield command, spelling and option for every option that takes a value."""
        for name, place in self.places.items():
            for option in place.options:
                if option.takes_value:
                    yield from ((name, flag, option) for flag in option.flags)


def grammar_of(
    main: argparse.ArgumentParser,
    parsers: Mapping[str, argparse.ArgumentParser],
    summaries: Mapping[str, str],
    *,
    aliases: Mapping[str, str],
    service: str,
) -> Grammar:
    """Read the grammar from the parsers of all commands."""
    options = _options(main)
    names = {**summaries, **{alias: summaries[name] for alias, name in aliases.items()}}
    operation = {_OPERATION: summaries[_OPERATION]}
    places = {
        "": Place(options, {**names, service: "the commands of this service, as in the AWS CLI"}),
        service: Place(options, operation),
        **{name: Place(_options(parser), _words(parser)) for name, parser in parsers.items()},
    }
    return Grammar(places | {alias: places[name] for alias, name in aliases.items()}, service)


def fill(
    script: str,
    prog: str,
    grammar: Grammar,
    *,
    choices: Callable[[Sequence[str]], str],
    flags: Callable[[Place], str],
    words: Callable[[Place], str],
) -> str:
    """
    Fill in the script of a shell.

    Args:
        script: The script, with placeholders in braces.

        prog: The name of the program whose command line is completed.

        grammar: The command line of this program.

        choices: Returns the shell command that offers the values of an option.

        flags: Returns the shell command that offers the options of a place.

        words: Returns the shell command that offers the other arguments of a place.
    """
    of_options: list[str] = []
    for name, flag, option in grammar.values():
        offer = choices(option.choices)
        if option.is_value_optional:
            offer = f"[[ $word == -* ]] || {{ {offer}; return; }}"
        elif option.choices:
            offer += "; return"
        else:
            continue
        of_options.append(f"        {name},{flag}) {offer};;")
    places = grammar.places.items()
    return script.format(
        prog=prog,
        function=prog.replace("-", "_"),
        program=RUNS_PROGRAM,
        service=grammar.service,
        values="|".join(f"{name},{flag}" for name, flag, _ in grammar.values()),
        choices="\n".join(of_options),
        options="\n".join(f"        {name},-*) {flags(each)};;" for name, each in places),
        words="\n".join(
            f"        {name},*) {words(each) if each.words else flags(each)};;"
            for name, each in places
        ),
    )


def _options(parser: argparse.ArgumentParser) -> list[Option]:
    return [
        Option(
            action.option_strings,
            (action.help or "no effect") % {"default": action.default},
            action.nargs != 0,
            action.nargs == "?",
            list(map(str, action.choices or ())),
        )
        for action in parser._actions
        if action.option_strings
    ]


def _words(parser: argparse.ArgumentParser) -> dict[str, str]:
    return {
        str(word): ""
        for action in parser._actions
        if not action.option_strings
        for word in action.choices or ()
    }
