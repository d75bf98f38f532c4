"""The completion script of fish, which also shows what each word means."""

from __future__ import annotations

from collections.abc import Iterator

from .grammar import RUNS_PROGRAM, Grammar, Option


_SCRIPT = """\
# Completion for {prog} in fish.
function __{function}_words
    # Print the command on the command line, or "--" and the words after the separator.
    set -l words (commandline -opc)
    set -l command ''
    set -l option ''
    for place in (seq 2 (count $words))
        set -l each $words[$place]
        if test -n "$option"; and not string match -qr -- '^-.' $each
            set option ''
            continue
        end
        set option ''
        switch "$command,$each"
            case '{program},--'
                printf '%s\\n' $words[$place..]
                return
            case {values}
                set option $each
            case '*,-*'
            case ',*' '{service},*'
                set command $each
        end
    end
    printf '%s\\n' "$command"
end
function __{function}_after
    set -l words (__{function}_words)
    test "$words[1]" = "$argv[1]"
end
function __{function}_program
    set -l words (__{function}_words)
    complete -C (string join ' ' -- (string escape -- $words[2..]) (commandline -ct))
end
complete -c {prog} -f
complete -c {prog} -x -n '__{function}_after --' -a '(__{function}_program)'
{lines}
"""


def script(prog: str, grammar: Grammar) -> str:
    """Write the script for this program."""
    function = prog.replace("-", "_")
    return _SCRIPT.format(
        prog=prog,
        function=function,
        program=RUNS_PROGRAM,
        service=grammar.service,
        values=" ".join(_quoted(f"{name},{flag}") for name, flag, _ in grammar.values()),
        lines="\n".join(_lines(prog, function, grammar)),
    )


def _lines(prog: str, function: str, grammar: Grammar) -> Iterator[str]:
    for name, place in grammar.places.items():
        after = f'__{function}_after "{name}"'
        begin = f"complete -c {prog} -n {_quoted(after)}"
        for word, meaning in place.words.items():
            yield f"{begin} -a {word}{_meaning(meaning)}"
        for option in place.options:
            yield f"{begin} {_option(option)}"


def _option(option: Option) -> str:
    flags = " ".join(
        f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags
    )
    return f"{flags}{_value(option)}{_meaning(option.help)}"


def _value(option: Option) -> str:
    if not option.takes_value:
        return ""
    if option.is_value_optional:
        return f" -a {_quoted(' '.join(option.choices))}"
    return f" -x -a {_quoted(' '.join(option.choices))}" if option.choices else " -r -F"


def _meaning(text: str) -> str:
    return f" -d {_quoted(text)}" if text else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
